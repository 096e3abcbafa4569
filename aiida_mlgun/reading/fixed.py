"""Atom lines in fixed fields, ``Si      1.93358349     -0.18495558 …``, as most programs write them: a table of bytes.

The digits of a field make a whole number below 2**53, which is exact, and so is the power of ten that divides it; one
division of exact numbers is correctly rounded (W. D. Clinger, PLDI 1990), so the values are bit for bit those of
``float``.  Anything that is not of this form is left to the general path.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..science.frames import Floats

MAX_FIELD = 23  # characters; wider fields would need powers of ten that are not exact
MAX_EXACT = 9e15  # below 2**53
SPACE, MINUS, POINT, ZERO = b" -.0"


def parse(lines: bytes, count: int, n_real: int) -> tuple[list[bytes], Floats] | None:
    """The first word of each line, with blanks, and (count, n_real) numbers; None when the lines are not of this form.

    :param lines: ``count`` lines of as many bytes each, their line ends in the last place.
    """
    length = len(lines) // count
    last = length - 1
    point = lines.find(b".", 0, last)
    field = lines.find(b".", point + 1, last) - point
    decimals = last - 1 - lines.rfind(b".", 0, last)
    begin = last - field * n_real
    whole = field - decimals - 1  # characters before the point, the blank before the field too
    if not (whole > 1 and decimals > 0 and field <= MAX_FIELD and begin > 0 and point == begin + whole):
        return None
    table = np.frombuffer(lines, dtype=np.uint8).reshape(count, length)
    fields = np.ascontiguousarray(table[:, begin:-1].reshape(-1, field).T)  # a row per place in the field
    digits = fields - ZERO  # of bytes: what is smaller than "0" becomes large
    is_digit, minus = digits < 10, fields[1:whole] == MINUS
    if not _of_this_form(fields, is_digit, minus, whole):
        return None
    digits *= is_digit
    mantissa = _powers(whole, decimals) @ digits.astype(np.float64)
    if mantissa.max() > MAX_EXACT:
        return None
    values = mantissa / 10.0**decimals
    negative = np.bitwise_or.reduce(minus.view(np.uint8), axis=0).view(np.bool_)
    np.negative(values, out=values, where=negative)
    starts = np.ascontiguousarray(table[:, :begin]).view(f"V{begin}")  # not S: it drops zero bytes
    return starts.ravel().tolist(), values.reshape(count, n_real)


@lru_cache(maxsize=64)
def _powers(whole: int, decimals: int) -> Floats:
    """What a digit in each place of the field counts; nothing for the blank before it and for the point."""
    before, after = range(whole + decimals - 2, decimals - 1, -1), range(decimals - 1, -1, -1)
    return np.array([0.0, *(10.0**k for k in before), 0.0, *(10.0**k for k in after)])


def _of_this_form(fields: NDArray[np.uint8], is_digit: NDArray[np.bool_], minus: NDArray[np.bool_], whole: int) -> bool:
    """A blank, blanks, perhaps a minus, at least one digit, the point, digits: all counted, which is the fastest."""
    n, before = fields.shape[1], is_digit[1:whole]
    count = np.count_nonzero
    return bool(
        count(fields[0] == SPACE) == n == count(fields[whole] == POINT)
        and count(is_digit[whole - 1 :]) == n * (len(fields) - whole)  # all but the point
        and count(before) + count(minus) + count(fields[1:whole] == SPACE) == before.size
        and not count(before[:-1] > before[1:])
        and not count(minus[:-1] > before[1:])  # so there is at most one, at the first digit
    )

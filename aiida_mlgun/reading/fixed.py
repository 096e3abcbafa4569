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
SPACE, MINUS, POINT, ZERO, END = b" -.0\n"


def parse(lines: list[bytes], n_real: int) -> tuple[list[bytes], Floats] | None:
    """The first word of each line and (n_lines, n_real) numbers; None when the lines are not of this form."""
    first = lines[0]
    point = first.find(b".")
    field = first.find(b".", point + 1) - point
    decimals = len(first) - 1 - first.rfind(b".")
    begin = len(first) - field * n_real
    whole = field - decimals - 1  # characters before the point, the blank before the field too
    if not (whole > 1 and decimals > 0 and field <= MAX_FIELD and begin > 0 and point == begin + whole):
        return None
    joined = b"\n".join([*lines, b""])
    if len(joined) != len(lines) * (len(first) + 1):
        return None
    table = np.frombuffer(joined, dtype=np.uint8).reshape(len(lines), len(first) + 1)
    fields = np.ascontiguousarray(table[:, begin:-1].reshape(-1, field).T)  # a row per place in the field
    digits = fields - ZERO  # of bytes: what is smaller than "0" becomes large
    is_digit, minus = digits < 10, fields[1:whole] == MINUS
    if not ((table[:, -1] == END).all() and _of_this_form(fields, is_digit, minus, whole)):
        return None
    digits *= is_digit
    mantissa = _powers(whole, decimals) @ digits.astype(np.float64)
    if mantissa.max() > MAX_EXACT:
        return None
    values = mantissa / 10.0**decimals
    np.negative(values, out=values, where=minus.any(axis=0))
    return [line[:begin] for line in lines], values.reshape(len(lines), n_real)


@lru_cache(maxsize=64)
def _powers(whole: int, decimals: int) -> Floats:
    """What a digit in each place of the field counts; nothing for the blank before it and for the point."""
    before, after = range(whole + decimals - 2, decimals - 1, -1), range(decimals - 1, -1, -1)
    return np.array([0.0, *(10.0**k for k in before), 0.0, *(10.0**k for k in after)])


def _of_this_form(fields: NDArray[np.uint8], is_digit: NDArray[np.bool_], minus: NDArray[np.bool_], whole: int) -> bool:
    """A blank, blanks, perhaps a minus, at least one digit, the point, digits."""
    before = is_digit[1:whole]
    return bool(
        (fields[0] == SPACE).all()
        and (fields[whole] == POINT).all()
        and is_digit[whole + 1 :].all()
        and before[-1].all()
        and (before[:-1] <= before[1:]).all()
        and (minus[:-1] <= before[1:]).all()  # so there is at most one, at the first digit
        and (before | minus | (fields[1:whole] == SPACE)).all()
    )

"""One frame of extended XYZ cut out of the lines of a file."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from . import atoms, comment
from .atoms import Columns
from .columns import DEFAULT, Layout, layout
from .labels import FaultError
from .lines import Lines, without_returns

MAX_ATOMS = 1_000_000  # of one frame
MIN_BYTES = 8  # of an atom line, "H 0 0 0" and its end
PIECE_ATOMS = 20_000  # atom lines held as text at once
_COUNT = re.compile(rb"\s*([+-]?[0-9]{1,18})\s*")
_SHAPE = re.compile(rb"[^.eE]*(?:\.([0-9]*))?(?:[eE][+-]?([0-9]*))?")


@dataclass(frozen=True)
class Block:
    """One frame as it stands in the file.

    :param cell: nine numbers, Å, the lattice vectors one after the other.
    """

    info: comment.Info
    cell: tuple[float, ...]
    pbc: tuple[bool, bool, bool]
    atoms: Columns


def read_block(lines: Lines, size: int | None = None, slow: bool = False) -> Block | None:
    """The next frame; None at the end.

    :param size: bytes of the whole text, if known; atom counts that it cannot hold are refused at once.
    :param slow: leave out the fast paths.
    :raises FaultError: with what is wrong.
    """
    if not (head := lines.take(1)):
        return None
    if not head[0].strip():
        if not lines.rest_is_blank():
            raise FaultError("text follows a blank line before it. Remove the blank line.")
        return None
    count = _count(without_returns(head)[0])
    if not (second := lines.take(1)):
        raise FaultError("cut off after its first line. Drop or repair it.")
    line = without_returns(second)[0] if b"\r" in second[0] else second[0]
    info = comment.parse(line, slow)
    cell, pbc = comment.lattice(info), comment.periodic(info)
    columns = layout(info.get("Properties", DEFAULT))
    left = None if size is None else max(size - lines.offset, 0)
    least = 2 * columns.width if count > PIECE_ATOMS else MIN_BYTES  # small ones are told more exactly below
    if count < 1 or (left is not None and count * least - 1 > left):
        rest = "" if left is None else f", {left} bytes are left in the file"
        raise FaultError(f"{count} atoms are claimed{rest}.")
    if count > MAX_ATOMS:
        raise FaultError(f"{count} atoms are claimed; at most {MAX_ATOMS} in one frame are read.")
    parts = []
    for begin in range(0, count, PIECE_ATOMS):
        wanted = min(PIECE_ATOMS, count - begin)
        if not slow and (even := lines.even(wanted)) and (part := atoms.parse_even(even, wanted, columns)):
            lines.skip(even)
        else:
            part = _part(lines, begin, wanted, count, columns, line, slow)
        parts.append(part)
    return Block(info, cell, pbc, parts[0] if len(parts) == 1 else _join(parts))


def _part(
    lines: Lines, begin: int, wanted: int, count: int, columns: Layout, comment_line: bytes, slow: bool
) -> Columns:
    rows = lines.take(wanted)
    if len(rows) < wanted or not rows[-1].strip():
        found = begin + sum(bool(row.strip()) for row in rows)
        raise FaultError(f"cut off after {found} of {count} atoms. Drop or repair it.")
    try:
        part = atoms.parse(rows, columns, comment_line, slow)
    except FaultError as fault:
        raise FaultError(fault.sentence, None if fault.atom is None else begin + fault.atom) from fault
    if lines.cut:
        _check_last_number(rows, columns)
    return part


def _count(head: bytes) -> int:
    if found := _COUNT.fullmatch(head):
        return int(found[1])
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FaultError(f"this is no text file, so no extended XYZ ({error.reason}).") from error
    if "\0" in text:
        raise FaultError("this is no text file, so no extended XYZ (it holds zero bytes).")
    if text.lstrip().startswith("VEC"):
        raise FaultError('cell vectors as VEC lines are not read. Write them as Lattice="..." before this line.')
    raise FaultError(f"a number of atoms is needed on its first line, not {text.strip()[:40]!r}.")


def _join(parts: list[Columns]) -> Columns:
    others = {name: np.concatenate([part.others[name] for part in parts]) for name in parts[0].others}
    numbers = [z for part in parts for z in part.numbers]
    return Columns(parts[0].layout, numbers, np.concatenate([part.reals for part in parts]), others)


def _check_last_number(rows: list[bytes], columns: Layout) -> None:
    """The file ends without a line end: refuse a last number with fewer digits than those it stands with.

    It is compared with its column, or where the frame has one atom with the other real numbers of its line.
    """
    words = [row.split()[-1] for row in rows[:-1]]
    last = rows[-1].split()
    if not words:
        words = [last[c.first + i] for c in columns if c.kind == "R" for i in range(c.count)][:-1]
    shapes = [_shape(word) for word in words]
    if shapes and any(own < min(others) for own, *others in zip(_shape(last[-1]), *shapes, strict=True)):
        raise FaultError(
            f"the file ends in the middle of its last number ({last[-1].decode('utf-8')[:40]!r}). "
            "Drop or repair the frame; if the number is whole, end the file with a line end.",
            len(rows) - 1,
        )


def _shape(word: bytes) -> tuple[int, int]:
    """Digits after the point and in the exponent."""
    found = _SHAPE.match(word)
    assert found is not None
    return len(found[1] or b""), len(found[2] or b"")

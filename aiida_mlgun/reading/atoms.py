"""The atom lines of one frame to arrays: fast where all is plainly as it should be, else line by line and with ASE."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import NDArray

from ..science.frames import Floats
from . import fixed
from .columns import Column, Layout
from .labels import NUMBER, FaultError
from .lines import without_returns

LOGICAL = {"T": True, "F": False, "True": True, "False": False}
MAX_INTEGER = 2**31 - 1  # ASE holds the integers of extended XYZ in 32 bits
NUMBERS = {
    written: z for symbol, z in atomic_numbers.items() if z > 0 for written in (symbol, symbol.lower(), symbol.upper())
}
_BREAK = "\0"
_INTEGER = re.compile(r"[+-]?[0-9]+", re.A)
_CANNOT = (ValueError, KeyError, IndexError, OSError, TypeError, AssertionError, AttributeError, OverflowError)


class _Starts(dict[bytes, int]):
    """A line's beginning, blanks and all, → the atomic number."""

    def __missing__(self, start: bytes) -> int:
        z = self[start] = NUMBERS[start.decode("ascii", "replace").strip(" ")]
        return z


_STARTS = _Starts()


@dataclass(frozen=True)
class Columns:
    """The atoms of one frame (or of some of its lines).

    :param numbers: atomic numbers.
    :param reals: (n_atoms, n_real), all real columns side by side.
    :param others: name → (n_atoms,) or (n_atoms, count), columns of integers and logicals.
    """

    layout: Layout
    numbers: list[int]
    reals: Floats
    others: Mapping[str, NDArray[Any]]

    def array(self, name: str) -> Floats:
        """(n_atoms, count), the columns ``name``.

        :raises FaultError: when they hold no numbers.
        """
        column = self.layout.columns[name]
        if column.kind == "R":
            return self.reals[:, column.real : column.real + column.count]
        if column.kind != "I":
            raise FaultError(f"the column {name!r} holds no numbers. Declare it as R in Properties.")
        return np.asarray(self.others[name], dtype=np.float64).reshape(len(self.numbers), column.count)


def parse(lines: list[bytes], layout: Layout, comment: bytes, slow: bool = False) -> Columns:
    """The atoms that stand in these lines.

    :param comment: the frame's comment line, which ASE is given too.
    :param slow: leave out the fast path.
    :raises FaultError: with the atom and what is wrong.
    """
    columns = None if slow else _fast(lines, layout)
    return _careful(lines, layout, comment) if columns is None else columns


def parse_even(lines: bytes, count: int, layout: Layout) -> Columns | None:
    """The atoms of ``count`` lines as long as one another, with their ends; None unless they are in fixed fields."""
    if not layout.symbols_then_reals or (found := fixed.parse(lines, count, layout.n_real)) is None:
        return None
    try:
        return Columns(layout, list(map(_STARTS.__getitem__, found[0])), found[1], {})
    except KeyError:
        return None


def _fast(lines: list[bytes], layout: Layout) -> Columns | None:
    """All tokens at once, line ends as tokens of their own; None when something is not sure."""
    joined = b" \0 ".join(lines)
    if not joined.isascii() or b"\r" in joined or joined.count(b"\0") != len(lines) - 1:
        return None
    tokens = joined.decode("ascii").split()
    width = layout.width
    if len(tokens) != len(lines) * (width + 1) - 1 or tokens[width :: width + 1].count(_BREAK) != len(lines) - 1:
        return None
    del tokens[width :: width + 1]
    texts: dict[str, list[list[str]]] = {}
    for index, _, name in layout.others:
        texts.setdefault(name, []).insert(0, tokens[index::width])
        del tokens[index::width]
        width -= 1
    if b"_" in joined and any("_" in token for token in tokens):
        return None
    try:
        reals = np.array(list(map(float, tokens)), dtype=np.float64).reshape(len(lines), layout.n_real)
        others = {n: _fast_other(c, texts[n]) for n, c in layout.columns.items() if n == "symbols" or c.kind in "IL"}
        return Columns(layout, _elements(layout, others), reals, others)
    except (ValueError, KeyError):
        return None


def _fast_other(column: Column, texts: list[list[str]]) -> NDArray[Any]:
    if column.name == "symbols":
        return np.array([NUMBERS[word] for word in texts[0]])
    convert: Callable[[str], int] = LOGICAL.__getitem__ if column.kind == "L" else _integer
    return np.array([list(map(convert, words)) for words in texts]).T


def _integer(word: str) -> int:
    if not _INTEGER.fullmatch(word) or len(word) > 11 or abs(int(word)) > MAX_INTEGER:
        raise ValueError(word)
    return int(word)


def _elements(layout: Layout, others: Mapping[str, NDArray[Any]]) -> list[int]:
    """Atomic numbers from the symbols, or from Z; both must agree.

    :raises ValueError: when they do not, or Z is no element.
    """
    found: list[list[int]] = [others[n].ravel().tolist() for n in ("symbols", "numbers") if n in layout.columns]
    if found[0] != found[-1] or not all(0 < z < len(chemical_symbols) for z in found[0]):
        raise ValueError
    return found[0]


def _careful(lines: list[bytes], layout: Layout, comment: bytes) -> Columns:
    lines, comment = without_returns(lines), without_returns([comment])[0]
    rows = []
    for atom, line in enumerate(lines):
        try:
            row = line.decode("utf-8").split()
        except UnicodeDecodeError as error:
            raise FaultError(f"its line is no text ({error.reason}).", atom) from error
        rows.append(row)
    _check_widths(rows, layout)
    for atom, row in enumerate(rows):
        _check_row(row, layout, atom)
    text = b"%d\n%s\n%s\n" % (len(lines), comment, b"\n".join(lines))
    try:
        image = ase.io.read(io.StringIO(text.decode("utf-8")), format="extxyz")
    except _CANNOT as error:
        raise FaultError(f"not readable as extended XYZ ({error}).") from error
    assert isinstance(image, Atoms)
    others = {c.name: _of(image, c.name) for c in layout if c.kind in "IL" and c.name != "move_mask"}
    reals = [_of(image, c.name).reshape(len(lines), c.count) for c in layout if c.kind == "R"]
    return Columns(layout, image.numbers.tolist(), np.hstack(reals) if reals else np.empty((len(lines), 0)), others)


def _of(image: Atoms, name: str) -> NDArray[Any]:
    if image.calc is not None and name in image.calc.results:
        return np.asarray(image.calc.results[name])
    return np.asarray(image.arrays[name])


def _check_widths(rows: list[list[str]], layout: Layout) -> None:
    widths = [len(row) for row in rows]
    odd = [atom for atom, width in enumerate(widths) if width != layout.width]
    if len(odd) == len(rows) and len(set(widths)) == 1 and widths[0]:
        raise FaultError(f"its atom lines have {widths[0]} columns, {layout.text!r} asks for {layout.width}.")
    if odd:
        raise FaultError(
            f"its line has another number of columns ({widths[odd[0]]}) than {layout.text!r} asks for "
            f"({layout.width}). Correct it or drop the frame.",
            odd[0],
        )


def _check_row(row: list[str], layout: Layout, atom: int) -> None:
    for column in layout:
        words = row[column.first : column.first + column.count]
        for word in words:
            if column.kind == "R" and not NUMBER.fullmatch(word):
                raise FaultError(f"{word[:40]!r} in the column {column.name!r} is no number.", atom)
            if column.kind == "L" and word not in LOGICAL:
                raise FaultError(f"{word[:40]!r} in the column {column.name!r} is neither T nor F.", atom)
            if column.kind == "I":
                try:
                    _integer(word)
                except ValueError:
                    raise FaultError(
                        f"{word[:40]!r} in the column {column.name!r} is no whole number of 32 bits.", atom
                    ) from None
    found = {name: row[layout.columns[name].first] for name in ("symbols", "numbers") if name in layout.columns}
    symbol, z = found.get("symbols"), found.get("numbers")
    own = None if symbol is None else atomic_numbers.get(symbol.capitalize(), 0)
    if symbol is not None and not own:
        raise FaultError(f"{symbol[:40]!r} is no element. Name it, or drop the frame.", atom)
    if z is not None and not 0 < int(z) < len(chemical_symbols):
        raise FaultError(f"{z!r} is no atomic number.", atom)
    if z is not None and own not in (None, int(z)):
        raise FaultError(f"its symbol {symbol!r} and its number {z} disagree.", atom)

"""``Properties`` of extended XYZ: which columns an atom line has and what stands in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from .labels import FaultError

DEFAULT = "species:S:1:pos:R:3"
MAX_COLUMNS = 1000
ASE_NAMES = {"pos": "positions", "Z": "numbers", "charge": "charges", "species": "symbols"}
# Shapes that ASE needs, or else it fails or drops what stands there; a name → types and numbers of columns.
SHAPES = {
    "symbols": ("S", (1,)),
    "numbers": ("I", (1,)),
    "positions": ("RI", (3,)),
    "initial_charges": ("RI", (1,)),
    "move_mask": ("LI", (1, 3)),
}
RESULTS = ("forces", "stresses", "charges", "magmoms", "energies", "born_effective_charges")  # numbers, says ASE
OF_A_FRAME = ("energy", "free_energy", "stress", "dipole", "magmom", "dielectric_tensor", "polarization")
_COUNT = re.compile(r"[1-9][0-9]{0,3}")


@dataclass(frozen=True)
class Column:
    """``count`` neighbouring columns of an atom line, beginning at ``first``.

    :param name: as ASE calls the array.
    :param kind: R, I, S or L: real, integer, text, logical.
    :param real: for R: the first of them among the real columns alone; else −1.
    """

    name: str
    kind: str
    first: int
    count: int
    real: int = -1


@dataclass(frozen=True)
class Layout:
    """The columns of an atom line.

    :param text: what ``Properties`` says.
    :param width: number of columns.
    :param n_real: how many of them are real numbers.
    :param columns: name → its columns.
    :param others: (index, kind, name) of each single column that is not real, from the last to the first.
    """

    text: str
    width: int
    n_real: int
    columns: dict[str, Column]
    others: tuple[tuple[int, str, str], ...]

    @cached_property
    def symbols_then_reals(self) -> bool:
        """True for the usual layout: one column of elements, then real numbers only."""
        return self.others == ((0, "S", "symbols"),)

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns.values())


@lru_cache(maxsize=256)
def layout(text: str) -> Layout:
    """The layout that ``Properties=text`` describes.

    :raises FaultError: when it describes none, or leaves out elements or positions.
    """
    fields = text.strip().split(":")
    if len(fields) % 3:
        raise FaultError(f"Properties needs name:type:columns again and again, not {text[:80]!r}.")
    columns: dict[str, Column] = {}
    single: set[str] = set()
    first = real = 0
    for name, kind, count in zip(fields[::3], fields[1::3], fields[2::3], strict=True):
        if not name or kind not in ("R", "I", "S", "L") or not _COUNT.fullmatch(count):
            raise FaultError(
                f"Properties has {f'{name}:{kind}:{count}'[:60]!r}; a name, one of R I S L and a number are needed."
            )
        column = Column(ASE_NAMES.get(name, name), kind, first, int(count), real if kind == "R" else -1)
        names = {name} if column.count == 1 else {f"{name}{i}" for i in range(column.count)}
        if column.name in columns or names & single:
            raise FaultError(f"Properties names the column {name!r} twice. Rename one.")
        _check(column, name)
        columns[column.name] = column
        single |= names
        first += column.count
        real += column.count if kind == "R" else 0
    if "positions" not in columns:
        raise FaultError("Properties has no positions (pos:R:3).")
    if "symbols" not in columns and "numbers" not in columns:
        raise FaultError("Properties has no elements (species:S:1 or Z:I:1).")
    if first > MAX_COLUMNS:
        raise FaultError(f"Properties asks for {first} columns; at most {MAX_COLUMNS} are read.")
    others = [(c.first + i, c.kind, c.name) for c in columns.values() if c.kind != "R" for i in range(c.count)]
    return Layout(text, first, real, columns, tuple(sorted(others, reverse=True)))


def _check(column: Column, name: str) -> None:
    kinds, counts = SHAPES.get(column.name, ("RISL", (column.count,)))
    if column.name in RESULTS:
        kinds = "RI"
    if column.kind not in kinds or column.count not in counts:
        wanted = " or ".join(f"{name}:{kind}:{count}" for kind in kinds for count in counts)
        raise FaultError(f"Properties has {name}:{column.kind}:{column.count}; {wanted} is needed.")
    if column.name in OF_A_FRAME:
        raise FaultError(f"Properties has a column {name!r}; that is a value of the whole frame. Rename the column.")

"""What is remembered of every raw frame: a row of numbers, however many atoms it has."""

from __future__ import annotations

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from .compositions import Compositions
from .frames import Floats, Frames

Ints = NDArray[np.int64]
TAGS = ("stratum", "run", "level", "split", "source")


class Census:
    """One row per raw frame, filled chunk by chunk; memory about 100 bytes per frame."""

    def __init__(self) -> None:
        self._rows: list[dict[str, NDArray[np.float64] | Ints]] = []
        self._names: dict[str, dict[str, int]] = {tag: {} for tag in TAGS}
        self._compositions = Compositions()
        self._columns: dict[str, NDArray[np.float64] | Ints] | None = None

    def enter(self, frames: Frames) -> None:
        """Add the next frames."""
        n = len(frames)
        force = np.full(n, np.nan)
        if frames.forces is not None and n:
            force = np.maximum.reduceat(np.abs(frames.forces).max(axis=1), frames.offsets[:-1])
        rows: dict[str, NDArray[np.float64] | Ints] = {
            "energy": np.full(n, np.nan) if frames.energy is None else frames.energy,
            "max_force": force,
            "isolated": frames.is_isolated.astype(np.int64),
            "composition": self._compositions.ids(frames),
        }
        for tag, known in self._names.items():
            words = frames.tag(tag).tolist()
            rows[tag] = np.array([known.setdefault(word, len(known)) for word in words], dtype=np.int64)
        self._rows.append(rows)
        self._columns = None

    def __len__(self) -> int:
        return sum(len(rows["energy"]) for rows in self._rows)

    def column(self, name: str) -> NDArray[np.float64] | Ints:
        """(n,), ``energy`` (eV), ``max_force`` (largest component, eV/Å), ``isolated``, ``composition`` (number)."""
        if self._columns is None:
            names = self._rows[0] if self._rows else {}
            self._columns = {key: np.concatenate([rows[key] for rows in self._rows]) for key in names}
        return self._columns[name]

    def tag(self, name: str) -> NDArray[np.str_]:
        """(n,), the tag ``name`` of every frame."""
        words = np.array(list(self._names[name]), dtype=np.str_)
        return words[self.column(name).astype(np.int64)]

    def words(self, name: str, among: Ints) -> list[str]:
        """The values that the tag ``name`` takes in the frames ``among``, sorted, the empty one left out."""
        words = list(self._names[name])
        return sorted({words[k] for k in np.unique(self.column(name)[among]).astype(int).tolist()} - {""})

    @property
    def symbols(self) -> list[str]:
        """Elements of all frames, by atomic number."""
        present: set[int] = set()
        for key in self._compositions.known:
            present |= set(key)
        return [chemical_symbols[z] for z in sorted(present)]

    def counts(self, among: Ints) -> Floats:
        """(len(among), k), atoms of each of :attr:`symbols` in each frame."""
        numbers = [chemical_symbols.index(symbol) for symbol in self.symbols]
        table = np.array([[list(key).count(z) for z in numbers] for key in self._compositions.known], dtype=np.float64)
        return table[self.column("composition")[among].astype(np.int64)]

    def formulas(self, among: Ints) -> dict[str, int]:
        """Formula (elements by atomic number) → frames of ``among`` that have it, most frequent first."""
        ids, n = np.unique(self.column("composition")[among].astype(np.int64), return_counts=True)
        keys = list(self._compositions.known)
        named = [(_formula(keys[k]), int(count)) for k, count in zip(ids.tolist(), n.tolist(), strict=True)]
        return dict(sorted(named, key=lambda item: (-item[1], item[0])))


def _formula(species: bytes) -> str:
    numbers, counts = np.unique(np.frombuffer(species, dtype=np.uint8), return_counts=True)
    pairs = zip(numbers.tolist(), counts.tolist(), strict=True)
    return "".join(f"{chemical_symbols[z]}{n if n > 1 else ''}" for z, n in pairs)

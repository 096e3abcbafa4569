"""Filters of frames whose geometry is there more than once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ..fingerprints import geometry_hashes
from ..frames import Frames
from .base import Filter, Ints, Mask, Pick


class Book:
    """What is known of the frames that reached it: hash of the geometry, energy per atom (eV)."""

    def __init__(self) -> None:
        self.hash: dict[int, bytes] = {}
        self.energy: dict[int, float] = {}
        self._seen: set[int] = set()

    def enter(self, frames: Frames, alive: Mask, start: int) -> None:
        """Write down the chunk's frames that are ``alive``, once."""
        if start in self._seen:
            return
        self._seen.add(start)
        index = np.flatnonzero(alive)
        energy = np.full(len(frames), np.nan) if frames.energy is None else frames.energy / frames.n_atoms
        chosen = frames if len(index) == len(frames) else frames.select(index)
        for i, key in zip(index.tolist(), geometry_hashes(chosen), strict=True):
            self.hash[start + i] = key
            self.energy[start + i] = float(energy[i])

    def repeats(self, kept: Ints) -> list[list[int]]:
        """The frames of each geometry that is there more than once."""
        groups: dict[bytes, list[int]] = {}
        for number in kept.tolist():
            groups.setdefault(self.hash[number], []).append(number)
        return [group for group in groups.values() if len(group) > 1]


@dataclass
class Conflicts(Filter):
    """Drops all frames of one geometry whose energies differ by more than ``tolerance`` (eV/atom): one of them lies."""

    tolerance: float
    book: Book = field(repr=False)
    name: ClassVar[str] = "conflicting_labels"

    def parameters(self) -> dict[str, Any]:
        """The tolerance."""
        return {"tolerance": self.tolerance}

    def see(self, frames: Frames, alive: Mask, start: int) -> Mask:
        """Enter the frames into the book."""
        self.book.enter(frames, alive, start)
        return super().see(frames, alive, start)

    def finish(self, kept: Ints, pick: Pick) -> Ints:
        """Judge each geometry that is there more than once."""
        bad: list[int] = []
        for group in self.book.repeats(kept):
            energy = [self.book.energy[number] for number in group]
            if max(energy) - min(energy) > self.tolerance:
                bad += group
        return np.array(sorted(bad), dtype=np.int64)


@dataclass
class Duplicates(Filter):
    """Drops frames whose geometry (:func:`..fingerprints.geometry_hashes`) an earlier frame has."""

    book: Book = field(repr=False)
    name: ClassVar[str] = "duplicates"

    def parameters(self) -> dict[str, Any]:
        """None."""
        return {}

    def see(self, frames: Frames, alive: Mask, start: int) -> Mask:
        """Enter the frames into the book."""
        self.book.enter(frames, alive, start)
        return super().see(frames, alive, start)

    def finish(self, kept: Ints, pick: Pick) -> Ints:
        """Keep the first of each geometry."""
        return np.array(sorted(n for group in self.book.repeats(kept) for n in group[1:]), dtype=np.int64)

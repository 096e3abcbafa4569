"""The filter of frames that hardly differ from an earlier one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from scipy.spatial import cKDTree

from ..fingerprints import fractional, spacings, wave_radius, waves
from ..frames import Floats, Frames
from ..pairs import displacement
from .base import Filter, Ints, Mask, Pick

BLOCK = 2048  # candidate pairs that are looked at together


@dataclass
class NearDuplicates(Filter):
    """Drops frames within a root-mean-square displacement of ``distance`` (Å) of an earlier frame that is kept.

    Candidates are frames of one composition and cell whose Fourier sums are close; most of them are told apart by
    sorted coordinates (:func:`at_least`), the rest atom by atom.
    """

    distance: float
    name: ClassVar[str] = "near_duplicates"
    _groups: dict[bytes, list[tuple[int, Floats, float]]] = field(default_factory=dict, repr=False)

    def parameters(self) -> dict[str, Any]:
        """The displacement."""
        return {"rms_displacement": self.distance}

    def see(self, frames: Frames, alive: Mask, start: int) -> Mask:
        """Remember the Fourier sums, by composition and cell."""
        index = np.flatnonzero(alive)
        if len(index):
            chosen = frames if len(index) == len(frames) else frames.select(index)
            sums, radius = waves(chosen), wave_radius(chosen, self.distance)
            for row, i in enumerate(index.tolist()):
                species = np.sort(chosen.numbers[chosen.part(row)]).astype(np.uint8).tobytes()
                shape = np.rint(chosen.cell[row] * 10).astype(np.int64).tobytes() + chosen.pbc[row].tobytes()
                self._groups.setdefault(species + shape, []).append((start + i, sums[row], float(radius[row])))
        return super().see(frames, alive, start)

    def finish(self, kept: Ints, pick: Pick) -> Ints:
        """Compare the candidates, the earlier frame of a pair first."""
        left, dropped = set(kept.tolist()), set[int]()
        for group in self._groups.values():
            for pairs in _candidates([member for member in group if member[0] in left]):
                numbers = np.unique(pairs)
                frames = pick(numbers)
                rows = np.searchsorted(numbers, pairs)
                near = at_least(frames, rows) <= self.distance
                for (a, b), (i, j) in zip(pairs[near].tolist(), rows[near].tolist(), strict=True):
                    if a in dropped or b in dropped:
                        continue
                    if displacement(frames.select([i]), frames.select([j])) <= self.distance:
                        dropped.add(b)
        return np.array(sorted(dropped), dtype=np.int64)


def at_least(frames: Frames, pairs: Ints) -> Floats:
    """(p,), a lower bound (Å) of the displacement between frames of one composition and cell.

    Sorting matches numbers best, so for f = cos or sin of 2π × a fractional coordinate, sorted within each species,
    Σ (Δf)² ≤ (2π/h)² Σ (Δx)² for whichever matching of atoms moves them least; h is the planes' spacing.

    :param pairs: (p, 2), rows of ``frames``.
    """
    n_atoms = int(frames.n_atoms[0])
    scaled, full = fractional(frames)
    owner = np.repeat(np.arange(len(frames)), n_atoms)
    phase = 2 * np.pi * scaled
    values = np.concatenate([np.cos(phase), np.sin(phase)], axis=1)
    for column in range(6):
        values[:, column] = values[np.lexsort((values[:, column], frames.numbers, owner)), column]
    rows = values.reshape(len(frames), n_atoms, 6)
    delta = np.square(rows[pairs[:, 0]] - rows[pairs[:, 1]]).sum(axis=1)
    height = np.tile(spacings(full)[pairs[:, 0]], 2)
    bound: Floats = np.sqrt((delta * (height / (2 * np.pi)) ** 2).max(axis=1) / n_atoms)
    return bound


def _candidates(members: list[tuple[int, Floats, float]]) -> Iterator[Ints]:
    """Pairs (p, 2) of frame numbers, the smaller first, ascending, a block at a time."""
    if len(members) < 2:
        return
    numbers = np.array([number for number, _, _ in members], dtype=np.int64)
    sums = np.array([row for _, row, _ in members])
    found = cKDTree(sums).query_pairs(max(r for _, _, r in members), output_type="ndarray")
    pairs = np.sort(numbers[found.reshape(-1, 2)], axis=1)
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    for first in range(0, len(pairs), BLOCK):
        yield pairs[first : first + BLOCK]

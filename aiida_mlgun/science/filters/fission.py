"""The filter of frames in which a bond broke that should not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from numpy.typing import NDArray

from ..frames import Frames
from ..pairs import bond_lengths
from .base import Filter, Ints, Mask

BOND = 1.25  # × sum of covalent radii


@dataclass
class BondFission(Filter):
    """Drops frames in which a bond of the run's first frame is longer than ``stretch`` × the sum of covalent radii.

    A bond: two atoms of a named pair within 1.25 × that sum in the run's first raw frame.  A frame without a ``run``
    tag is compared with the first raw frame of the same atoms in the same order, and falls alone.  [W] 2.1 drops the
    frames with unphysical C–H fission and what follows them.

    :param rest_of_run: drop all later frames of the run too.
    """

    pairs: Sequence[tuple[str, str]]
    stretch: float
    rest_of_run: bool = True
    name: ClassVar[str] = "bond_fission"
    _bonds: dict[tuple[str, bytes], Ints] = field(default_factory=dict, repr=False)
    _broken: set[tuple[str, bytes]] = field(default_factory=set, repr=False)

    def parameters(self) -> dict[str, Any]:
        """The pairs, the stretch, and what falls."""
        pairs = [list(pair) for pair in self.pairs]
        return {"pairs": pairs, "stretch": self.stretch, "drops": "rest_of_run" if self.rest_of_run else "frame"}

    def see(self, frames: Frames, alive: Mask, start: int) -> Mask:
        """Judge each run's frames of the chunk together, in their order."""
        bad = np.zeros(len(frames), dtype=bool)
        self._remember(frames)
        for key, index in _by_run_and_atoms(frames).items():
            bonds = self._bonds[key]
            if not len(bonds):
                continue
            radii = covalent_radii[np.frombuffer(key[1], dtype=np.int64)]
            limit = self.stretch * (radii[bonds[:, 0]] + radii[bonds[:, 1]])
            broken = (bond_lengths(frames.select(index), bonds) > limit).any(axis=1)
            if key[0] and self.rest_of_run:
                broken = np.logical_or.accumulate(broken) | (key in self._broken)
                if broken.any():
                    self._broken.add(key)
            bad[index] = broken
        return bad

    def _remember(self, frames: Frames) -> None:
        """The bonds of each run's first frame, and under the run ``""`` those of the first frame of its atoms."""
        for i, run in enumerate(frames.tag("run").tolist()):
            atoms = frames.numbers[frames.part(i)].tobytes()
            for key in ((run, atoms), ("", atoms)):
                if key not in self._bonds:
                    self._bonds[key] = self._bonds_of(frames.select([i]))

    def _bonds_of(self, first: Frames) -> Ints:
        numbers = first.numbers
        wanted = {tuple(sorted((atomic_numbers[a], atomic_numbers[b]))) for a, b in self.pairs}
        i, j = np.triu_indices(len(numbers), 1)
        kinds = np.sort(np.column_stack([numbers[i], numbers[j]]), axis=1)
        named = np.zeros(len(i), dtype=bool)
        for a, b in wanted:
            named |= (kinds[:, 0] == a) & (kinds[:, 1] == b)
        pairs: NDArray[np.int64] = np.column_stack([i, j])[named].astype(np.int64)
        if not len(pairs):
            return pairs
        radii = covalent_radii[numbers]
        near = bond_lengths(first, pairs)[0] < BOND * (radii[pairs[:, 0]] + radii[pairs[:, 1]])
        bonds: Ints = pairs[near]
        return bonds


def _by_run_and_atoms(frames: Frames) -> dict[tuple[str, bytes], Ints]:
    """(run, species in order as bytes) → frames of the chunk, ascending."""
    groups: dict[tuple[str, bytes], list[int]] = {}
    for i, run in enumerate(frames.tag("run").tolist()):
        groups.setdefault((run, frames.numbers[frames.part(i)].tobytes()), []).append(i)
    return {key: np.array(index, dtype=np.int64) for key, index in groups.items()}

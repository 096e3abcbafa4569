"""The filter of energies that no frame of the same composition has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..compositions import Compositions
from ..frames import Frames
from .base import Filter, Ints, Mask, Pick

MAD_TO_SIGMA = 1.4826  # median absolute deviation → standard deviation of a normal distribution
MIN_SPREAD = 1e-3  # eV/atom: energies closer together than this are never outliers
FEWEST = 8  # compositions with fewer frames are left alone: there is nothing to be an outlier of


@dataclass
class EnergyOutliers(Filter):
    """Drops frames whose energy per atom lies more than ``z_score`` robust deviations off its composition's median.

    A robust deviation is 1.4826 × the median absolute deviation, at least 1 meV/atom.
    """

    z_score: float
    name: ClassVar[str] = "energy_outliers"
    _compositions: Compositions = field(default_factory=Compositions, repr=False)
    _seen: list[tuple[Ints, Ints, NDArray[np.float64]]] = field(default_factory=list, repr=False)

    def parameters(self) -> dict[str, Any]:
        """The score."""
        return {"z_score": self.z_score}

    def see(self, frames: Frames, alive: Mask, start: int) -> Mask:
        """Remember composition and energy per atom."""
        if frames.energy is not None and alive.any():
            kind, energy = self._compositions.ids(frames), frames.energy / frames.n_atoms
            self._seen.append((start + np.flatnonzero(alive), kind[alive], energy[alive]))
        return super().see(frames, alive, start)

    def finish(self, kept: Ints, pick: Pick) -> Ints:
        """Judge each composition by its own median."""
        if not self._seen:
            return super().finish(kept, pick)
        number, kind, energy = (np.concatenate(column) for column in zip(*self._seen, strict=True))
        left = np.isin(number, kept)
        number, kind, energy = number[left], kind[left], energy[left]
        bad = np.zeros(len(number), dtype=bool)
        for k in np.unique(kind):
            members = np.flatnonzero(kind == k)
            if len(members) < FEWEST:
                continue
            delta = np.abs(energy[members] - np.median(energy[members]))
            bad[members] = delta > self.z_score * max(MAD_TO_SIGMA * float(np.median(delta)), MIN_SPREAD)
        return np.sort(number[bad])

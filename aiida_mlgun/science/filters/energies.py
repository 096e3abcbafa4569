"""The filter of energies that no frame of the same composition has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

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
    _composition: dict[int, bytes] = field(default_factory=dict, repr=False)
    _energy: dict[int, float] = field(default_factory=dict, repr=False)

    def parameters(self) -> dict[str, Any]:
        """The score."""
        return {"z_score": self.z_score}

    def see(self, frames: Frames, alive: Mask, start: int) -> Mask:
        """Remember composition and energy per atom."""
        for i in np.flatnonzero(alive).tolist() if frames.energy is not None else ():
            assert frames.energy is not None
            numbers = frames.numbers[frames.part(i)]
            self._composition[start + i] = np.sort(numbers).astype(np.uint8).tobytes()
            self._energy[start + i] = float(frames.energy[i]) / len(numbers)
        return super().see(frames, alive, start)

    def finish(self, kept: Ints, pick: Pick) -> Ints:
        """Judge each composition by its own median."""
        groups: dict[bytes, list[int]] = {}
        for number in kept.tolist():
            groups.setdefault(self._composition[number], []).append(number)
        bad: list[int] = []
        for members in groups.values():
            if len(members) < FEWEST:
                continue
            energy = np.array([self._energy[number] for number in members])
            delta = np.abs(energy - np.median(energy))
            limit = self.z_score * max(MAD_TO_SIGMA * float(np.median(delta)), MIN_SPREAD)
            bad += np.asarray(members)[delta > limit].tolist()
        return np.array(sorted(bad), dtype=np.int64)

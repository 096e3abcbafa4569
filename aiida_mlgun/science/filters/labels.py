"""Filters over a frame's labels alone: missing, unconverged, too strong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..frames import Frames
from .base import Filter, Mask, any_atom


@dataclass
class WithoutLabels(Filter):
    """Drops frames whose energy or a force component is missing or not finite."""

    name: ClassVar[str] = "without_labels"

    def parameters(self) -> dict[str, Any]:
        """None."""
        return {}

    def see(self, frames: Frames, alive: Mask, start: int) -> Mask:
        """Judge by energy and forces."""
        if frames.energy is None or frames.forces is None:
            return np.ones(len(frames), dtype=bool)
        return ~np.isfinite(frames.energy) | any_atom(np.any(~np.isfinite(frames.forces), axis=1), frames)


@dataclass
class Unconverged(Filter):
    """Drops frames whose tag ``scf_converged`` says no."""

    name: ClassVar[str] = "unconverged"

    def parameters(self) -> dict[str, Any]:
        """None."""
        return {}

    def see(self, frames: Frames, alive: Mask, start: int) -> Mask:
        """Judge by the tag."""
        return np.isin(frames.tag("scf_converged"), ["F", "False", "false", "0"])


@dataclass
class AboveForce(Filter):
    """Drops frames in which a force component exceeds ``ceiling`` (eV/Å)."""

    ceiling: float
    name: ClassVar[str] = "above_force"

    def parameters(self) -> dict[str, Any]:
        """The ceiling."""
        return {"ceiling": self.ceiling}

    def see(self, frames: Frames, alive: Mask, start: int) -> Mask:
        """Judge by the forces."""
        if frames.forces is None:
            return np.zeros(len(frames), dtype=bool)
        with np.errstate(invalid="ignore"):
            return any_atom(np.any(np.abs(frames.forces) > self.ceiling, axis=1), frames)

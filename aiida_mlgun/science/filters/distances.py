"""Filters over a frame's geometry alone: atoms on top of each other, atoms that have left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..fingerprints import fractional, spacings
from ..frames import Frames
from ..pairs import has_closer_than
from .base import Filter, Mask, any_atom


@dataclass
class TooClose(Filter):
    """Drops frames with two atoms, images included, closer than ``distance`` (Å)."""

    distance: float
    name: ClassVar[str] = "too_close"

    def parameters(self) -> dict[str, Any]:
        """The distance."""
        return {"distance": self.distance}

    def see(self, frames: Frames, alive: Mask, start: int) -> Mask:
        """Judge by the positions."""
        return has_closer_than(frames, self.distance)


@dataclass
class Strays(Filter):
    """Drops frames with an atom more than ``distance`` (Å) outside the cell.

    Outside: beyond the planes that bound the cell; in a frame without a cell, from the middle (median) of its atoms.
    """

    distance: float
    name: ClassVar[str] = "strays"

    def parameters(self) -> dict[str, Any]:
        """The distance."""
        return {"distance": self.distance}

    def see(self, frames: Frames, alive: Mask, start: int) -> Mask:
        """Judge by the positions."""
        scaled, full = fractional(frames)
        owner = np.repeat(np.arange(len(frames)), frames.n_atoms)
        outside = np.maximum(np.maximum(-scaled, scaled - 1), 0) * spacings(full)[owner]
        bare = ~np.any(frames.cell != 0, axis=2)  # no vector given along this direction
        for i in np.flatnonzero(np.any(bare, axis=1)).tolist():
            part = frames.part(i)
            x = scaled[part]
            outside[part] = np.where(bare[i], np.abs(x - np.median(x, axis=0)), outside[part])
        return any_atom(np.any(outside > self.distance, axis=1), frames)

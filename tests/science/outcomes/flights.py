"""Acetylene over the dimer 12-14 of the 2×2 slab.  Å."""

from __future__ import annotations

from typing import Any

import numpy as np

UP = np.array([0.0, 0.0, 1.0])
#: Where a flight starts, above atom 12.
HIGH = 14.0


def astride(si001: Any) -> Any:
    """Acetylene over the dimer 12-14, C0 at the origin but for 0.3 Å, C1 0.3 Å higher above its Si, 1.8 Å from C0."""
    _, y, z = si001.positions[14] - si001.positions[12]
    return np.array([[0, 0.3, 0], [0, y - 0.3, z + 0.3], [0, -0.6, 0.6], [0, y + 0.6, z + 0.9]])


def upright(tilt: float) -> Any:
    """Acetylene with C0 at the origin and C1 `tilt` Å along the dimer, so that only C0 or both touch."""
    return np.array([[0, 0, 0], [0, tilt, 0.9], [-1.0, 0, 0.3], [0, tilt, 1.97]])

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aiida_mlgun.contract.shooting import Chemistry, Decision
from aiida_mlgun.science.outcomes import ShotTracker

from .flights import HIGH, UP


@pytest.fixture
def flight(si001: Any, acetylene: Any, chemistry: Chemistry) -> Any:
    """A tracker, and a function that shows it acetylene `height` Å above atom 12 with velocity v_z (Å/fs)."""
    numbers, shape = acetylene
    atoms = np.concatenate([si001.numbers, numbers])

    def geometry(height: float, molecule: Any = None) -> Any:
        place = si001.positions[12] + height * UP
        return np.concatenate([si001.positions, place + (shape if molecule is None else molecule)])

    def make(**decision: Any) -> tuple[ShotTracker, Callable[..., Any]]:
        rule = Decision(**{"settle_fs": 100.0, **decision})
        tracker = ShotTracker(si001.slab, atoms, 24, si001.cell, si001.pbc, chemistry, rule, geometry(HIGH))

        def show(t_fs: float, height: float, v_z: float = -0.01, molecule: Any = None) -> Any:
            velocities = np.zeros((28, 3))
            velocities[24:, 2] = v_z
            return tracker.update(t_fs, geometry(height, molecule), velocities)

        return tracker, show

    return make

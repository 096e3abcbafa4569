"""Real and hand-made geometries: the 2×2 Si(001) slab, stored trajectories, acetylene put where a test wants it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.io import read
from numpy.typing import NDArray

from aiida_mlgun.contract.shooting import Chemistry, ReactiveGroup
from aiida_mlgun.science.outcomes import load_catalogue
from aiida_mlgun.science.slabs import Slab, analyse

FIXTURES = Path(__file__).parent.parent / "fixtures"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Surface:
    numbers: NDArray[np.int64]
    positions: Floats
    cell: Floats
    pbc: NDArray[np.bool_]
    slab: Slab


@pytest.fixture(scope="session")
def si001() -> Surface:
    """The relaxed 2×2 Si(001) slab: dimers 12-14 (x = 1.93) and 13-15 (x = 5.80), along y."""
    with (FIXTURES / "si001_2x2_relaxed.extxyz").open() as handle:
        atoms = read(handle, format="extxyz")
    numbers, positions = atoms.numbers.astype(np.int64), atoms.positions.copy()
    slab = analyse(numbers, positions, atoms.cell.array, atoms.pbc)
    return Surface(numbers, positions, atoms.cell.array.copy(), atoms.pbc.copy(), slab)


@pytest.fixture(scope="session")
def trajectory() -> Callable[[str], dict[str, Any]]:
    """A stored trajectory by name, positions and velocities in float64."""

    def load(name: str) -> dict[str, Any]:
        with np.load(FIXTURES / f"{name}.npz", allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        for key in ("positions", "velocities"):
            arrays[key] = arrays[key].astype(np.float64)
        arrays["n_slab"] = int(arrays["n_slab"].item())
        return arrays

    return load


@pytest.fixture(scope="session")
def acetylene() -> tuple[NDArray[np.int64], Floats]:
    """C2H2 along x, its centre at the origin."""
    numbers = np.array([6, 6, 1, 1])
    return numbers, np.array([[-0.6, 0, 0], [0.6, 0, 0], [-1.67, 0, 0], [1.67, 0, 0]])


@pytest.fixture(scope="session")
def chemistry() -> Chemistry:
    """Acetylene's one group and the shipped catalogue."""
    return Chemistry((ReactiveGroup("CC", (0, 1)),), load_catalogue())

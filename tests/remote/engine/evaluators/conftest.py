"""The shipped compact model on a small slab with a molecule above it: what the fast evaluators can do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule

from aiida_mlgun.assets import COMPACT_MODEL, shipped_models
from aiida_mlgun.remote.engine.evaluators import SymmetrixMace, System
from aiida_mlgun.remote.mace import load_model

FIXTURES = Path(__file__).parents[3] / "fixtures"


@pytest.fixture(scope="session")
def compact() -> torch.nn.Module:
    """Eight elements, two layers, correlation 2, r_max 5 Å; float64."""
    model: torch.nn.Module = load_model(Path(shipped_models()[COMPACT_MODEL]), "cpu", "float64")
    return model


@pytest.fixture(scope="session")
def slab_and_gas() -> Atoms:
    """The relaxed 2×2 Si(001) slab, sheared a little, and C2H2 in reach of it."""
    with (FIXTURES / "si001_2x2_relaxed.extxyz").open() as handle:
        slab: Any = ase.io.read(handle, format="extxyz")
    cell = slab.cell.array.copy()
    cell[1, 0] += 0.6
    slab.set_cell(cell, scale_atoms=True)
    gas = molecule("C2H2")
    gas.translate([3.0, 3.5, slab.positions[:, 2].max() + 2.6])
    both = Atoms(slab.numbers, slab.positions, cell=cell, pbc=(True, True, False)) + gas
    both.rattle(0.03, seed=1)
    return both


@pytest.fixture(scope="session")
def system(slab_and_gas: Atoms) -> System:
    return System(slab_and_gas.numbers, slab_and_gas.cell.array, slab_and_gas.pbc)


@pytest.fixture(scope="session")
def rows(slab_and_gas: Atoms) -> torch.Tensor:
    """Five geometries (5, n, 3), Å."""
    rng = np.random.default_rng(5)
    return torch.from_numpy(slab_and_gas.positions + rng.normal(0, 0.04, (5, len(slab_and_gas), 3)))


@pytest.fixture(scope="session")
def symmetrix(compact: torch.nn.Module, system: System) -> SymmetrixMace:
    """One of them in float64; whoever uses it has to forget its lists first."""
    return SymmetrixMace(compact, system)

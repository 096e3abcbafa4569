"""Both thermostats sample the canonical distribution: kinetic energy of N free atoms is a gamma of 3N/2 at k_B T."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
import torch
from ase import Atoms
from scipy import stats

from aiida_mlgun.contract.jobs import EquilibrateJob
from aiida_mlgun.remote import equilibrate
from aiida_mlgun.remote.io import Progress
from aiida_mlgun.science.slabs import analyse, fixed_mask

from .toys import Energies, Springs

FIXTURES = Path(__file__).parent.parent / "fixtures"
TEMPERATURE = 400.0


class Solid(Springs):
    """Morse bonds of 2 eV between neighbours, and weak springs: coupled atoms, as a chain of thermostats needs them.

    Atoms each on its own stiff spring meet through the thermostat alone, and a chain then samples too wide a range.
    """

    device = torch.device("cpu")

    def __init__(self, rest: torch.Tensor) -> None:
        super().__init__(1.0, rest)
        distances = (rest[:, None] - rest[None]).norm(dim=2)
        i, j = torch.triu_indices(len(rest), len(rest), 1)
        bonded = distances[i, j] < 2.8
        self.i, self.j, self.length = i[bonded], j[bonded], distances[i, j][bonded]

    def __call__(self, positions: torch.Tensor, keys: Sequence[int] = ()) -> Energies:
        energies, forces = super().__call__(positions, keys)
        d = positions[:, self.i] - positions[:, self.j]
        r = d.norm(dim=2)
        q = torch.exp(-1.5 * (r - self.length))
        pull = (6.0 * (1 - q) * q / r)[..., None] * d
        forces = forces.index_add(1, self.i, -pull).index_add(1, self.j, pull)
        return energies + 2.0 * ((1 - q) ** 2).sum(dim=1), forces


@dataclass
class Run:
    """Temperatures of one run, far enough apart to be independent, and how many atoms moved."""

    temperatures: np.ndarray
    free: int


def _sample(atoms: Atoms, moving: Any, thermostat: Any, steps: int, folder: Path, patch: pytest.MonkeyPatch) -> Run:
    solid = Solid(torch.from_numpy(atoms.positions.copy()))
    patch.setattr(equilibrate, "make_evaluator", lambda *_: (solid, {"evaluator": "solid"}))
    patch.setattr(equilibrate, "MOLECULE_DAMPING_FS", 20.0)
    job = EquilibrateJob(
        temperature=TEMPERATURE, timestep_fs=1.0, snapshots=1, discard_fs=1.0 * steps, relax_steps=1, device="cpu"
    )
    progress = Progress(folder, 1, "steps")
    rng = np.random.default_rng(1)
    _, facts = equilibrate.sample(job, torch.nn.Identity(), atoms, moving, thermostat, rng, progress, 0)
    return Run(np.array(facts["temperatures"])[20::2], int(moving.sum()))  # one each 40 fs


def _p_value(run: Run, degrees: int) -> float:
    """Kolmogorov and Smirnov's, of 2 K / k_B T against chi-squared with ``degrees`` of freedom."""
    values = 3 * run.free * run.temperatures / TEMPERATURE
    return float(stats.kstest(values, stats.chi2(degrees).cdf).pvalue)


@pytest.fixture
def slab_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    with (FIXTURES / "si001_2x2_relaxed.extxyz").open() as handle:
        slab: Any = ase.io.read(handle, format="extxyz")
    layers = analyse(slab.numbers.astype(np.int64), slab.positions, slab.cell.array, slab.pbc)
    return _sample(slab, ~fixed_mask(layers, 1), equilibrate.nose_hoover, 15000, tmp_path, monkeypatch)


@pytest.fixture
def gas_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    four = Atoms("Si4", [[0, 0, 0], [2.3, 0, 0], [0, 2.3, 0], [0, 0, 2.3]])
    return _sample(four, np.ones(4, dtype=bool), equilibrate.langevin, 12000, tmp_path, monkeypatch)


def test_the_chain_samples_the_free_atoms_of_a_slab(slab_run: Run) -> None:
    """A right count is refused once in a thousand machines; wrong ones lie below 1e-5."""
    assert slab_run.free == 12
    assert _p_value(slab_run, 3 * 12) > 1e-3
    assert _p_value(slab_run, 3 * 24) < 1e-5, "fixed atoms carry no energy"
    assert _p_value(slab_run, 3 * 12 - 3) < 1e-5, "the centre of mass moves too"


def test_langevin_samples_all_atoms_of_a_molecule(gas_run: Run) -> None:
    assert gas_run.free == 4
    assert _p_value(gas_run, 12) > 1e-3
    assert _p_value(gas_run, 9) < 1e-5, "the centre of mass is thermostatted too"

"""At the height from which shots start, slab and molecule are strangers to a model of two message-passing layers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ase.io
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule

from aiida_mlgun.contract.shooting import Aim, Velocity
from aiida_mlgun.remote.engine.evaluators import System, TorchMace
from aiida_mlgun.science.aim import place
from aiida_mlgun.science.flight_height import MARGIN, start_height
from aiida_mlgun.science.frames import Frames, from_atoms
from aiida_mlgun.science.slabs import analyse_states

FIXTURES = Path(__file__).parents[2] / "fixtures"
R_MAX = 4.0  # of the small model


def _states(atoms: Atoms) -> Frames:
    image = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    image.rattle(0.05, seed=1)
    image.arrays["velocities_A_fs"] = np.zeros_like(image.positions)
    return from_atoms([image])


@pytest.mark.parametrize("shot", range(4))
def test_energies_add_up_and_no_force_crosses_the_gap(small_mace: Callable[[str], torch.nn.Module], shot: int) -> None:
    with (FIXTURES / "si001_2x2_relaxed.extxyz").open() as handle:
        clean = ase.io.read(handle, format="extxyz")
    clean.pbc = (True, True, False)
    slab_states, gas = _states(clean), _states(molecule("C2H2"))
    slab = analyse_states(slab_states)
    height = start_height("random", slab_states, gas, slab, R_MAX)

    def at(z: float) -> tuple[float, np.ndarray, float, np.ndarray]:
        """Energy and forces of both together, and of both apart."""
        start = place(Aim(z), Velocity(), 5, shot, slab_states, gas, slab).positions
        numbers = np.concatenate([clean.numbers, molecule("C2H2").numbers])
        parts = [slice(0, 28), slice(0, 24), slice(24, 28)]
        found = []
        for part in parts:
            evaluate = TorchMace(small_mace("float64"), System(numbers[part], clean.cell.array, clean.pbc))
            energy, forces = evaluate(torch.from_numpy(start[part])[None])
            found.append((float(energy[0]), forces[0].numpy()))
        apart = found[1][0] + found[2][0], np.concatenate([found[1][1], found[2][1]])
        return found[0][0], found[0][1], *apart

    energy, forces, sum_of_both, of_each = at(height)
    assert energy == pytest.approx(sum_of_both, abs=1e-9)
    np.testing.assert_allclose(forces, of_each, rtol=0, atol=1e-9)
    energy, forces, sum_of_both, of_each = at(height - MARGIN - 3.5)  # well within r_max they do feel each other
    assert abs(energy - sum_of_both) > 1e-6
    assert np.abs(forces[:24] - of_each[:24]).max() > 1e-6

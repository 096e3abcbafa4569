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
from ase.data import atomic_masses

from aiida_mlgun.contract.shooting import Aim, Velocity
from aiida_mlgun.remote.engine.evaluators import System, TorchMace
from aiida_mlgun.remote.engine.integrator import State, inertia, nve_init, nve_step
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


def test_a_flight_from_higher_up_arrives_as_a_start_just_outside(small_mace: Callable[[str], torch.nn.Module]) -> None:
    """The flight from 3 Å higher changes nothing but the phase: slab and molecule flown apart for as long, and put
    together where the model begins to see, go the same way through the encounter."""
    with (FIXTURES / "si001_2x2_relaxed.extxyz").open() as handle:
        clean = ase.io.read(handle, format="extxyz")
    clean.pbc = (True, True, False)
    gas = molecule("C2H2")
    slab_states, gas_states = _states(clean), _states(gas)
    slab = analyse_states(slab_states)
    height = start_height("random", slab_states, gas_states, slab, R_MAX)
    shot = place(Aim(height + 3.0), Velocity("beam", kinetic_energy=10.0), 5, 0, slab_states, gas_states, slab)
    numbers = np.concatenate([clean.numbers, gas.numbers])
    model, dt = small_mace("float64"), 0.5

    def flown(start: tuple[torch.Tensor, torch.Tensor], part: slice, steps: int) -> State:
        evaluate = TorchMace(model, System(numbers[part], clean.cell.array, clean.pbc))
        body = inertia(atomic_masses[numbers[part]], np.zeros(len(numbers[part]), dtype=bool))
        state = nve_init(evaluate, *start, body)
        for _ in range(steps):
            state = nve_step(evaluate, state, body, dt)
        return state

    def cut(part: slice) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.from_numpy(shot.positions[part])[None], torch.from_numpy(shot.velocities[part])[None]

    fall = float(-shot.velocities[24:, 2].mean())
    free, more = int(3.0 / fall / dt), 90
    whole = flown(cut(slice(0, 28)), slice(0, 28), free + more)
    parts = [flown(cut(part), part, free) for part in (slice(0, 24), slice(24, 28))]
    start = [torch.cat([getattr(part, name) for part in parts], dim=1) for name in ("positions", "velocities")]
    late = flown((start[0], start[1]), slice(0, 28), more)
    gap = float(late.positions[0, 24:, 2].min() - late.positions[0, :24, 2].max())
    assert gap < 0.5 * R_MAX  # they have met
    assert (whole.positions - late.positions).abs().max() < 1e-9
    apart = flown((parts[0].positions, parts[0].velocities), slice(0, 24), more)
    assert (apart.positions - late.positions[:, :24]).abs().max() > 1e-5  # and felt it

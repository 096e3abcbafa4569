"""All starts of a job: what is refused, and that a found height is the same for every batch of a campaign."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.jobs import ShootJob
from aiida_mlgun.contract.shooting import Aim, Chemistry, Decision, Dynamics
from aiida_mlgun.science.frames import Frames, concatenate, from_atoms
from aiida_mlgun.science.slabs import analyse_states
from aiida_mlgun.science.starts import check_states, place_all


def _states(atoms: Atoms, count: int, speed: float = 0.003) -> Frames:
    rng = np.random.default_rng(3)
    images = []
    for _ in range(count):
        image = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        image.positions += rng.normal(0, 0.05, image.positions.shape)
        image.arrays["velocities_A_fs"] = rng.normal(0, speed, image.positions.shape)
        images.append(image)
    return from_atoms(images)


@pytest.fixture
def clean(si001: Any) -> Atoms:
    return Atoms(si001.numbers, si001.positions, cell=si001.cell, pbc=[True, True, False])


def _job(chemistry: Chemistry, **changes: Any) -> ShootJob:
    return replace(
        ShootJob(4, chemistry, aim=Aim(height=None), decision=Decision(leave_height=None), seed=3), **changes
    )


def test_every_batch_finds_the_same_height_and_the_same_starts(clean: Atoms, chemistry: Chemistry) -> None:
    slab_states, gas = _states(clean, 3), _states(molecule("C2H2"), 2)
    slab = analyse_states(slab_states)
    whole, shots = place_all(_job(chemistry), slab_states, gas, slab, 4.5)
    later, last = place_all(_job(chemistry, first_shot=2, n_shots=2), slab_states, gas, slab, 4.5)
    assert whole.aim.height == later.aim.height is not None
    for a, b in zip(shots[2:], last, strict=True):
        np.testing.assert_array_equal(a.positions, b.positions)
    assert _job(chemistry).aim.height is None


def test_hot_start_states_count_for_the_time_step(clean: Atoms, chemistry: Chemistry) -> None:
    """1 fs suits 300 K; states in which hydrogen flies 0.2 Å per fs are too hot for it."""
    cold, hot = _states(molecule("C2H2"), 2), _states(molecule("C2H2"), 2, speed=0.1)
    slab_states = _states(clean, 2)
    job = _job(chemistry, dynamics=Dynamics(timestep_fs=1.0))
    place_all(job, slab_states, cold, analyse_states(slab_states), 4.5)
    with pytest.raises(RefusedError, match="in which H moves"):
        place_all(job, slab_states, hot, analyse_states(slab_states), 4.5)


def test_states_of_one_kind(clean: Atoms) -> None:
    good = _states(clean, 2)
    check_states(good, "slab")
    ghost = _states(clean, 1)
    ghost.numbers[2] = 0
    other = concatenate([good, _states(molecule("C2H2"), 1)])
    for states, sentence in (
        (replace(good, velocities=None), "slab: start states need velocities; equilibrate them first."),
        (replace(good, positions=good.positions * np.nan), "slab: some positions are not finite numbers."),
        (ghost, "slab: atom 2 is no element"),
        (other, "slab: state 2 has other atoms"),
    ):
        with pytest.raises(RefusedError, match=sentence):
            check_states(states, "slab")

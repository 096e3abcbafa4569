from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.data import atomic_masses
from scipy.spatial.transform import Rotation
from scipy.stats import kstest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.shooting import Aim, Velocity
from aiida_mlgun.science.aim import Shot, centre_of_mass, place, rotation_matrix
from aiida_mlgun.science.frames import Frames, from_atoms
from aiida_mlgun.science.seeds import shot_seed
from aiida_mlgun.science.units import ACCELERATION, BOLTZMANN, KINETIC

MASSES = atomic_masses[[6, 6, 1, 1]]
MASS = float(MASSES.sum())


def snapshots(numbers: Any, positions: Any, n: int, seed: int, **options: Any) -> Frames:
    """Snapshots with random velocities whose centre of mass rests."""
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(n):
        atoms = Atoms(numbers, positions + rng.normal(0, 0.02, positions.shape), **options)
        velocities = rng.normal(0, 0.005, positions.shape)
        atoms.arrays["velocities_A_fs"] = velocities - centre_of_mass(atoms.get_masses(), velocities)
        images.append(atoms)
    return from_atoms(images)


@pytest.fixture(scope="module")
def states(si001: Any, acetylene: Any) -> tuple[Frames, Frames]:
    slab = snapshots(si001.numbers, si001.positions, 4, 1, cell=si001.cell, pbc=True)
    return slab, snapshots(*acetylene, 5, 2)


@pytest.fixture
def shoot(si001: Any, states: tuple[Frames, Frames]) -> Any:
    def call(index: int = 0, aim: Aim | None = None, **velocity: Any) -> Shot:
        return place(aim or Aim(), Velocity(**velocity), 24, index, *states, si001.slab)

    return call


def test_atoms_are_the_snapshots(shoot: Any, states: tuple[Frames, Frames], si001: Any) -> None:
    shot = shoot(7, Aim(orientation="snapshot"))
    slab, molecule = states
    assert shot.positions.shape == shot.velocities.shape == (28, 3)
    assert np.array_equal(shot.positions[:24], slab.positions[slab.part(shot.slab_state)])
    assert np.array_equal(shot.velocities[:24], slab.velocities[slab.part(shot.slab_state)])
    part = molecule.part(shot.molecule_state)
    moved = shot.positions[24:] - molecule.positions[part]
    assert np.allclose(moved, moved[0]) and shot.quaternion.tolist() == [1, 0, 0, 0]
    assert np.allclose(shot.velocities[24:] - molecule.velocities[part], shot.impulse)
    centre = centre_of_mass(MASSES, shot.positions[24:])
    assert centre == pytest.approx([*shot.xy, si001.slab.surface_z + 20.0])


def test_orientation_turns_positions_and_velocities_alike(shoot: Any, states: tuple[Frames, Frames]) -> None:
    shot, part = shoot(3), states[1].part(shoot(3).molecule_state)
    turn = Rotation.from_quat(np.roll(shot.quaternion, -1))
    start = states[1].positions[part] - centre_of_mass(MASSES, states[1].positions[part])
    assert np.allclose(shot.positions[24:] - centre_of_mass(MASSES, shot.positions[24:]), turn.apply(start))
    assert np.allclose(shot.velocities[24:] - shot.impulse, turn.apply(states[1].velocities[part]))


def test_rotation_matrix_is_scipys() -> None:
    quaternion = np.random.default_rng(5).normal(size=4)
    quaternion /= np.linalg.norm(quaternion)
    assert np.allclose(rotation_matrix(quaternion), Rotation.from_quat(np.roll(quaternion, -1)).as_matrix())


def test_a_shot_depends_on_seed_and_index_alone(shoot: Any, si001: Any, states: tuple[Frames, Frames]) -> None:
    assert np.array_equal(shoot(5).positions, shoot(5).positions) and shoot(5).seed == shot_seed(24, 5)
    assert not np.allclose(shoot(5).xy, shoot(6).xy)
    assert not np.allclose(shoot(5).xy, place(Aim(), Velocity(), 25, 5, *states, si001.slab).xy)


def test_one_setting_leaves_the_other_draws_alone(shoot: Any) -> None:
    plain = shoot(9)
    other = shoot(9, Aim(height=12.0, orientation="snapshot"), recipe="beam", kinetic_energy=0.3)
    assert np.array_equal(plain.xy, other.xy)
    assert (plain.slab_state, plain.molecule_state) == (other.slab_state, other.molecule_state)
    assert np.array_equal(plain.impulse, shoot(9, Aim(orientation="snapshot")).impulse)


def test_thermal_recipe_carries_three_halves_kt_downwards(shoot: Any) -> None:
    impulses = np.array([shoot(i, temperature=450.0).impulse for i in range(200)])
    energy = 0.5 * MASS * (impulses**2).sum(axis=1) * KINETIC
    assert np.allclose(energy, 1.5 * BOLTZMANN * 450.0)
    assert (impulses[:, 2] < 0).all()
    assert 60 < (impulses[:, 0] > 0).sum() < 140 and 60 < (impulses[:, 1] > 0).sum() < 140


def test_thermal_z_recipe_is_half_normal(shoot: Any) -> None:
    impulses = np.array([shoot(i, recipe="thermal_z").impulse for i in range(400)])
    width = np.sqrt(BOLTZMANN * 300 * ACCELERATION / MASS)
    assert (impulses[:, :2] == 0).all() and (impulses[:, 2] < 0).all()
    assert kstest(-impulses[:, 2] / width, "halfnorm").pvalue > 0.01


def test_beam_carries_its_energy_at_its_angle(shoot: Any) -> None:
    shot = shoot(recipe="beam", kinetic_energy=0.5, polar_angle=30.0, azimuth=90.0)
    velocity = centre_of_mass(MASSES, shot.velocities[24:])
    speed = np.linalg.norm(velocity)
    assert 0.5 * MASS * speed**2 * KINETIC == pytest.approx(0.5)
    assert velocity / speed == pytest.approx([0, 0.5, -np.sqrt(0.75)], abs=1e-12)


def test_beam_replaces_a_snapshots_own_drift(si001: Any, states: tuple[Frames, Frames]) -> None:
    drifting = replace(states[1], velocities=states[1].velocities + np.array([0.01, 0.02, 0.03]))
    shot = place(Aim(), Velocity("beam", kinetic_energy=0.5), 24, 0, states[0], drifting, si001.slab)
    velocity = centre_of_mass(MASSES, shot.velocities[24:])
    assert velocity[:2] == pytest.approx([0, 0], abs=1e-12)
    assert 0.5 * MASS * velocity[2] ** 2 * KINETIC == pytest.approx(0.5)


def test_random_azimuth_is_uniform(shoot: Any) -> None:
    impulses = np.array([shoot(i, recipe="beam", kinetic_energy=0.5, polar_angle=45).impulse for i in range(400)])
    angle = np.arctan2(impulses[:, 1], impulses[:, 0]) / (2 * np.pi) + 0.5
    assert kstest(angle, "uniform").pvalue > 0.01


def test_aim_is_uniform_over_cell_and_rotations(shoot: Any, si001: Any) -> None:
    shots = [shoot(i) for i in range(600)]
    xy = np.array([shot.xy for shot in shots]) / np.diag(si001.cell)[:2]
    assert kstest(xy[:, 0], "uniform").pvalue > 0.01 and kstest(xy[:, 1], "uniform").pvalue > 0.01
    axis_z = np.array([rotation_matrix(shot.quaternion)[2, 0] for shot in shots])
    assert kstest((axis_z + 1) / 2, "uniform").pvalue > 0.01  # Archimedes: z of a random direction
    assert np.bincount([shot.slab_state for shot in shots]).min() > 100
    assert np.bincount([shot.molecule_state for shot in shots]).min() > 80


def test_snapshots_without_velocities_are_refused(si001: Any, states: tuple[Frames, Frames]) -> None:
    with pytest.raises(RefusedError, match="molecule's start states"):
        place(Aim(), Velocity(), 24, 0, states[0], replace(states[1], velocities=None), si001.slab)

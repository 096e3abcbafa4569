"""The start of a shot: which snapshots, where over the cell, turned how, how fast ([W] 2.1 and 2.2; rows G2, G3).

Order of draws, the same whatever the settings are, so that changing one setting leaves the other draws alone:
slab state, molecule state, orientation (4 normal numbers), x and y (2 uniform numbers), velocity (3 normal numbers,
1 uniform number).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.data import atomic_masses
from numpy.typing import NDArray

from ..contract.errors import RefusedError
from ..contract.shooting import Aim, Velocity
from .frames import Frames
from .seeds import generator, shot_seed
from .slabs import Slab
from .units import ACCELERATION, BOLTZMANN

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Shot:
    """A shot at its start, slab atoms first, then the molecule's (n atoms in all).

    :param index: the shot's number in its campaign.
    :param seed: names its random stream (:func:`~aiida_mlgun.science.seeds.shot_seed`).
    :param slab_state, molecule_state: the snapshots it starts from.
    :param positions: (n, 3), Å; the molecule is in one piece and may reach over the cell's boundary.
    :param velocities: (n, 3), Å/fs.
    :param xy: (2,), Å, where over the cell the molecule's centre of mass is.
    :param quaternion: (4,), w x y z, the rotation by which the molecule's snapshot was turned.
    :param impulse: (3,), Å/fs, the velocity added to every atom of the molecule.
    """

    index: int
    seed: int
    slab_state: int
    molecule_state: int
    positions: Floats
    velocities: Floats
    xy: Floats
    quaternion: Floats
    impulse: Floats


def place(
    aim: Aim,
    velocity: Velocity,
    campaign_seed: int,
    index: int,
    slab_states: Frames,
    molecule_states: Frames,
    slab: Slab,
) -> Shot:
    """The start of shot ``index``: it depends on the campaign's seed and the index, not on any other shot.

    :param slab_states, molecule_states: snapshots with velocities.
    :raises RefusedError: when a set of snapshots is empty or has no velocities.
    """
    for name, states in (("slab", slab_states), ("molecule", molecule_states)):
        if not len(states) or states.velocities is None:
            raise RefusedError(f"the {name}'s start states need at least one snapshot, with velocities.")
    assert slab_states.velocities is not None and molecule_states.velocities is not None
    rng = generator(campaign_seed, index)
    slab_state = int(rng.integers(len(slab_states)))
    molecule_state = int(rng.integers(len(molecule_states)))
    drawn = rng.standard_normal(4)
    fractions = rng.random(2)
    normals, turn = rng.standard_normal(3), float(rng.random())

    ground, flyer = slab_states.part(slab_state), molecule_states.part(molecule_state)
    masses = atomic_masses[molecule_states.numbers[flyer]]
    quaternion = np.array([1.0, 0, 0, 0]) if aim.orientation == "snapshot" else drawn / np.linalg.norm(drawn)
    rotation = rotation_matrix(quaternion)
    shape = molecule_states.positions[flyer]
    shape = (shape - centre_of_mass(masses, shape)) @ rotation.T
    motion = molecule_states.velocities[flyer] @ rotation.T
    xy = (fractions @ slab_states.cell[slab_state][:2])[:2]
    assert aim.height is not None, "a height to be found (science.flight_height) is found before shots are placed"
    target = np.array([xy[0], xy[1], slab.surface_z + aim.height])
    impulse = _impulse(velocity, float(masses.sum()), centre_of_mass(masses, motion), normals, turn)
    return Shot(
        index=index,
        seed=shot_seed(campaign_seed, index),
        slab_state=slab_state,
        molecule_state=molecule_state,
        positions=np.concatenate([slab_states.positions[ground], shape + target]),
        velocities=np.concatenate([slab_states.velocities[ground], motion + impulse]),
        xy=xy,
        quaternion=quaternion,
        impulse=impulse,
    )


def centre_of_mass(masses: Floats, vectors: Floats) -> Floats:
    """(n,), (n, 3) → (3,), the mass-weighted mean of positions or velocities."""
    centre: Floats = masses @ vectors / masses.sum()
    return centre


def rotation_matrix(quaternion: Floats) -> Floats:
    """(4,) unit quaternion w x y z → (3, 3) proper rotation; uniform over all rotations for a uniform quaternion."""
    w, x, y, z = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def _impulse(velocity: Velocity, mass: float, own: Floats, normals: Floats, turn: float) -> Floats:
    """(3,), Å/fs, what is added to every atom.

    :param mass: of the molecule, u.
    :param own: (3,), Å/fs, velocity of the snapshot's centre of mass; a beam replaces it, the others add to it.
    """
    if velocity.recipe == "beam":
        assert velocity.kinetic_energy is not None
        polar = np.deg2rad(velocity.polar_angle)
        azimuth = 2 * np.pi * turn if velocity.azimuth is None else np.deg2rad(velocity.azimuth)
        speed = np.sqrt(2 * velocity.kinetic_energy * ACCELERATION / mass)
        sideways = np.array([np.cos(azimuth), np.sin(azimuth), 0.0]) * np.sin(polar)
        beam: Floats = speed * (sideways - np.array([0.0, 0.0, np.cos(polar)])) - own
        return beam
    thermal = float(np.sqrt(BOLTZMANN * velocity.temperature * ACCELERATION / mass))  # per degree of freedom
    down = np.array([normals[0], normals[1], -abs(normals[2])])
    if velocity.recipe == "thermal_z":
        return thermal * down * [0.0, 0.0, 1.0]
    impulse: Floats = np.sqrt(3.0) * thermal * down / np.linalg.norm(down)
    return impulse

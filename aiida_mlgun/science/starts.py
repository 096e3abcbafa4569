"""All starts of a shoot job, checked before a step is spent on them: on the workstation, and again where they fly."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from ase.data import atomic_masses

from ..contract.errors import RefusedError
from ..contract.jobs import ShootJob
from .aim import Shot, place
from .aim_checks import check_atoms, check_geometry, check_images
from .flight_height import with_height
from .frames import Frames
from .slabs import Slab
from .time_step import check_time_step, impact_speed
from .units import BOLTZMANN, KINETIC

#: Å; a molecule and its own lateral image stay at least this far apart (two hydrogens in contact: 2.4 Å).
IMAGE_GAP: Final = 3.0


def check_states(states: Frames, name: str) -> None:
    """Start states are snapshots of the same atoms in the same cell, with velocities.

    :param name: whose they are, for the message.
    :raises RefusedError: saying what is wrong with them.
    """
    if not len(states) or states.velocities is None or not np.isfinite(states.velocities).all():
        raise RefusedError(f"{name}: start states need velocities; equilibrate them first.")
    if not np.isfinite(states.positions).all():
        raise RefusedError(f"{name}: some positions are not finite numbers.")
    numbers = states.numbers[states.part(0)]
    check_atoms(numbers, None, name)
    for i in range(1, len(states)):
        same = np.array_equal(states.numbers[states.part(i)], numbers) and np.array_equal(states.pbc[i], states.pbc[0])
        if not (same and np.allclose(states.cell[i], states.cell[0], atol=1e-8)):
            raise RefusedError(f"{name}: state {i} has other atoms, cell or periodicity than state 0.")


def place_all(
    job: ShootJob, slab_states: Frames, molecule_states: Frames, slab: Slab, r_max: float
) -> tuple[ShootJob, list[Shot]]:
    """The job with a number for its start height, and all its shots at their starts.

    :param slab_states, molecule_states: as :func:`check_states` wants them.
    :param r_max: Å, the model's cutoff: nearer than this to the slab's next image along z, a molecule would feel it.
    :raises RefusedError: naming the shot, where only one start is bad.
    """
    cell, pbc = slab_states.cell[0], slab_states.pbc[0]
    ground, gas = slab_states.numbers[slab_states.part(0)], molecule_states.numbers[molecule_states.part(0)]
    numbers = np.concatenate([ground, gas])
    heat = max(job.velocity.temperature, _temperature(slab_states), _temperature(molecule_states))
    impact = impact_speed(job.velocity, gas)
    check_time_step(job.dynamics.timestep_fs, numbers, heat, impact, "dynamics.timestep_fs")
    for i in range(len(molecule_states)):
        check_images(molecule_states.positions[molecule_states.part(i)], cell, pbc, IMAGE_GAP)
    job = replace(job, aim=with_height(job.aim, job.decision, slab_states, molecule_states, slab, r_max))
    shots = []
    for index in range(job.first_shot, job.first_shot + job.n_shots):
        shot = place(job.aim, job.velocity, job.seed, index, slab_states, molecule_states, slab)
        try:
            check_geometry(numbers, shot.positions, shot.velocities, cell, pbc, slab, min_gap=r_max)
        except RefusedError as error:
            raise RefusedError(f"shot {index}: {error}", status=error.status) from error
        shots.append(shot)
    return job, shots


def _temperature(states: Frames) -> float:
    """K, mean kinetic temperature of the atoms that move."""
    assert states.velocities is not None
    energies = 0.5 * KINETIC * atomic_masses[states.numbers] * np.square(states.velocities).sum(axis=1)
    moving = energies > 0
    return float(2 * energies[moving].mean() / (3 * BOLTZMANN)) if moving.any() else 0.0

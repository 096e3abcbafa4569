"""How long a step of velocity Verlet may be.  fs, Å/fs, u, K, eV, cm⁻¹.

A harmonic vibration of angular frequency ω is stable for Δt < 2/ω; its frequency comes out as
(2/Δt) arcsin(ω Δt / 2), 4.7 % too high at ω Δt = 1 (Hairer, Lubich, Wanner, Acta Numerica 2003, 12, 399).
Refused is ω Δt > 1, half of what is stable: with hydrogen Δt > 1.2 fs.  A tenth of the period is better still.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from ase.data import atomic_masses, chemical_symbols
from numpy.typing import NDArray

from ..contract.errors import RefusedError
from ..contract.shooting import Velocity
from .units import ACCELERATION, BOLTZMANN

Numbers = NDArray[np.integer[Any]]

#: cm/fs.
LIGHT: Final = 2.99792458e-5
#: cm⁻¹, the fastest vibrations there are, of H2 and, between heavier atoms, N2 (Huber and Herzberg, Constants of
#: Diatomic Molecules, 1979); other masses scale them by 1/√m.
HYDROGEN: Final = 4401.0
HEAVIER: Final = 2359.0
#: Å; an atom that moves farther in one step jumps over what it should feel: about a tenth of the shortest bond.
LONGEST_MOVE: Final = 0.1


def fastest_vibration(number: int) -> float:
    """cm⁻¹, an upper bound for vibrations of an atom with this atomic number."""
    if number == 1:
        return HYDROGEN
    return HEAVIER * float(np.sqrt(atomic_masses[7] / atomic_masses[number]))


def longest_step(number: int) -> float:
    """fs, the longest step for an atom: ω Δt = 1."""
    return 1.0 / (2.0 * np.pi * LIGHT * fastest_vibration(number))


def thermal_speed(number: int, temperature: float) -> float:
    """Å/fs, root mean square speed √(3 k_B T / m)."""
    return float(np.sqrt(3.0 * BOLTZMANN * temperature * ACCELERATION / atomic_masses[number]))


def impact_speed(velocity: Velocity, molecule: Numbers) -> float:
    """Å/fs, with which the molecule's centre of mass is shot: √(2 E / M), E a beam's energy or (3/2) k_B T."""
    energy = velocity.kinetic_energy
    energy = 1.5 * BOLTZMANN * velocity.temperature if energy is None else energy
    return float(np.sqrt(2.0 * energy * ACCELERATION / atomic_masses[molecule].sum()))


def check_time_step(
    timestep_fs: float, numbers: Numbers, temperature: float, extra_speed: float = 0.0, name: str = "timestep_fs"
) -> None:
    """Refuse a time step too long for the lightest atom's vibrations or for how fast it flies.

    :param numbers: (n,), atomic numbers of all atoms.
    :param temperature: K, of the start states.
    :param extra_speed: Å/fs, on top of the thermal one: the impact.
    :param name: of the setting, for the message.
    :raises RefusedError: saying the longest step that is allowed.
    """
    kinds = [int(z) for z in np.unique(numbers)]
    hasty = min(kinds, key=longest_step)
    if timestep_fs > longest_step(hasty):
        period = 2.0 * np.pi * longest_step(hasty)
        raise RefusedError(
            f"{name} is {timestep_fs:g} fs, too long for {chemical_symbols[hasty]}: its fastest vibration "
            f"({fastest_vibration(hasty):.0f} cm⁻¹) has a period of {period:.1f} fs. Take {longest_step(hasty):.2f} fs "
            "at most, better half of it."
        )
    light = min(kinds, key=lambda z: float(atomic_masses[z]))
    speed = thermal_speed(light, temperature) + extra_speed
    if timestep_fs * speed > LONGEST_MOVE:
        raise RefusedError(
            f"{name} is {timestep_fs:g} fs, in which {chemical_symbols[light]} moves {timestep_fs * speed:.2f} Å "
            f"({temperature:g} K and the impact make {speed:.3f} Å/fs); {LONGEST_MOVE} Å is the most. Take "
            f"{LONGEST_MOVE / speed:.2g} fs at most."
        )

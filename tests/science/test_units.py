from __future__ import annotations

import pytest
from ase import units

from aiida_mlgun.science.units import ACCELERATION, BOLTZMANN, KINETIC


def test_acceleration_from_si_values() -> None:
    ev, u, angstrom, fs = 1.602176634e-19, 1.66053906660e-27, 1e-10, 1e-15
    assert pytest.approx(ev / angstrom / u / (angstrom / fs**2), rel=1e-7) == ACCELERATION


def test_kinetic_energy_of_ase() -> None:
    speed = 0.02  # Å/fs
    assert 0.5 * 12.0 * speed**2 * KINETIC == pytest.approx(0.5 * 12.0 * (speed / units.fs) ** 2)
    assert pytest.approx(1.0) == KINETIC * ACCELERATION


def test_boltzmann() -> None:
    assert pytest.approx(0.025852, rel=1e-4) == BOLTZMANN * 300

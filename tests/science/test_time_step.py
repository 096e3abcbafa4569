"""Time steps: the closed form against a pendulum that is really integrated, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.shooting import Velocity
from aiida_mlgun.science.time_step import check_time_step, fastest_vibration, impact_speed, longest_step, thermal_speed
from aiida_mlgun.science.units import BOLTZMANN, KINETIC

C2H2, SI = np.array([6, 6, 1, 1]), np.full(5, 14)


def _period(omega_dt: float, steps: int = 200_000) -> float:
    """Steps per period of a harmonic oscillator under velocity Verlet, from its zeros."""
    x, v = 1.0, 0.0
    places = np.empty(steps)
    for i in range(steps):
        places[i] = x
        half = v - 0.5 * omega_dt * x
        x += omega_dt * half
        v = half - 0.5 * omega_dt * x
    crossings = np.flatnonzero((places[:-1] > 0) & (places[1:] <= 0))
    return float((crossings[-1] - crossings[0]) / (len(crossings) - 1))


def test_at_the_limit_a_vibration_is_stable_and_4_7_percent_too_fast() -> None:
    assert 2 * np.pi / _period(1.0, 20_000) == pytest.approx(2 * np.arcsin(0.5), rel=1e-4)
    assert 2 * np.arcsin(0.5) == pytest.approx(1.047, abs=1e-3)


def test_known_molecules_are_slower_than_the_bound() -> None:
    """Harmonic wavenumbers, cm⁻¹ (Huber and Herzberg): HF, OH, CH; then CO, C2, O2, CN, SiO, SiC."""
    for number, known in ((1, 4138), (1, 3738), (1, 2858), (6, 2170), (6, 1855), (8, 1580), (6, 2069), (8, 1242)):
        assert fastest_vibration(number) >= known


def test_longest_steps() -> None:
    assert longest_step(1) == pytest.approx(1.206, abs=1e-3)
    assert longest_step(14) > longest_step(6) > longest_step(1)


def test_speeds() -> None:
    assert 0.5 * KINETIC * 1.008 * thermal_speed(1, 300.0) ** 2 == pytest.approx(1.5 * BOLTZMANN * 300.0)
    mass = 2 * 12.011 + 2 * 1.008
    beam = Velocity(recipe="beam", kinetic_energy=2.0)
    assert 0.5 * KINETIC * mass * impact_speed(beam, C2H2) ** 2 == pytest.approx(2.0, rel=1e-6)
    thermal = impact_speed(Velocity(temperature=300.0), C2H2)
    assert 0.5 * KINETIC * mass * thermal**2 == pytest.approx(1.5 * BOLTZMANN * 300.0, rel=1e-6)


@pytest.mark.parametrize("step", [0.25, 0.5, 1.0, 1.2])
def test_usual_steps_with_hydrogen_pass(step: float) -> None:
    check_time_step(step, np.concatenate([SI, C2H2]), 300.0, impact_speed(Velocity(), C2H2))


def test_too_long_for_hydrogen() -> None:
    sentence = (
        "dynamics.timestep_fs is 2 fs, too long for H: its fastest vibration (4401 cm⁻¹) has a period of 7.6 fs. "
        "Take 1.21 fs at most, better half of it."
    )
    with pytest.raises(RefusedError) as refused:
        check_time_step(2.0, np.concatenate([SI, C2H2]), 300.0, name="dynamics.timestep_fs")
    assert str(refused.value) == sentence
    check_time_step(2.0, SI, 300.0)


def test_too_long_for_what_is_light_but_not_hydrogen() -> None:
    with pytest.raises(RefusedError, match="too long for C"):
        check_time_step(2.5, np.array([14, 6, 8]), 300.0)


def test_too_long_for_a_fast_beam_or_great_heat() -> None:
    fast = impact_speed(Velocity(recipe="beam", kinetic_energy=15.0), C2H2)
    with pytest.raises(RefusedError, match=r"in which H moves 0\.13 Å .* 0\.1 Å is the most. Take 0\.75 fs at most"):
        check_time_step(1.0, C2H2, 300.0, fast)
    check_time_step(0.7, C2H2, 300.0, fast)
    with pytest.raises(RefusedError, match="in which H moves"):
        check_time_step(1.0, C2H2, 5000.0)

"""Closed forms of velocity Verlet."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from aiida_mlgun.remote.engine.evaluator import Evaluator
from aiida_mlgun.remote.engine.integrator import State, inertia, kinetic_energy, nve_init, nve_step
from aiida_mlgun.science.units import ACCELERATION, BOLTZMANN

from ..toys import Pairs, Springs, free


def _random(rows: int, n: int, seed: int = 0, spread: float = 1.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return spread * torch.randn((rows, n, 3), generator=generator, dtype=torch.float64)


def _advance(evaluate: Evaluator, state: State, masses: np.ndarray, fixed: np.ndarray, dt: float, steps: int) -> State:
    body = inertia(masses, fixed)
    for _ in range(steps):
        state = nve_step(evaluate, state, body, dt)
    return state


def test_free_atoms_fly_straight() -> None:
    x, v, masses = _random(3, 5, 1), _random(3, 5, 2, 0.01), np.array([1.0, 12, 28, 1, 63])
    body = inertia(masses, np.zeros(5, dtype=bool))
    state = nve_init(free, x, v, body)
    for _ in range(200):
        state = nve_step(free, state, body, 0.5)
    torch.testing.assert_close(state.positions, x + v * 100.0, rtol=0, atol=1e-12)
    assert torch.equal(state.velocities, v)


def test_a_spring_swings_with_its_frequency() -> None:
    k, mass = 5.0, np.array([12.0])
    omega = math.sqrt(k * ACCELERATION / mass[0])
    steps = 400
    dt = 2 * math.pi / omega / steps
    x = torch.tensor([[[0.3, 0.0, 0.0]]], dtype=torch.float64)
    body = inertia(mass, np.array([False]))
    springs = Springs(k, torch.zeros(1, 3, dtype=torch.float64))
    state = nve_init(springs, x, torch.zeros_like(x), body)
    for _ in range(steps // 4):
        state = nve_step(springs, state, body, dt)
    assert state.positions[0, 0, 0] == pytest.approx(0.0, abs=1e-4)
    assert state.velocities[0, 0, 0] == pytest.approx(-0.3 * omega, rel=1e-4)


def test_energy_error_falls_with_the_square_of_the_step() -> None:
    springs = Springs(20.0, torch.zeros(1, 3, dtype=torch.float64))
    body = inertia(np.array([1.0]), np.array([False]))
    x = torch.tensor([[[0.2, 0.0, 0.0]]], dtype=torch.float64)
    errors = []
    for dt in (0.4, 0.2, 0.1):
        state = nve_init(springs, x, torch.zeros_like(x), body)
        start = float(state.energies + kinetic_energy(state.velocities, body))
        worst = 0.0
        for _ in range(round(60 / dt)):
            state = nve_step(springs, state, body, dt)
            worst = max(worst, abs(float(state.energies + kinetic_energy(state.velocities, body)) - start))
        errors.append(worst)
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.05)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.05)


def test_turning_the_velocities_round_leads_back() -> None:
    x, v, masses = _random(2, 4, 3, 1.2), _random(2, 4, 4, 0.01), np.array([1.0, 12, 28, 1])
    fixed = np.zeros(4, dtype=bool)
    body = inertia(masses, fixed)
    there = _advance(Pairs(), nve_init(Pairs(), x, v, body), masses, fixed, 0.5, 150)
    assert (there.positions - x).abs().max() > 0.1
    back = _advance(Pairs(), nve_init(Pairs(), there.positions, -there.velocities, body), masses, fixed, 0.5, 150)
    torch.testing.assert_close(back.positions, x, rtol=0, atol=1e-9)
    torch.testing.assert_close(back.velocities, -v, rtol=0, atol=1e-10)


def test_a_batch_equals_single_runs() -> None:
    x, v, masses = _random(3, 4, 5, 1.2), _random(3, 4, 6, 0.01), np.array([1.0, 12, 28, 1])
    fixed = np.array([False, True, False, False])
    body = inertia(masses, fixed)
    together = _advance(Pairs(), nve_init(Pairs(), x, v, body), masses, fixed, 0.5, 40)
    for row in range(3):
        alone = _advance(Pairs(), nve_init(Pairs(), x[[row]], v[[row]], body), masses, fixed, 0.5, 40)
        torch.testing.assert_close(together.positions[[row]], alone.positions, rtol=0, atol=1e-12)


def test_fixed_atoms_stay_even_if_given_a_velocity() -> None:
    x, v, masses = _random(2, 4, 7, 1.2), _random(2, 4, 8, 0.01), np.array([1.0, 12, 28, 1])
    fixed = np.array([True, False, False, True])
    state = nve_init(Pairs(), x, v, inertia(masses, fixed))
    state = _advance(Pairs(), state, masses, fixed, 0.5, 50)
    assert torch.equal(state.positions[:, fixed], x[:, fixed])
    assert not state.velocities[:, fixed].any()
    assert (state.positions[:, ~fixed] - x[:, ~fixed]).abs().min() > 0


def test_momentum_is_conserved_without_fixed_atoms() -> None:
    x, v, masses = _random(2, 5, 9, 1.2), _random(2, 5, 10, 0.01), np.array([1.0, 12, 28, 1, 16])
    fixed = np.zeros(5, dtype=bool)
    state = nve_init(Pairs(), x, v, inertia(masses, fixed))
    mass = torch.from_numpy(masses)[:, None]
    before = (state.velocities * mass).sum(dim=1)
    after = (_advance(Pairs(), state, masses, fixed, 0.5, 200).velocities * mass).sum(dim=1)
    torch.testing.assert_close(after, before, rtol=0, atol=1e-12)


def test_a_step_of_zero_leaves_a_row_alone() -> None:
    x, v = _random(2, 3, 11, 1.2), _random(2, 3, 12, 0.01)
    body = inertia(np.array([1.0, 12, 28]), np.zeros(3, dtype=bool))
    before = nve_init(Pairs(), x, v, body)
    after = nve_step(Pairs(), before, body, torch.tensor([0.0, 0.5], dtype=torch.float64)[:, None, None])
    assert torch.equal(after.positions[0], x[0]) and torch.equal(after.velocities[0], v[0])
    assert not torch.equal(after.positions[1], x[1])


def test_kinetic_energy_of_the_mean_thermal_speed() -> None:
    """An atom with v² = 3 k_B T / m carries (3/2) k_B T; a fixed one carries nothing."""
    mass, temperature = 28.0855, 300.0
    speed = math.sqrt(3 * BOLTZMANN * temperature / mass * ACCELERATION)
    v = torch.tensor([[[0.0, 0.0, speed], [1.0, 0.0, 0.0]]], dtype=torch.float64)
    body = inertia(np.array([mass, 1.0]), np.array([False, True]))
    assert float(kinetic_energy(v, body)) == pytest.approx(1.5 * BOLTZMANN * temperature, rel=1e-12)
    assert body.n_free == 1

"""The engine beside ASE's ``VelocityVerlet`` with MACE's own calculator, and laws of motion; the model that ships."""

from __future__ import annotations

from typing import Any

import ase.io
import numpy as np
import pytest
import torch
from ase import Atoms, units
from ase.build import molecule
from ase.constraints import FixAtoms
from ase.data import atomic_masses
from ase.md.verlet import VelocityVerlet

from aiida_mlgun import assets
from aiida_mlgun.contract.shooting import Dynamics
from aiida_mlgun.remote.engine.evaluator import Evaluator
from aiida_mlgun.remote.engine.evaluators import make_evaluator
from aiida_mlgun.remote.engine.flight import slope
from aiida_mlgun.remote.engine.integrator import Inertia, State, inertia, kinetic_energy, nve_init, nve_step
from aiida_mlgun.remote.mace import load_model
from aiida_mlgun.science.units import ACCELERATION, BOLTZMANN

MODEL = assets.FOLDER / "models" / "mlgun-compact-1"
Floats = np.ndarray


def _model() -> torch.nn.Module:
    return load_model(MODEL, "cpu", "float64")


def _calculator() -> Any:
    from mace.calculators import MACECalculator

    return MACECalculator(models=[_model()], device="cpu", default_dtype="float64")


@pytest.fixture
def light(atoms: Atoms) -> Atoms:
    """The slab's upper half and the molecule: enough for a law that holds for any system."""
    part: Any = atoms[[i for i, z in enumerate(atoms.positions[:, 2]) if z > 8.5]]
    assert 8 < len(part) < 20
    return part


@pytest.fixture(scope="module")
def atoms() -> Atoms:
    """C2H2 falling on the shipped Si(001) slab, 28 atoms, thermal at 300 K, the molecule 3 Å above."""
    with assets.FOLDER.joinpath("data", "si001_2x2.extxyz").open() as handle:
        slab: Any = ase.io.read(handle, format="extxyz")
    guest = molecule("C2H2")
    guest.positions += [2.0, 3.0, slab.positions[:, 2].max() + 3.0]
    both = Atoms(slab.numbers, slab.positions, cell=slab.cell, pbc=slab.pbc) + guest
    both.set_masses(atomic_masses[both.numbers])
    thermal = np.sqrt(BOLTZMANN * 300.0 * ACCELERATION / both.get_masses())
    v = thermal[:, None] * np.random.default_rng(3).standard_normal((len(both), 3))
    v[-4:, 2] -= 0.01
    both.set_velocities(v / units.fs)
    return both


def _engine(
    atoms: Atoms, precision: str = "float64", name: str = "torch", fixed: Floats | None = None, **more: Any
) -> tuple[Evaluator, Inertia, State]:
    dynamics = Dynamics(precision=precision, evaluator=name, threads=1, **more)  # type: ignore[arg-type]
    numbers, cell, pbc = atoms.numbers.astype(np.int64), atoms.cell.array, atoms.pbc
    evaluate, record = make_evaluator([_model()], numbers, cell, pbc, dynamics, "cpu", atoms.positions[None].copy())
    assert record["evaluator"] == name
    body = inertia(atoms.get_masses(), np.zeros(len(atoms), dtype=bool) if fixed is None else fixed)
    x, v = torch.tensor(atoms.positions)[None], torch.tensor(atoms.get_velocities() * units.fs)[None]
    return evaluate, body, nve_init(evaluate, x, v, body)


def _run(evaluate: Evaluator, body: Inertia, state: State, dt: float, steps: int) -> State:
    for _ in range(steps):
        state = nve_step(evaluate, state, body, dt)
    return state


def _total(state: State, body: Inertia) -> float:
    return float(state.energies[0] + kinetic_energy(state.velocities, body)[0])


def _ase_positions(atoms: Atoms, marks: tuple[int, ...], fixed: Floats | None = None) -> dict[int, Floats]:
    """Positions after each of ``marks`` steps of 0.5 fs."""
    peer: Any = atoms.copy()  # type: ignore[no-untyped-call]
    if fixed is not None:
        peer.set_constraint(FixAtoms(mask=fixed))
    peer.calc = _calculator()
    dynamics = VelocityVerlet(peer, 0.5 * units.fs)
    found = {}
    done = 0
    for mark in marks:
        dynamics.run(mark - done)
        done = mark
        found[mark] = peer.positions.copy()
    return found


def test_a_thousand_steps_lead_where_ase_leads(atoms: Atoms) -> None:
    ase_at = _ase_positions(atoms, (100, 1000))
    evaluate, body, state = _engine(atoms)
    state = _run(evaluate, body, state, 0.5, 100)
    assert np.abs(state.positions[0].numpy() - ase_at[100]).max() < 1e-9
    state = _run(evaluate, body, state, 0.5, 900)
    assert np.abs(ase_at[1000] - atoms.positions).max() > 1.0, "the system must have moved for this to mean anything"
    assert np.abs(state.positions[0].numpy() - ase_at[1000]).max() < 1e-6


def test_fixed_atoms_are_ase_s_fixed_atoms(atoms: Atoms) -> None:
    fixed = atoms.positions[:, 2] < 8.0
    assert 0 < fixed.sum() < len(atoms)
    ase_at = _ase_positions(atoms, (100,), fixed)
    evaluate, body, state = _engine(atoms, fixed=fixed)
    state = _run(evaluate, body, state, 0.5, 100)
    assert np.abs(state.positions[0].numpy() - ase_at[100]).max() < 1e-9
    assert np.array_equal(state.positions[0].numpy()[fixed], atoms.positions[fixed])


def test_a_sheared_cell_and_atoms_outside_it(atoms: Atoms) -> None:
    """Rows of the cell are its vectors, images are where ASE has them, and unwrapped atoms are no other system."""
    sheared: Any = atoms.copy()  # type: ignore[no-untyped-call]
    a = float(atoms.cell[0, 0])
    sheared.set_cell([[a, 0, 0], [0.37 * a, a, 0], [0, 0, 30.0]])
    sheared.positions[-4:] += 2 * sheared.cell[0] - sheared.cell[1]
    ase_at = _ase_positions(sheared, (50,))
    evaluate, body, state = _engine(sheared)
    state = _run(evaluate, body, state, 0.5, 50)
    assert np.abs(state.positions[0].numpy() - ase_at[50]).max() < 1e-9
    flat = _engine(atoms)[2]
    assert abs(float(flat.energies[0]) - float(evaluate(torch.tensor(sheared.positions)[None])[0][0])) > 0.1


def test_energy_error_falls_with_the_square_of_the_step(light: Atoms) -> None:
    errors = []
    for dt in (0.5, 0.25, 0.125):
        evaluate, body, state = _engine(light)
        start, worst = _total(state, body), 0.0
        for _ in range(round(20.0 / dt)):
            state = nve_step(evaluate, state, body, dt)
            worst = max(worst, abs(_total(state, body) - start))
        errors.append(worst)
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.1)


def test_turned_round_the_molecule_flies_back(light: Atoms) -> None:
    evaluate, body, state = _engine(light)
    there = _run(evaluate, body, state, 0.5, 200)
    assert (there.positions - state.positions).abs().max() > 0.3
    back = _run(evaluate, body, nve_init(evaluate, there.positions, -there.velocities, body), 0.5, 200)
    assert (back.positions - state.positions).abs().max() < 1e-8


def test_momentum_stays_when_nothing_is_fixed(light: Atoms) -> None:
    evaluate, body, state = _engine(light)
    mass = torch.tensor(light.get_masses())[:, None]
    before = (mass * state.velocities[0]).sum(dim=0)
    after = (mass * _run(evaluate, body, state, 0.5, 200).velocities[0]).sum(dim=0)
    assert (after - before).abs().max() < 1e-10  # u Å/fs; the molecule's own is about 0.3


@pytest.mark.parametrize("name", ["torch", "symmetrix"])
@pytest.mark.parametrize("precision", ["float64", "mixed"])
def test_total_energy_does_not_drift(atoms: Atoms, name: str, precision: str) -> None:
    """0.2 ps at 0.5 fs; over so short a time the slope is the rest of the integrator's own wobble."""
    evaluate, body, state = _engine(atoms, precision, name)
    times, energies = [0.0], [_total(state, body)]
    for step in range(1, 401):
        state = nve_step(evaluate, state, body, 0.5)
        times.append(0.5 * step)
        energies.append(_total(state, body))
    drift = slope(np.array(times), np.array(energies)) * 1e6 / len(atoms)
    spread = np.ptp(energies) * 1e3 / len(atoms)
    assert 0 < spread < 1.0  # meV/atom: the integrator's own wobble
    assert abs(drift) < 0.5


def test_a_molecule_alone_flies_straight(light: Atoms) -> None:
    """Out of the slab's reach the centre of mass keeps its velocity, whatever the molecule does inside."""
    far: Any = light.copy()  # type: ignore[no-untyped-call]
    far.pbc = (True, True, False)
    far.positions[-4:, 2] += 12.0
    evaluate, body, state = _engine(far)
    masses = torch.tensor(far.get_masses()[-4:])

    def centre(of: torch.Tensor) -> torch.Tensor:
        return masses @ of[0, -4:] / masses.sum()

    end = _run(evaluate, body, state, 0.5, 200)
    assert (centre(end.velocities) - centre(state.velocities)).abs().max() < 1e-13
    assert (centre(end.positions) - centre(state.positions) - 100.0 * centre(state.velocities)).abs().max() < 1e-10
    assert (end.positions[0, -4:] - state.positions[0, -4:] - 100.0 * centre(state.velocities)).abs().max() > 0.05


@pytest.mark.parametrize("name", ["torch", "symmetrix"])
def test_forces_are_the_gradient_of_the_energy(atoms: Atoms, name: str) -> None:
    evaluate, _, state = _engine(atoms, "float64", name)
    rng = np.random.default_rng(8)
    for _ in range(4):
        direction = torch.tensor(rng.standard_normal((1, len(atoms), 3)))
        step = 1e-4
        up, down = (evaluate(state.positions + sign * step * direction)[0] for sign in (1, -1))
        slope_there = float((up - down)[0]) / (2 * step)
        assert slope_there == pytest.approx(-float((state.forces * direction).sum()), rel=2e-4, abs=2e-4)

"""The reference evaluator against mace's own calculator, and ASE's dynamics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from ase import Atoms, units
from ase.constraints import FixAtoms
from ase.md.verlet import VelocityVerlet

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.remote.engine.evaluators import System, TorchMace
from aiida_mlgun.remote.engine.integrator import inertia, nve_init, nve_step
from aiida_mlgun.remote.mace import calculator

Make = Callable[[str], torch.nn.Module]


def _evaluator(model: torch.nn.Module, atoms: Atoms, skin: float = 0.5) -> TorchMace:
    return TorchMace(model, System(atoms.numbers, atoms.cell.array, atoms.pbc), skin=skin)


def _reference(model: torch.nn.Module, atoms: Atoms) -> tuple[float, np.ndarray]:
    atoms = atoms.copy()
    atoms.calc = calculator(model, "cpu")
    return float(atoms.get_potential_energy()), atoms.get_forces()


def test_energies_and_forces_are_those_of_maces_calculator(small_mace: Make, silicon_and_acetylene: Atoms) -> None:
    """Also with a skin: pairs between r_max and r_max + skin change nothing."""
    model, atoms = small_mace("float64"), silicon_and_acetylene
    evaluate = _evaluator(model, atoms, skin=1.0)
    rng = np.random.default_rng(2)
    x = torch.from_numpy(atoms.positions + rng.normal(0, 0.05, (4, len(atoms), 3)))
    evaluate(x)
    x = x + torch.from_numpy(rng.normal(0, 0.05, x.shape))
    energies, forces = evaluate(x)
    assert evaluate.lists.builds == 4
    for row in range(4):
        moved = atoms.copy()
        moved.positions = x[row].numpy()
        energy, f = _reference(model, moved)
        assert float(energies[row]) == pytest.approx(energy, rel=1e-13)
        np.testing.assert_allclose(forces[row].numpy(), f, rtol=0, atol=1e-11)
    assert np.abs(f).max() > 0.05


def test_a_row_does_not_see_the_others(small_mace: Make, silicon_and_acetylene: Atoms) -> None:
    evaluate = _evaluator(small_mace("float64"), silicon_and_acetylene)
    x = torch.from_numpy(silicon_and_acetylene.positions + np.random.default_rng(4).normal(0, 0.1, (3, 12, 3)))
    energies, forces = evaluate(x)
    for row in range(3):
        alone = evaluate(x[[row]])
        torch.testing.assert_close(alone[0][0], energies[row], rtol=1e-14, atol=0)
        torch.testing.assert_close(alone[1][0], forces[row], rtol=0, atol=1e-12)


def test_a_torn_row_has_no_energy_and_harms_no_other(small_mace: Make, silicon_and_acetylene: Atoms) -> None:
    evaluate = _evaluator(small_mace("float64"), silicon_and_acetylene)
    x = torch.from_numpy(silicon_and_acetylene.positions).repeat(4, 1, 1)
    good = evaluate(x[:1])
    x[1, 4] = torch.nan
    x[2, 4] = 1e9
    x[3, 4] = x[3, 5]
    energies, forces = evaluate(x)
    assert energies[1:3].isnan().all()
    assert not (energies[3].isfinite() and forces[3].isfinite().all())
    torch.testing.assert_close(energies[0], good[0][0], rtol=1e-14, atol=0)
    torch.testing.assert_close(forces[0], good[1][0], rtol=0, atol=1e-12)


def test_far_apart_atoms_have_their_own_energies(small_mace: Make) -> None:
    atoms = Atoms("HCSi", [[0, 0, 0], [30, 0, 0], [0, 30, 0]])
    energies, forces = _evaluator(small_mace("float64"), atoms)(torch.from_numpy(atoms.positions)[None])
    assert float(energies[0]) == pytest.approx(-13.6 - 1030.0 - 7800.0 + _lone(small_mace, atoms), rel=1e-14)
    assert not forces.any()


def _lone(small_mace: Make, atoms: Atoms) -> float:
    """What the model adds to the isolated atoms' energies without any neighbour."""
    energy, _ = _reference(small_mace("float64"), atoms)
    return energy + 13.6 + 1030.0 + 7800.0


def test_mixed_precision_keeps_the_digits_that_change(small_mace: Make, silicon_and_acetylene: Atoms) -> None:
    """The total energy is 64 000 eV, where float32 has steps of 4 meV; its changes are right to 0.01 meV."""
    x = torch.from_numpy(silicon_and_acetylene.positions).repeat(2, 1, 1)
    x[1, 9, 2] += 0.02
    exact, forces = _evaluator(small_mace("float64"), silicon_and_acetylene)(x)
    mixed, mixed_forces = _evaluator(small_mace("float32"), silicon_and_acetylene)(x)
    assert exact.abs().max() > 6e4
    assert mixed.dtype == mixed_forces.dtype == torch.float64
    assert float(mixed[1] - mixed[0]) == pytest.approx(float(exact[1] - exact[0]), abs=1e-5)
    torch.testing.assert_close(mixed_forces, forces, rtol=0, atol=2e-4)


@pytest.mark.parametrize("fixed_atoms", [(), (0, 1, 2)])
def test_a_hundred_steps_are_those_of_ase(
    small_mace: Make, silicon_and_acetylene: Atoms, fixed_atoms: tuple[int, ...]
) -> None:
    model, atoms = small_mace("float64"), silicon_and_acetylene.copy()
    atoms.set_velocities(np.random.default_rng(8).normal(0, 0.05, (len(atoms), 3)))
    fixed = np.isin(np.arange(len(atoms)), fixed_atoms)
    body = inertia(atoms.get_masses(), fixed)
    evaluate = _evaluator(model, atoms)
    v = torch.from_numpy(atoms.get_velocities() * units.fs)
    state = nve_init(evaluate, torch.from_numpy(atoms.positions)[None], v[None], body)
    for _ in range(100):
        state = nve_step(evaluate, state, body, 0.5)
    if fixed_atoms:
        atoms.set_constraint(FixAtoms(indices=list(fixed_atoms)))
        atoms.set_momenta(atoms.get_momenta())
    start = atoms.positions.copy()
    atoms.calc = calculator(model, "cpu")
    VelocityVerlet(atoms, 0.5 * units.fs).run(100)
    assert np.abs(atoms.positions - start).max() > 0.3
    np.testing.assert_allclose(state.positions[0].numpy(), atoms.positions, rtol=0, atol=1e-9)
    np.testing.assert_allclose(state.velocities[0].numpy(), atoms.get_velocities() * units.fs, rtol=0, atol=1e-10)


def test_elements_and_heads_that_the_model_lacks_are_refused(small_mace: Make) -> None:
    model, atoms = small_mace("float64"), Atoms("HO", [[0, 0, 0], [1, 0, 0]])
    with pytest.raises(RefusedError, match="does not know O") as refused:
        _evaluator(model, atoms)
    assert refused.value.status == "element_not_covered"
    with pytest.raises(RefusedError, match="no head 'pbe'"):
        TorchMace(model, System(np.array([1]), np.eye(3), np.zeros(3, dtype=bool)), head="pbe")
    with pytest.raises(RefusedError, match="no MACE model"):
        TorchMace(torch.nn.Linear(1, 1), System(np.array([1]), np.eye(3), np.zeros(3, dtype=bool)))

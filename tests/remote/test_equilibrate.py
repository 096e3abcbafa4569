"""The verb ``equilibrate``: thermostats against equipartition on springs, and files to files with a small real MACE."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
import torch
from ase import Atoms, units
from ase.build import molecule
from ase.constraints import FixAtoms

from aiida_mlgun.contract import files
from aiida_mlgun.contract.errors import RefusedError, RunFailedError
from aiida_mlgun.contract.jobs import EquilibrateJob
from aiida_mlgun.remote import equilibrate
from aiida_mlgun.remote.engine.ase_calculator import PartCalculator
from aiida_mlgun.remote.engine.evaluators import System, TorchMace
from aiida_mlgun.remote.io import read_frames, write_frames
from aiida_mlgun.remote.mace import calculator
from aiida_mlgun.science.frames import from_atoms
from aiida_mlgun.science.units import BOLTZMANN

from .toys import Energies, Springs

FIXTURES = Path(__file__).parent.parent / "fixtures"
Make = Callable[[str], torch.nn.Module]


@pytest.fixture
def slab() -> Atoms:
    """The relaxed 2×2 Si(001) slab."""
    with (FIXTURES / "si001_2x2_relaxed.extxyz").open() as handle:
        atoms = ase.io.read(handle, format="extxyz")
    return Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=(True, True, False))


@pytest.fixture
def folder(tmp_path: Path, slab: Atoms, small_mace: Make, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A job's folder with slab and C2H2; the small model is at hand without a file."""
    write_frames(tmp_path / files.SLAB, from_atoms([slab]))
    write_frames(tmp_path / files.MOLECULE, from_atoms([molecule("C2H2")]))
    monkeypatch.setattr(equilibrate, "load_model", lambda folder, device, dtype: small_mace(dtype))
    return tmp_path


def _job(**changes: Any) -> EquilibrateJob:
    job = EquilibrateJob(snapshots=3, interval_fs=5, discard_fs=10, relax_steps=3, threads=1, device="cpu", seed=5)
    return replace(job, **changes)


class Held(Springs):
    """Each atom on a spring of 8 eV/Å² to where it was at the first call; in a slab a stiff quartic term besides.

    The quartic term couples an atom's directions: a Nosé-Hoover chain alone does not make springs chaotic.
    """

    device = torch.device("cpu")

    def __init__(self, model: Any, numbers: Any, cell: Any, pbc: Any) -> None:
        super().__init__(8.0, torch.zeros(0))
        self.is_slab = bool(np.any(pbc))

    def __call__(self, positions: torch.Tensor, keys: Sequence[int] = ()) -> Energies:
        if not self.calls:
            self.rest = positions[0].clone()
        energies, forces = super().__call__(positions)
        if self.is_slab:
            d = positions - self.rest
            square = d.square().sum(dim=2)
            energies, forces = energies + 200 * square.square().sum(dim=1), forces - 800 * square[..., None] * d
        return energies, forces


def _use(springs: type[Held], monkeypatch: pytest.MonkeyPatch) -> None:
    """Springs in place of every model."""

    def make(models: Any, numbers: Any, cell: Any, pbc: Any, *_: Any) -> tuple[Held, dict[str, Any]]:
        return springs(models, numbers, cell, pbc), {"evaluator": "springs"}

    monkeypatch.setattr(equilibrate, "make_evaluator", make)


def test_both_thermostats_give_the_temperature(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """(3/2) k_B T of kinetic energy per moving atom, whatever is fixed; for Langevin on springs also the rest."""
    _use(Held, monkeypatch)
    monkeypatch.setattr(equilibrate, "MOLECULE_DAMPING_FS", 20.0)
    write_frames(folder / files.MOLECULE, from_atoms([molecule("C6H6")]))
    equilibrate.run(_job(temperature=400.0, timestep_fs=1.0, snapshots=1, discard_fs=4000, fixed_layers=2), folder)
    report = json.loads((folder / files.EQUILIBRATION).read_text())
    slab, gas = report["slab"], report["molecule"]
    assert (slab["thermostat"], gas["thermostat"]) == ("NoseHooverChainNVT", "Langevin")
    later = slice(len(slab["temperatures"]) // 4, None)
    assert np.mean(slab["temperatures"][later]) == pytest.approx(400, rel=0.07)
    assert np.mean(gas["temperatures"][later]) == pytest.approx(400, rel=0.10)
    assert np.mean(gas["energies"][later]) == pytest.approx(1.5 * 12 * BOLTZMANN * 400, rel=0.10)
    assert np.std(gas["temperatures"][later]) == pytest.approx(400 * np.sqrt(2 / 36), rel=0.25)
    assert slab["fixed_atoms"] == 16 and gas["fixed_atoms"] == 0


def test_a_job_from_files_to_files(folder: Path, slab: Atoms) -> None:
    result = equilibrate.run(_job(), folder)
    assert result.status == "ok"
    assert result.outputs == (files.SLAB_STATES, files.MOLECULE_STATES, files.EQUILIBRATION)
    states, gas = read_frames(folder / files.SLAB_STATES), read_frames(folder / files.MOLECULE_STATES)
    assert len(states) == len(gas) == 3
    assert states.velocities is not None and gas.velocities is not None
    x, v = states.positions.reshape(3, 24, 3), states.velocities.reshape(3, 24, 3)
    bottom = slab.positions[:, 2] < np.sort(slab.positions[:, 2])[11] + 0.1  # one layer of silicon and its hydrogens
    assert bottom.sum() == 12
    np.testing.assert_array_equal(x[:, bottom], np.tile(slab.positions[bottom], (3, 1, 1)))
    assert not v[:, bottom].any() and (np.abs(v[:, ~bottom]).max(axis=2) > 0).all()
    np.testing.assert_array_equal(states.pbc, [[True, True, False]] * 3)
    assert not gas.pbc.any() and not gas.cell.any()
    masses = molecule("C2H2").get_masses()
    for array in (gas.positions, gas.velocities):
        np.testing.assert_allclose(np.einsum("a,sax->sx", masses, array.reshape(3, 4, 3)), 0, atol=1e-12)
    report = json.loads((folder / files.EQUILIBRATION).read_text())
    assert report["slab"]["snapshots"] == 3 and result.numbers["slab_snapshots"] == 3
    assert np.isfinite(report["molecule"]["energy_relaxed"])
    assert result.numbers["slab_evaluator"] == result.numbers["molecule_evaluator"] == "factorised"
    tried = report["slab"]["evaluator"]["tried"]
    assert [(one["name"], one["status"]) for one in tried] == [("symmetrix", "unavailable"), ("factorised", "ok")]


def test_snapshots_are_an_interval_apart(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On soft springs of a heavy atom nearly a straight flight: displacement = velocity × interval."""
    _use(Held, monkeypatch)
    monkeypatch.setattr(Held, "k", 0.0, raising=False)
    write_frames(folder / files.MOLECULE, from_atoms([Atoms("Si2", [[0, 0, 0], [2.3, 0, 0]])]))
    monkeypatch.setattr(equilibrate, "MOLECULE_DAMPING_FS", 1e9)
    equilibrate.run(_job(snapshots=2, interval_fs=2.0, discard_fs=1.0), folder)
    gas = read_frames(folder / files.MOLECULE_STATES)
    assert gas.velocities is not None
    v = gas.velocities.reshape(2, 2, 3)
    moved = np.diff(gas.positions.reshape(2, 2, 3), axis=0)[0]
    np.testing.assert_allclose(moved, v.mean(axis=0) * 2.0, rtol=0.02, atol=1e-5)


def test_the_same_seed_gives_the_same_states(folder: Path) -> None:
    def states(seed: int) -> list[bytes]:
        equilibrate.run(_job(seed=seed, discard_fs=2, interval_fs=1), folder)
        return [(folder / name).read_bytes() for name in (files.SLAB_STATES, files.MOLECULE_STATES)]

    first = states(5)
    assert states(5) == first
    other = states(6)
    assert other[0] != first[0] and other[1] != first[1]


@pytest.mark.parametrize(("discard", "snapshots", "steps"), [(0.0, 4, 40), (10.0, 4, 50), (10.0, 1, 20)])
def test_no_step_too_many(discard: float, snapshots: int, steps: int) -> None:
    assert equilibrate._steps(_job(discard_fs=discard, snapshots=snapshots)) == steps


def test_the_moving_part_feels_what_ase_says(small_mace: Make, silicon_and_acetylene: Atoms) -> None:
    atoms, model = silicon_and_acetylene, small_mace("float64")
    moving = np.arange(len(atoms)) > 2
    evaluate = TorchMace(model, System(atoms.numbers, atoms.cell.array, atoms.pbc))
    part = Atoms(atoms.numbers[moving], atoms.positions[moving] + 0.05)
    part.calc = PartCalculator(evaluate, atoms.positions, moving, evaluate.device)
    whole = atoms.copy()
    whole.positions[moving] += 0.05
    whole.set_constraint(FixAtoms(mask=~moving))
    whole.calc = calculator(model, "cpu")
    assert part.get_potential_energy() == pytest.approx(whole.get_potential_energy(), rel=1e-13)
    np.testing.assert_allclose(part.get_forces(), whole.get_forces()[moving], atol=1e-11)


def test_a_chain_of_single_steps_is_the_whole_run(small_mace: Make) -> None:
    """The driver asks for one step at a time; the thermostat's memory must survive that."""

    def run(pieces: list[int]) -> np.ndarray:
        atoms = Atoms("Si2", [[0, 0, 0], [2.3, 0, 0]])
        atoms.calc = PartCalculator(Springs(5.0, torch.zeros(2, 3).double()), atoms.positions, [True] * 2, Held.device)
        atoms.set_velocities(np.array([[0.01, 0.02, 0], [0, -0.01, 0.03]]) / units.fs)
        dynamics = equilibrate.nose_hoover(atoms, _job(), np.random.default_rng(0))
        for piece in pieces:
            dynamics.run(piece)
        return atoms.positions

    np.testing.assert_array_equal(run([1] * 30), run([30]))


def test_what_cannot_be_equilibrated_is_refused(folder: Path, slab: Atoms) -> None:
    write_frames(folder / files.SLAB, from_atoms([slab, slab]))
    with pytest.raises(RefusedError, match=r"slab\.npz holds 2 structures"):
        equilibrate.run(_job(), folder)
    write_frames(folder / files.SLAB, from_atoms([slab]))
    with pytest.raises(RefusedError, match="at least one must move"):
        equilibrate.run(_job(fixed_layers=9), folder)


def test_a_torn_structure_fails_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Torn(Held):
        def __call__(self, positions: torch.Tensor, keys: Sequence[int] = ()) -> Energies:
            energies, forces = super().__call__(positions)
            return (energies * torch.nan, forces) if self.calls > 20 else (energies, forces)

    _use(Torn, monkeypatch)
    with pytest.raises(RunFailedError, match=r"tore .*Si.* apart") as failed:
        equilibrate.run(_job(), folder)
    assert failed.value.status == "unexpected"

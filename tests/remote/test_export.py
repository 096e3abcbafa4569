"""What is exported gives the energies and forces of what is stored, in the programs it is for."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms

from aiida_mlgun.contract import files
from aiida_mlgun.contract.errors import RefusedError, RunFailedError
from aiida_mlgun.contract.exporting import ExportJob
from aiida_mlgun.contract.manifest import sha256_file
from aiida_mlgun.remote import export
from aiida_mlgun.remote.mace import export as forms
from aiida_mlgun.remote.mace import load_model, predict, save_model
from aiida_mlgun.remote.mace.export import head_to_write
from aiida_mlgun.remote.mace.loading import own_pickles_allowed
from aiida_mlgun.remote.main import main
from aiida_mlgun.science.frames import from_atoms

from .stages import store_parent


@contextmanager
def trusted() -> Iterator[None]:
    """MACE's own tools open pickles without a word on the matter; torch warns of it."""
    with own_pickles_allowed(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Environment variable TORCH_FORCE", UserWarning)
        warnings.filterwarnings("ignore", "The TorchScript type system", UserWarning)
        yield


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A job's folder with a small model of H, C and Si in it."""
    store_parent(tmp_path / files.MODEL)
    return tmp_path


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_mace_s_own_calculator_reads_it(stored: Path, precision: str, silicon_and_acetylene: Atoms) -> None:
    from mace.calculators import MACECalculator

    result = export.run(ExportJob(precision=precision), stored)  # type: ignore[arg-type]
    assert result.outputs == (files.EXPORT,)
    assert result.numbers["sha256"] == sha256_file(stored / files.EXPORT)
    with trusted():
        calculator = MACECalculator(model_paths=str(stored / files.EXPORT), device="cpu", default_dtype=precision)
    atoms = silicon_and_acetylene.copy()
    atoms.calc = calculator
    model = load_model(stored / files.MODEL, "cpu", precision)
    energy, forces = predict(model, from_atoms([silicon_and_acetylene]), 1, "cpu")
    np.testing.assert_allclose(atoms.get_potential_energy(), energy[0], rtol=1e-9 if precision == "float64" else 1e-5)
    np.testing.assert_allclose(atoms.get_forces(), forces, atol=1e-9 if precision == "float64" else 1e-3)


def test_the_same_file_as_mace_s_tool_writes_for_lammps(
    stored: Path, monkeypatch: pytest.MonkeyPatch, silicon_and_acetylene: Atoms
) -> None:
    from mace.cli import create_lammps_model

    export.run(ExportJob(), stored)
    pickled = (stored / files.EXPORT).rename(stored / "own.model")
    result = export.run(ExportJob("lammps", head="Default"), stored)
    monkeypatch.setattr("sys.argv", ["mace_create_lammps_model", str(pickled), "--head", "Default"])
    with trusted():
        create_lammps_model.main()
    assert result.numbers["forces_difference"] < 1e-9
    programs = [torch.jit.load(path) for path in (stored / files.EXPORT, stored / "own.model-lammps.pt")]
    states = [program.state_dict() for program in programs]
    assert list(states[0]) == list(states[1])
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name
    assert programs[0].code == programs[1].code


def test_ml_iap_gives_the_same_numbers(stored: Path) -> None:
    numbers = export.run(ExportJob("lammps-mliap"), stored).numbers
    assert numbers["energy_difference"] < 1e-6 and numbers["forces_difference"] < 1e-6
    with own_pickles_allowed():
        program = torch.load(stored / files.EXPORT, weights_only=False)
    assert program.element_types == ["H", "C", "Si"]
    assert program.rcutfac == 1.5  # LAMMPS doubles it: r_max is 3 Å


@pytest.mark.parametrize("form", ["mace", "lammps", "lammps-mliap"])
def test_a_file_that_means_something_else_is_not_handed_out(stored: Path, form: str) -> None:
    export.run(ExportJob(form), stored)  # type: ignore[arg-type]
    other = load_model(stored / files.MODEL, "cpu", "float64")
    other.readouts[0].linear.weight.mul_(1.01)
    with pytest.raises(RunFailedError, match="the exported file's energies differ by") as caught:
        forms.check(other, "Default", form, stored / files.EXPORT)
    assert caught.value.status == "model_not_rebuilt"


def test_heads_are_named_or_refused() -> None:
    assert head_to_write(["Default"], None, "lammps") == "Default"
    assert head_to_write(["a", "b"], None, "mace") is None
    assert head_to_write(["a", "b"], "a", "lammps") == "a"
    with pytest.raises(RefusedError, match="name the one that LAMMPS is to use"):
        head_to_write(["a", "b"], None, "lammps")
    with pytest.raises(RefusedError, match="no head 'c'"):
        head_to_write(["a", "b"], "c", "mace")


@pytest.mark.parametrize(
    ("form", "head"), [("mace", None), ("mace", "broad"), ("lammps", "target"), ("lammps-mliap", "broad")]
)
def test_one_head_of_two(tmp_path: Path, form: str, head: str | None) -> None:
    save_model(two_heads(), tmp_path / files.MODEL)
    numbers = export.run(ExportJob(form, head), tmp_path).numbers  # type: ignore[arg-type]
    assert numbers["head"] == (head or "broad, target")
    model = load_model(tmp_path / files.MODEL, "cpu", "float64")
    if head is not None:
        other = {"broad": "target", "target": "broad"}[head]
        with pytest.raises(RunFailedError, match="differ by"):
            forms.check(model, other, form, tmp_path / files.EXPORT)


def test_the_job_from_end_to_end(stored: Path) -> None:
    (stored / files.JOB).write_text(json.dumps({"format": "lammps", "precision": "float32", "threads": 1}))
    assert main(["export", str(stored / files.JOB)]) == 0
    manifest = json.loads((stored / files.MANIFEST).read_text())
    assert manifest["outputs"] == {files.EXPORT: manifest["numbers"]["sha256"]}
    assert manifest["versions"]["mace-torch"] and manifest["numbers"]["precision"] == "float32"
    (stored / files.JOB).write_text(json.dumps({"head": "PBE"}))
    assert main(["export", str(stored / files.JOB)]) == 1
    assert "no head 'PBE'" in json.loads((stored / files.MANIFEST).read_text())["detail"]


def two_heads() -> torch.nn.Module:
    """H and C with the heads ``broad`` and ``target``, each with reference energies, scale and shift of its own."""
    from e3nn import o3
    from mace import modules

    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    state = torch.get_rng_state()
    torch.manual_seed(5)
    torch.set_default_dtype(torch.float64)
    try:
        return modules.ScaleShiftMACE(
            r_max=3.0,
            num_bessel=4,
            num_polynomial_cutoff=5,
            max_ell=1,
            interaction_cls=block,
            interaction_cls_first=block,
            num_interactions=2,
            num_elements=2,
            hidden_irreps=o3.Irreps("4x0e"),
            MLP_irreps=o3.Irreps("4x0e"),
            atomic_energies=np.array([[-13.6, -1030.0], [-13.1, -1028.0]]),
            avg_num_neighbors=3.0,
            atomic_numbers=[1, 6],
            correlation=1,
            gate=torch.nn.functional.silu,
            radial_MLP=[8],
            atomic_inter_scale=[0.7, 0.5],
            atomic_inter_shift=[-0.2, 0.1],
            heads=["broad", "target"],
        )
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_rng_state(state)

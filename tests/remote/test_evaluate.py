"""Errors of a stored model against labels that are known."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule

from aiida_mlgun.contract import files
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.jobs import EvaluateJob
from aiida_mlgun.remote import evaluate
from aiida_mlgun.remote.io import write_frames
from aiida_mlgun.remote.mace import calculator, load_model, predict, save_model
from aiida_mlgun.science.frames import Frames, concatenate, from_atoms
from aiida_mlgun.science.npz import unpack

Make = Callable[[str], torch.nn.Module]
JOB = EvaluateJob(device="cpu", threads=1, batch_size=2)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, small_mace: Make) -> Path:
    folder = tmp_path_factory.mktemp("stored") / files.MODEL
    save_model(small_mace("float64"), folder)
    return folder


@pytest.fixture
def folder(stored: Path, tmp_path: Path) -> Path:
    shutil.copytree(stored, tmp_path / files.MODEL)
    return tmp_path


@pytest.fixture(scope="module")
def labelled(small_mace: Make, make_frames: Callable[..., Frames]) -> Frames:
    """Three C2H2 and two SiH4 with the model's own labels, each off by a known amount; and a lone H."""
    gas = make_frames(3, molecule("C2H2", cell=[9, 9, 9], pbc=True), stratum="gas")
    other = make_frames(2, molecule("SiH4", cell=[9, 9, 9]), stratum="silane")
    lone = from_atoms([Atoms("H")], {"stratum": ["IsolatedAtom"]})
    frames = concatenate([gas, lone, other])
    energy, forces = predict(small_mace("float64"), frames, 3, "cpu")
    energy += np.array([0.4, 0.4, 0.4, 100.0, -0.5, -0.5])  # per atom: 0.1, 0.1, 0.1, left out, −0.1, −0.1
    forces[:12] += 0.3
    forces[12] += 50.0
    return replace(frames, energy=energy, forces=forces)


def test_errors_are_those_that_were_put_in(folder: Path, labelled: Frames) -> None:
    write_frames(folder / files.FRAMES, labelled)
    result = evaluate.run(JOB, folder)
    table = json.loads((folder / files.ERRORS).read_text())
    assert set(table) == {"all", "gas", "silane", "element:H", "element:C", "element:Si"}
    assert table["element:H"]["n_atoms"] + table["element:C"]["n_atoms"] + table["element:Si"]["n_atoms"] == 22
    assert table["all"]["n_frames"] == 5  # the lone atom is predicted, not scored
    assert table["gas"]["rmse_energy"] == pytest.approx(0.1, abs=1e-9)
    assert table["gas"]["bias_energy"] == pytest.approx(-0.1, abs=1e-9)
    assert table["gas"]["mae_forces"] == pytest.approx(0.3, abs=1e-9)
    assert table["silane"]["rmse_forces"] == pytest.approx(0.0, abs=1e-9)
    assert table["all"]["bias_energy"] == pytest.approx((-3 * 0.1 + 2 * 0.1) / 5, abs=1e-9)
    assert table["all"]["rmse_forces"] == pytest.approx(0.3 * np.sqrt(12 / 22), abs=1e-9)
    assert result.numbers == table["all"]
    predicted = unpack((folder / files.PREDICTIONS).read_bytes())
    assert predicted["energy"].shape == (6,)
    assert predicted["forces"].shape == (12 + 1 + 10, 3)
    assert predicted["energy"][3] == pytest.approx(labelled.energy[3] - 100.0, abs=1e-9)


def test_the_batch_size_changes_nothing(folder: Path, labelled: Frames) -> None:
    model = load_model(folder / files.MODEL, "cpu", "float64")
    one, all_at_once = (predict(model, labelled, size, "cpu") for size in (1, 6))
    np.testing.assert_allclose(one[0], all_at_once[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(one[1], all_at_once[1], rtol=0, atol=1e-9)


def test_another_tag_can_name_the_strata(folder: Path, labelled: Frames) -> None:
    frames = labelled.with_tag("set", ["a", "a", "b", "b", "b", "b"])
    write_frames(folder / files.FRAMES, frames)
    evaluate.run(replace(JOB, stratum="set", precision="float32"), folder)
    table = json.loads((folder / files.ERRORS).read_text())
    assert {name: table[name]["n_frames"] for name in ("all", "a", "b")} == {"all": 5, "a": 2, "b": 3}
    assert table["a"]["mae_forces"] == pytest.approx(0.3, abs=1e-3)


def test_frames_without_labels_are_predicted(folder: Path, labelled: Frames) -> None:
    write_frames(folder / files.FRAMES, replace(labelled, energy=None, forces=None))
    assert evaluate.run(JOB, folder).numbers["rmse_energy"] is None
    energy = unpack((folder / files.PREDICTIONS).read_bytes())["energy"]
    assert energy[0] == pytest.approx(labelled.energy[0] - 0.4, abs=1e-9)


def test_an_element_that_the_model_lacks_is_refused(folder: Path, make_frames: Callable[..., Frames]) -> None:
    write_frames(folder / files.FRAMES, make_frames(1, molecule("CH3OH", cell=[9, 9, 9])))
    with pytest.raises(RefusedError, match="O stands in the frames; the model knows H, C, Si") as caught:
        evaluate.run(JOB, folder)
    assert caught.value.status == "element_not_covered"


def test_the_ase_calculator_gives_the_same(folder: Path, silicon_and_acetylene: Atoms) -> None:
    model = load_model(folder / files.MODEL, "cpu", "float64")
    energy, forces = predict(model, from_atoms([silicon_and_acetylene]), 1, "cpu")
    atoms = silicon_and_acetylene.copy()
    atoms.calc = calculator(model, "cpu")
    assert atoms.get_potential_energy() == pytest.approx(energy[0], abs=1e-6)
    # mace multiplies nuclear charges in torch's default type, here float32: the repulsion differs in the eighth digit
    np.testing.assert_allclose(atoms.get_forces(), forces, rtol=0, atol=1e-6)
    assert torch.get_default_dtype() == torch.float32

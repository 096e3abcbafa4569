"""What a stage leaves: a model with the reference energies that were asked for, and what it was told to keep."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from ase.build import molecule

from aiida_mlgun.contract import files
from aiida_mlgun.remote import train
from aiida_mlgun.remote.io import write_frames
from aiida_mlgun.remote.mace import load_model, predict
from aiida_mlgun.remote.mace.store import stored_e0s
from aiida_mlgun.science.frames import Frames, concatenate

from .stages import (
    PARENT_E0S,
    STILL,
    acetylene,
    fill_with_acetylene,
    fill_with_hydrogen,
    further,
    isolated,
    scratch,
    store_parent,
    train_frames,
)


@pytest.fixture
def hydrogen(tmp_path: Path, make_frames: Callable[..., Frames]) -> Path:
    """A job's folder: H2 to train on, no parent."""
    return fill_with_hydrogen(tmp_path, make_frames)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, make_frames: Callable[..., Frames]) -> tuple[Path, Any]:
    """A first stage from scratch, and what it returned."""
    folder = fill_with_hydrogen(tmp_path_factory.mktemp("first"), make_frames)
    return folder, train.run(replace(scratch(), has_test=True), folder)


@pytest.fixture(scope="module")
def parent_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parent") / "model"
    store_parent(folder)
    return folder


@pytest.fixture
def on_parent(tmp_path: Path, parent_folder: Path, make_frames: Callable[..., Frames]) -> Path:
    """A job's folder: parent of H, C and Si, acetylene to train on."""
    shutil.copytree(parent_folder, tmp_path / files.PARENT_MODEL)
    return fill_with_acetylene(tmp_path, make_frames)


def weights(model: Path) -> dict[str, torch.Tensor]:
    return dict(safetensors.torch.load_file(model / files.MODEL_WEIGHTS))


def test_a_stage_from_scratch_gives_a_model_its_errors_and_its_history(first: tuple[Path, Any]) -> None:
    folder, result = first
    assert result.status == "ok"
    assert all((folder / name).is_file() for name in result.outputs)
    assert not (folder / train.WORK).exists()
    told = json.loads((folder / files.TRAINING).read_text())
    assert told["history"]["epoch"] == [0, 1]
    assert all(np.isfinite(told["history"]["loss"]))
    assert told["errors"]["train"]["all"]["n_frames"] == 8  # the lone atom is no frame to learn
    assert told["errors"]["train"]["gas"] == told["errors"]["train"]["all"]
    assert told["errors"]["test"]["all"]["n_frames"] == 2
    assert result.numbers["n_train"] == 8
    assert all(check["passed"] for check in told["checks"])
    assert (told["effective"]["lr"], told["effective"]["train_file"]) == (0.01, "train.xyz")
    assert str(folder) not in json.dumps(told)
    assert (told["run"]["batch_size"], told["run"]["effective_batch"], told["run"]["resumed_from"]) == (4, 4, None)
    assert result.numbers["test_rmse_forces"] == told["errors"]["test"]["all"]["rmse_forces"]
    assert json.loads((folder / files.PROGRESS).read_text())["done"] == 2


def test_the_stated_errors_are_the_stored_model_s(first: tuple[Path, Any], make_frames: Callable[..., Frames]) -> None:
    folder, result = first
    frames = make_frames(3, seed=1)
    _, forces = predict(load_model(folder / files.MODEL, "cpu", "float64"), frames, 2, "cpu")
    rmse = np.sqrt(((forces - frames.forces) ** 2).mean())
    assert result.numbers["validation_rmse_forces"] == pytest.approx(rmse, rel=1e-9)


def test_the_energy_of_the_isolated_atom_is_the_model_s(first: tuple[Path, Any]) -> None:
    folder, _ = first
    model = load_model(folder / files.MODEL, "cpu", "float64")
    assert stored_e0s(model) == pytest.approx({"H": -1.5}, abs=1e-12)


def test_the_same_seed_gives_the_same_weights_to_the_last_bit(first: tuple[Path, Any], hydrogen: Path) -> None:
    train.run(scratch(), hydrogen)
    again, before = weights(hydrogen / files.MODEL), weights(first[0] / files.MODEL)
    assert again.keys() == before.keys()
    assert all(torch.equal(again[key], before[key]) for key in again)


def test_a_second_stage_goes_on_from_the_first(first: tuple[Path, Any], hydrogen: Path) -> None:
    shutil.copytree(first[0] / files.MODEL, hydrogen / files.PARENT_MODEL)
    job = further(readout="keep", e0s="given", e0_values={"H": -2.0}, lr=STILL, precision="float32")
    assert train.run(job, hydrogen).numbers["dtype"] == "float32"
    assert stored_e0s(load_model(hydrogen / files.MODEL, "cpu", "float32")) == pytest.approx({"H": -2.0}, abs=1e-6)
    old, new = weights(first[0] / files.MODEL), weights(hydrogen / files.MODEL)
    for key in (key for key in old if key.startswith(("interactions", "readouts")) and old[key].is_floating_point()):
        assert torch.allclose(old[key].float(), new[key].float(), atol=1e-6), key


def test_kept_readouts_make_the_parent_go_on_as_it_is(on_parent: Path, make_frames: Callable[..., Frames]) -> None:
    train.run(further(readout="keep", e0s="parent", lr=STILL), on_parent)
    parent = load_model(on_parent / files.PARENT_MODEL, "cpu", "float64")
    child = load_model(on_parent / files.MODEL, "cpu", "float64")
    assert child.atomic_numbers.tolist() == [1, 6, 14]  # silicon stays, though no frame holds it
    assert stored_e0s(child) == pytest.approx(PARENT_E0S, abs=1e-9)
    frames = concatenate([make_frames(2, acetylene(), seed=5), make_frames(1, molecule("Si2H6"))])
    for new, old in zip(predict(child, frames, 2, "cpu"), predict(parent, frames, 2, "cpu"), strict=True):
        np.testing.assert_allclose(new, old, rtol=0, atol=1e-5)


def test_reinitialised_readouts_are_new_and_the_rest_is_the_parent_s(on_parent: Path) -> None:
    train_set = concatenate([isolated("H", -12.0), isolated("C", -1000.0), train_frames(on_parent)])
    write_frames(on_parent / files.TRAIN, train_set)
    train.run(further(readout="reinitialise", e0s="isolated", lr=STILL), on_parent)
    child = load_model(on_parent / files.MODEL, "cpu", "float64")
    assert stored_e0s(child) == pytest.approx({"H": -12.0, "C": -1000.0, "Si": -7800.0}, abs=1e-9)
    old, new = weights(on_parent / files.PARENT_MODEL), weights(on_parent / files.MODEL)
    changed = {key for key in old if old[key].is_floating_point() and not torch.allclose(old[key], new[key], atol=1e-6)}
    assert {key for key in changed if key.startswith("readouts")}
    assert {key.partition(".")[0] for key in changed} == {"readouts", "atomic_energies_fn"}


def test_estimated_energies_take_the_parent_s_mean_error_away(first: tuple[Path, Any], hydrogen: Path) -> None:
    shutil.copytree(first[0] / files.MODEL, hydrogen / files.PARENT_MODEL)
    frames = train_frames(hydrogen)
    write_frames(hydrogen / files.TRAIN, replace(frames, energy=frames.energy - 7.0))
    train.run(further(readout="keep", e0s="estimated", lr=STILL), hydrogen)
    child = load_model(hydrogen / files.MODEL, "cpu", "float64")
    assert stored_e0s(child) == pytest.approx(json.loads((hydrogen / files.TRAINING).read_text())["e0s"], abs=1e-9)
    assert stored_e0s(child)["H"] < -4.0  # −1.5 eV and half of the seven
    learnt = train_frames(hydrogen).select(~frames.is_isolated)
    energy, _ = predict(child, learnt, 4, "cpu")
    assert (energy - learnt.energy).mean() == pytest.approx(0.0, abs=1e-6)

"""How the verb ``train`` ends when it can't end well: refused before training, or stopped in it, each by name."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.build import molecule

from aiida_mlgun.contract import files
from aiida_mlgun.contract.errors import RefusedError, RunFailedError
from aiida_mlgun.contract.jobs import to_json
from aiida_mlgun.remote import main, train
from aiida_mlgun.remote.io import write_frames
from aiida_mlgun.science.frames import Frames, concatenate

from .stages import (
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
def parent_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parent") / "model"
    store_parent(folder)
    return folder


@pytest.fixture
def on_parent(tmp_path: Path, parent_folder: Path, make_frames: Callable[..., Frames]) -> Path:
    """A job's folder: parent of H, C and Si, acetylene to train on."""
    shutil.copytree(parent_folder, tmp_path / files.PARENT_MODEL)
    return fill_with_acetylene(tmp_path, make_frames)


def test_an_element_without_a_reference_energy_is_refused(on_parent: Path) -> None:
    write_frames(on_parent / files.TRAIN, concatenate([isolated("H", -12.0), train_frames(on_parent)]))
    with pytest.raises(RefusedError, match="no energy for C") as caught:
        train.run(further(), on_parent)
    assert caught.value.status == "e0_missing"
    with pytest.raises(RefusedError, match="no energy for H") as caught:
        train.run(further(e0s="given", e0_values={"C": -1000.0}), on_parent)
    assert caught.value.status == "e0_missing"


def test_an_isolated_atom_without_an_energy_gives_none(hydrogen: Path) -> None:
    lone = concatenate([isolated("H", np.nan), train_frames(hydrogen).select(range(1, 9))])
    write_frames(hydrogen / files.TRAIN, lone)
    with pytest.raises(RefusedError) as caught:
        train.run(scratch(), hydrogen)
    assert caught.value.status == "e0_missing"


def test_a_reference_energy_of_no_element_is_refused(hydrogen: Path) -> None:
    with pytest.raises(RefusedError, match="'Hh' is no chemical symbol"):
        train.run(scratch(e0s="given", e0_values={"H": -1.0, "Hh": -1.0}), hydrogen)


@pytest.mark.parametrize("name", [files.TRAIN, files.VALIDATION, files.TEST])
def test_an_element_that_the_parent_lacks_is_refused_before_training(
    on_parent: Path, make_frames: Callable[..., Frames], name: str
) -> None:
    write_frames(on_parent / files.TEST, make_frames(1, acetylene()))
    write_frames(on_parent / name, make_frames(4, molecule("CO")))
    with pytest.raises(RefusedError, match="O stands in the frames") as caught:
        train.run(replace(further(e0s="parent"), has_test=True), on_parent)
    assert caught.value.status == "element_not_covered"


def test_from_scratch_validation_and_test_hold_no_further_element(
    hydrogen: Path, make_frames: Callable[..., Frames]
) -> None:
    write_frames(hydrogen / files.VALIDATION, make_frames(2, acetylene()))
    with pytest.raises(RefusedError, match="C stands in the validation set and not in the training set") as caught:
        train.run(scratch(), hydrogen)
    assert caught.value.status == "element_not_covered"


@pytest.mark.parametrize("label", ["energy", "forces"])
def test_labels_that_are_missing_or_not_finite_are_refused(
    hydrogen: Path, make_frames: Callable[..., Frames], label: str
) -> None:
    good = make_frames(3)
    broken = getattr(good, label).copy()
    broken[1] = np.nan
    write_frames(hydrogen / files.VALIDATION, replace(good, **{label: broken}))
    with pytest.raises(RefusedError, match=f"validation set has frames whose {label} are missing or not finite"):
        train.run(scratch(), hydrogen)
    write_frames(hydrogen / files.VALIDATION, replace(good, **{label: None}))
    with pytest.raises(RefusedError, match=f"validation set has no {label}"):
        train.run(scratch(), hydrogen)


@pytest.mark.parametrize("name", [files.TRAIN, files.VALIDATION])
def test_a_set_of_isolated_atoms_alone_is_refused(hydrogen: Path, name: str) -> None:
    write_frames(hydrogen / name, isolated("H", -1.5))
    with pytest.raises(RefusedError, match="no frame besides isolated atoms") as caught:
        train.run(scratch(), hydrogen)
    assert caught.value.status == "nothing_left"


def test_a_loss_that_is_no_number_ends_the_run(hydrogen: Path) -> None:
    good = train_frames(hydrogen)
    write_frames(hydrogen / files.TRAIN, replace(good, forces=good.forces * 1e200))  # finite, but not its square
    with pytest.raises(RunFailedError, match="the loss is nan in epoch 0") as caught:
        train.run(scratch(clip_grad=1e300), hydrogen)
    assert caught.value.status == "loss_diverged"
    assert not (hydrogen / files.MODEL).exists()


def test_the_time_budget_ends_the_run_after_an_epoch(hydrogen: Path) -> None:
    with pytest.raises(RunFailedError, match="epoch 0 was the last that fitted") as caught:
        train.run(replace(scratch(epochs=1000), max_seconds=1e-3), hydrogen)
    assert caught.value.status == "wall_time"


def test_a_signal_ends_training_with_a_manifest(hydrogen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train.Progress, "report", lambda self, done, line: os.kill(os.getpid(), signal.SIGTERM))
    (hydrogen / files.JOB).write_text(to_json(scratch(epochs=1000)))
    assert main.main(["train", str(hydrogen / files.JOB)]) == 1
    manifest = json.loads((hydrogen / files.MANIFEST).read_text())
    assert (manifest["status"], manifest["seed"], manifest["device"]) == ("terminated", 24, "cpu")
    assert manifest["outputs"] == {}
    assert "torch" in manifest["versions"]

"""The methods of a stage, each trained for real: what it moves, what it leaves, and that MACE's own way is no other."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from ase.data import atomic_numbers

from aiida_mlgun.contract import files
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.jobs import TrainJob
from aiida_mlgun.remote import train
from aiida_mlgun.remote.io import read_frames, write_frames
from aiida_mlgun.remote.mace import command, load_model, predict, save_model
from aiida_mlgun.remote.mace.heads import only_head
from aiida_mlgun.remote.mace.store import stored_e0s
from aiida_mlgun.remote.mace.trust import open_pickle
from aiida_mlgun.science.frames import Frames

from .stages import PARENT_E0S, acetylene, fill_with_acetylene, stage, store_parent


@pytest.fixture(scope="module")
def parent_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parent") / "model"
    store_parent(folder)
    return folder


@pytest.fixture
def on_parent(tmp_path: Path, parent_folder: Path, make_frames: Callable[..., Frames]) -> Path:
    """A job's folder: parent of H, C and Si, acetylene to train on and to remember."""
    shutil.copytree(parent_folder, tmp_path / files.PARENT_MODEL)
    write_frames(tmp_path / files.REPLAY, make_frames(6, acetylene(), seed=9))
    return fill_with_acetylene(tmp_path, make_frames)


def job(**settings: Any) -> TrainJob:
    made = stage(**{"e0s": "parent", "readout": "keep"} | settings)
    return TrainJob(made, device="cpu", threads=1, has_replay=made.method == "replay")


def weights(model: Path) -> dict[str, torch.Tensor]:
    return dict(safetensors.torch.load_file(model / files.MODEL_WEIGHTS))


def moved(folder: Path) -> set[str]:
    """The first parts of the names of tensors that differ from the parent's."""
    old, new = weights(folder / files.PARENT_MODEL), weights(folder / files.MODEL)
    assert old.keys() == new.keys()
    return {key.partition(".")[0] for key in old if not torch.equal(old[key].flatten(), new[key].flatten())}


def told(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / files.TRAINING).read_text())
    return data


@pytest.mark.parametrize(
    ("freeze", "learning"),
    [
        ("embedding", {"interactions", "products", "readouts"}),
        ("interactions", {"products", "readouts"}),
        ("products", {"readouts"}),
    ],
)
def test_frozen_layers_are_the_parent_s_to_the_last_bit(on_parent: Path, freeze: str, learning: set[str]) -> None:
    train.run(job(method="frozen", freeze=freeze, ema_decay=0.9, weight_decay=0.01), on_parent)
    assert moved(on_parent) == learning
    assert "frozen" in [check["check"] for check in told(on_parent)["checks"]]


def test_naive_training_moves_every_layer(on_parent: Path) -> None:
    train.run(job(), on_parent)
    assert moved(on_parent) == {"node_embedding", "interactions", "products", "readouts"}


def test_lora_moves_linear_layers_alone_and_is_stored_merged(on_parent: Path) -> None:
    train.run(job(method="lora", lora_rank=2, lora_alpha=4.0), on_parent)
    old, new = weights(on_parent / files.PARENT_MODEL), weights(on_parent / files.MODEL)
    assert old.keys() == new.keys()  # no trace of the corrections' own tensors
    changed = {key for key in old if not torch.equal(old[key].flatten(), new[key].flatten())}
    assert {key.partition(".")[0] for key in changed} >= {"interactions", "readouts"}
    assert not [key for key in changed if "symmetric_contractions" in key or "skip_tp" in key]
    layer = "interactions.0.conv_tp_weights.layer0.weight"
    assert torch.linalg.matrix_rank(new[layer] - old[layer], rtol=1e-6) == 2
    effective = told(on_parent)["effective"]
    assert (effective["lora"], effective["lora_rank"], effective["lora_alpha"]) == (True, 2, 4.0)


def test_replay_stores_the_head_that_was_trained_for(on_parent: Path, make_frames: Callable[..., Frames]) -> None:
    write_frames(on_parent / files.REPLAY, replace(replay(on_parent), energy=replay(on_parent).energy - 2000.0))
    given = {"H": -0.5, "C": -1.0, "Si": -2.0}
    train.run(job(method="replay", e0s="given", e0_values=given, epochs=30), on_parent)
    model = load_model(on_parent / files.MODEL, "cpu", "float64")
    assert model.heads == ["Default"]
    assert stored_e0s(model) == pytest.approx(given, abs=1e-9)
    record = told(on_parent)
    assert record["errors"]["validation"]["all"]["rmse_forces"] == pytest.approx(
        record["history"]["rmse_forces"][int(np.argmin(record["history"]["loss"]))], rel=1e-5
    )  # MACE's own table of the training set's head; the model is that of the best epoch
    assert record["history"]["replay_loss"] != record["history"]["loss"]
    assert [check["detail"] for check in record["checks"] if check["check"] == "e0s"] == [
        "H, C, Si (head Default).",
        "H, C, Si (head pt_head).",
    ]


def replay(folder: Path) -> Frames:
    return read_frames(folder / files.REPLAY)


def test_the_weight_of_replay_frames_acts(on_parent: Path) -> None:
    found = []
    for weight in (1.0, 50.0):
        train.run(job(method="replay", replay_weight=weight), on_parent)
        found.append(weights(on_parent / files.MODEL))
        shutil.rmtree(on_parent / files.MODEL)
    assert any(not torch.equal(found[0][key], found[1][key]) for key in found[0])


@pytest.fixture
def kept_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work folder stays, with the model as MACE made it."""
    remove = shutil.rmtree
    monkeypatch.setattr(
        shutil, "rmtree", lambda path, *args, **named: Path(path).name == "mace" or remove(path, *args, **named)
    )


@pytest.mark.usefixtures("kept_work")
def test_replay_with_mace_s_loss_is_mace_s_multihead_fine_tuning_to_the_last_bit(on_parent: Path) -> None:
    """MACE by hand, in a process of its own, by its own switch for multihead fine-tuning."""
    made = job(method="replay", loss="universal", ema_decay=0.99, lr=0.003)
    train.run(made, on_parent)
    work = on_parent / train.WORK
    ours = open_pickle(work / "stage.model", _sha(work / "stage.model")).state_dict()
    hand = on_parent / "hand"
    argv = command.arguments(
        hand,
        made.stage,
        {atomic_numbers[symbol]: value for symbol, value in PARENT_E0S.items()},
        "cpu",
        None,
        work / train.PARENT,
        replay_e0s={},
        neighbours=1.0,
    )
    other = ("--heads=", "--multiheads_finetuning=", "--train_file=", "--valid_file=")
    argv = [word for word in argv if not word.startswith(other)]
    argv += ["--multiheads_finetuning=True", f"--train_file={work}/train.xyz", f"--valid_file={work}/validation.xyz"]
    argv += [f"--pt_train_file={work}/replay.xyz", f"--pt_valid_file={work}/replay_validation.xyz"]
    environment = os.environ | {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1", "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, "-m", "mace.cli.run_train", *argv], env=environment, check=True, capture_output=True
    )
    theirs = open_pickle(hand / "stage.model", _sha(hand / "stage.model")).state_dict()
    assert ours.keys() == theirs.keys()
    assert [key for key in ours if not torch.equal(ours[key], theirs[key])] == []


def _sha(path: Path) -> str:
    return train.sha256_file(path)


def test_of_the_training_set_s_elements_alone_the_rest_is_dropped(on_parent: Path) -> None:
    train.run(job(elements="training"), on_parent)
    child = load_model(on_parent / files.MODEL, "cpu", "float64")
    assert child.atomic_numbers.tolist() == [1, 6]
    assert stored_e0s(child) == pytest.approx({"H": -13.6, "C": -1030.0})


def test_a_parent_of_several_heads_must_be_told_which(on_parent: Path, make_frames: Callable[..., Frames]) -> None:
    parent = two_heads(load_model(on_parent / files.PARENT_MODEL, "cpu", "float64"))
    shutil.rmtree(on_parent / files.PARENT_MODEL)
    save_model(parent, on_parent / files.PARENT_MODEL)
    with pytest.raises(RefusedError, match=r"has 2 heads \(one, two\): name the one to go on from"):
        train.run(job(), on_parent)
    with pytest.raises(RefusedError, match=r"has no head 'three'. It has: one, two"):
        train.run(job(parent_head="three"), on_parent)
    frames = make_frames(2, acetylene())
    for name in parent.heads:
        small = only_head(parent, name)
        for old, new in zip(
            predict(parent, frames, 2, "cpu", head=name), predict(small, frames, 2, "cpu"), strict=True
        ):
            np.testing.assert_allclose(new, old, rtol=0, atol=1e-9)
    assert not np.allclose(*(predict(parent, frames, 2, "cpu", head=name)[0] for name in parent.heads))
    train.run(job(parent_head="one", lr=1e-9, epochs=1), on_parent)
    child = load_model(on_parent / files.MODEL, "cpu", "float64")
    expected, _ = predict(parent, frames, 2, "cpu", head="one")
    np.testing.assert_allclose(predict(child, frames, 2, "cpu")[0], expected, rtol=0, atol=1e-5)


def two_heads(model: Any) -> Any:
    """The same backbone with two heads of random readouts, scales and reference energies."""
    from mace import modules
    from mace.tools.scripts_utils import extract_config_mace_model

    config = extract_config_mace_model(model)
    one = np.asarray(config["atomic_energies"]).reshape(1, -1)
    config |= {"heads": ["one", "two"], "atomic_energies": np.concatenate([one, one + 1.0])}
    config |= {"atomic_numbers": model.atomic_numbers.tolist(), "r_max": float(model.r_max)}
    config |= {"atomic_inter_scale": [0.7, 1.1], "atomic_inter_shift": [-0.2, 0.4]}
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(5)
    try:
        return modules.ScaleShiftMACE(**config)
    finally:
        torch.set_default_dtype(before)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"batch_size": 5}, "training set holds 4 frames, fewer than one batch of 5"),
        ({"batch_size": 10, "method": "replay"}, "training set holds 9 frames, fewer than one batch of 10"),
    ],
)
def test_a_set_smaller_than_a_batch_is_refused(on_parent: Path, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RefusedError, match=sentence):
        train.run(job(**settings), on_parent)


def test_a_replay_set_that_is_not_there_is_named(on_parent: Path) -> None:
    (on_parent / files.REPLAY).unlink()
    with pytest.raises(RefusedError, match=r"replay.npz is missing") as caught:
        train.run(job(method="replay"), on_parent)
    assert caught.value.status == "replay_missing"

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from ase import Atoms
from ase.build import molecule

from aiida_mlgun.contract import files
from aiida_mlgun.contract.errors import RefusedError, RunFailedError
from aiida_mlgun.contract.jobs import TrainJob, to_json
from aiida_mlgun.contract.training import Architecture, Stage
from aiida_mlgun.remote import main, train
from aiida_mlgun.remote.io import write_frames
from aiida_mlgun.remote.mace import load_model, predict, save_model
from aiida_mlgun.remote.mace.store import stored_e0s
from aiida_mlgun.science.frames import Frames, concatenate, from_atoms

# after the package's own import of mace, which quietens it
from e3nn import o3  # isort: skip
from mace import modules  # isort: skip

TINY = Architecture(
    r_max=3.0, channels=4, max_ell=1, interactions=1, correlation=1, bessel=4, radial_mlp=(8,), readout_mlp=4
)
STILL = 1e-9  # a learning rate so small that one epoch changes nothing that is looked at here
PARENT_E0S = {"H": -13.6, "C": -1030.0, "Si": -7800.0}


def stage(**settings: Any) -> Stage:
    return Stage(**{"epochs": 2, "batch_size": 4, "lr": 0.01} | settings)


def scratch(**settings: Any) -> TrainJob:
    return TrainJob(stage(**settings), parent=False, architecture=TINY, device="cpu", threads=1)


def further(**settings: Any) -> TrainJob:
    return TrainJob(stage(epochs=1, **settings), device="cpu", threads=1)


def isolated(symbol: str, energy: float) -> Frames:
    lone = from_atoms([Atoms(symbol, cell=[8, 8, 8], pbc=True)], {"stratum": ["IsolatedAtom"]})
    return replace(lone, energy=np.array([energy]), forces=np.zeros((1, 3)))


def acetylene() -> Atoms:
    return molecule("C2H2", cell=[8, 8, 8], pbc=True)


@pytest.fixture(scope="module")
def hydrogen(make_frames: Callable[..., Frames]) -> Callable[[Path], Path]:
    """Fills a folder with eight H2 and a lone H (E0 −1.5 eV) to train on, three H2 to look at, two to test."""

    def fill(folder: Path) -> Path:
        write_frames(folder / files.TRAIN, concatenate([isolated("H", -1.5), make_frames(8, stratum="gas")]))
        write_frames(folder / files.VALIDATION, make_frames(3, seed=1))
        write_frames(folder / files.TEST, make_frames(2, seed=2))
        return folder

    return fill


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, hydrogen: Callable[[Path], Path]) -> tuple[Path, Any]:
    """A first stage from scratch, and what it returned."""
    folder = hydrogen(tmp_path_factory.mktemp("first"))
    return folder, train.run(replace(scratch(), has_test=True), folder)


@pytest.fixture(scope="module")
def parent_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A parent of H, C and Si, random but always the same, two layers of four scalars."""
    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    folder = tmp_path_factory.mktemp("parent") / "model"
    state = torch.get_rng_state()
    torch.manual_seed(3)
    torch.set_default_dtype(torch.float64)
    try:
        parent = modules.ScaleShiftMACE(
            r_max=3.0,
            num_bessel=4,
            num_polynomial_cutoff=5,
            max_ell=1,
            interaction_cls=block,
            interaction_cls_first=block,
            num_interactions=2,
            num_elements=3,
            hidden_irreps=o3.Irreps("4x0e"),
            MLP_irreps=o3.Irreps("4x0e"),
            atomic_energies=np.array(list(PARENT_E0S.values())),
            avg_num_neighbors=3.0,
            atomic_numbers=[1, 6, 14],
            correlation=1,
            gate=torch.nn.functional.silu,
            radial_MLP=[8],
            atomic_inter_scale=0.7,
            atomic_inter_shift=-0.2,
        )
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_rng_state(state)
    save_model(parent, folder)
    return folder


@pytest.fixture
def on_parent(tmp_path: Path, parent_folder: Path, make_frames: Callable[..., Frames]) -> Path:
    """A job's folder: parent of H, C and Si, acetylene to train on."""
    shutil.copytree(parent_folder, tmp_path / files.PARENT_MODEL)
    write_frames(tmp_path / files.TRAIN, make_frames(4, acetylene()))
    write_frames(tmp_path / files.VALIDATION, make_frames(2, acetylene(), seed=1))
    return tmp_path


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


def test_the_same_seed_gives_the_same_weights_to_the_last_bit(
    first: tuple[Path, Any], tmp_path: Path, hydrogen: Callable[[Path], Path]
) -> None:
    train.run(scratch(), hydrogen(tmp_path))
    again, before = weights(tmp_path / files.MODEL), weights(first[0] / files.MODEL)
    assert again.keys() == before.keys()
    assert all(torch.equal(again[key], before[key]) for key in again)


def test_a_second_stage_goes_on_from_the_first(
    first: tuple[Path, Any], tmp_path: Path, hydrogen: Callable[[Path], Path]
) -> None:
    shutil.copytree(first[0] / files.MODEL, hydrogen(tmp_path) / files.PARENT_MODEL)
    job = further(readout="keep", e0s="given", e0_values={"H": -2.0}, lr=STILL, precision="float32")
    assert train.run(job, tmp_path).numbers["dtype"] == "float32"
    assert stored_e0s(load_model(tmp_path / files.MODEL, "cpu", "float32")) == pytest.approx({"H": -2.0}, abs=1e-6)
    old, new = weights(first[0] / files.MODEL), weights(tmp_path / files.MODEL)
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


def test_estimated_energies_take_the_parent_s_mean_error_away(on_parent: Path) -> None:
    train.run(further(readout="keep", e0s="estimated", lr=STILL), on_parent)
    child = load_model(on_parent / files.MODEL, "cpu", "float64")
    e0s = stored_e0s(child)
    assert e0s["Si"] == pytest.approx(-7800.0, abs=1e-9)
    assert e0s == pytest.approx(json.loads((on_parent / files.TRAINING).read_text())["e0s"], abs=1e-9)
    frames = train_frames(on_parent)
    energy, _ = predict(child, frames, 4, "cpu")
    assert (energy - frames.energy).mean() == pytest.approx(0.0, abs=1e-4)


def train_frames(folder: Path) -> Frames:
    from aiida_mlgun.remote.io import read_frames

    return read_frames(folder / files.TRAIN)


def test_an_element_without_a_reference_energy_is_refused(on_parent: Path) -> None:
    write_frames(on_parent / files.TRAIN, concatenate([isolated("H", -12.0), train_frames(on_parent)]))
    with pytest.raises(RefusedError, match="no energy for C") as caught:
        train.run(further(), on_parent)
    assert caught.value.status == "e0_missing"
    with pytest.raises(RefusedError, match="no energy for H") as caught:
        train.run(further(e0s="given", e0_values={"C": -1000.0}), on_parent)
    assert caught.value.status == "e0_missing"


def test_an_isolated_atom_without_an_energy_gives_none(tmp_path: Path, hydrogen: Callable[[Path], Path]) -> None:
    lone = concatenate([isolated("H", np.nan), train_frames(hydrogen(tmp_path)).select(range(1, 9))])
    write_frames(tmp_path / files.TRAIN, lone)
    with pytest.raises(RefusedError) as caught:
        train.run(scratch(), tmp_path)
    assert caught.value.status == "e0_missing"


def test_a_reference_energy_of_no_element_is_refused(tmp_path: Path, hydrogen: Callable[[Path], Path]) -> None:
    with pytest.raises(RefusedError, match="'Hh' is no chemical symbol"):
        train.run(scratch(e0s="given", e0_values={"H": -1.0, "Hh": -1.0}), hydrogen(tmp_path))


@pytest.mark.parametrize("name", [files.TRAIN, files.VALIDATION, files.TEST])
def test_an_element_that_the_parent_lacks_is_refused_before_training(
    on_parent: Path, make_frames: Callable[..., Frames], name: str
) -> None:
    write_frames(on_parent / files.TEST, make_frames(1, acetylene()))
    write_frames(on_parent / name, make_frames(2, molecule("CO")))
    with pytest.raises(RefusedError, match="O stands in the frames") as caught:
        train.run(replace(further(e0s="parent"), has_test=True), on_parent)
    assert caught.value.status == "element_not_covered"


def test_from_scratch_validation_and_test_hold_no_further_element(
    tmp_path: Path, hydrogen: Callable[[Path], Path], make_frames: Callable[..., Frames]
) -> None:
    write_frames(hydrogen(tmp_path) / files.VALIDATION, make_frames(2, acetylene()))
    with pytest.raises(RefusedError, match="C stands in the validation set and not in the training set") as caught:
        train.run(scratch(), tmp_path)
    assert caught.value.status == "element_not_covered"


@pytest.mark.parametrize("label", ["energy", "forces"])
def test_labels_that_are_missing_or_not_finite_are_refused(
    tmp_path: Path, hydrogen: Callable[[Path], Path], make_frames: Callable[..., Frames], label: str
) -> None:
    good = make_frames(3)
    broken = getattr(good, label).copy()
    broken[1] = np.nan
    write_frames(hydrogen(tmp_path) / files.VALIDATION, replace(good, **{label: broken}))
    with pytest.raises(RefusedError, match=f"validation set has frames whose {label} are missing or not finite"):
        train.run(scratch(), tmp_path)
    write_frames(tmp_path / files.VALIDATION, replace(good, **{label: None}))
    with pytest.raises(RefusedError, match=f"validation set has no {label}"):
        train.run(scratch(), tmp_path)


@pytest.mark.parametrize("name", [files.TRAIN, files.VALIDATION])
def test_a_set_of_isolated_atoms_alone_is_refused(tmp_path: Path, hydrogen: Callable[[Path], Path], name: str) -> None:
    write_frames(hydrogen(tmp_path) / name, isolated("H", -1.5))
    with pytest.raises(RefusedError, match="no frame besides isolated atoms") as caught:
        train.run(scratch(), tmp_path)
    assert caught.value.status == "nothing_left"


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path, hydrogen: Callable[[Path], Path]) -> None:
    good = train_frames(hydrogen(tmp_path))
    write_frames(tmp_path / files.TRAIN, replace(good, forces=good.forces * 1e200))  # finite, but not its square
    with pytest.raises(RunFailedError, match="the loss is nan after epoch 0") as caught:
        train.run(scratch(clip_grad=1e300), tmp_path)
    assert caught.value.status == "loss_diverged"
    assert not (tmp_path / files.MODEL).exists()


def test_the_time_budget_ends_the_run_after_an_epoch(tmp_path: Path, hydrogen: Callable[[Path], Path]) -> None:
    with pytest.raises(RunFailedError, match="epoch 0 was the last that fitted") as caught:
        train.run(replace(scratch(epochs=1000), max_seconds=1e-3), hydrogen(tmp_path))
    assert caught.value.status == "wall_time"


def test_a_signal_ends_training_with_a_manifest(
    tmp_path: Path, hydrogen: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train.Progress, "report", lambda self, done, line: os.kill(os.getpid(), signal.SIGTERM))
    (hydrogen(tmp_path) / files.JOB).write_text(to_json(scratch(epochs=1000)))
    assert main.main(["train", str(tmp_path / files.JOB)]) == 1
    manifest = json.loads((tmp_path / files.MANIFEST).read_text())
    assert (manifest["status"], manifest["seed"], manifest["device"]) == ("terminated", 24, "cpu")
    assert manifest["outputs"] == {}
    assert "torch" in manifest["versions"]

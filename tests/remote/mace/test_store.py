"""A model as three plain files: the same to the last bit, and refused when it is not the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from ase import Atoms

from aiida_mlgun.contract import files
from aiida_mlgun.contract.errors import RefusedError, RunFailedError
from aiida_mlgun.remote.mace import load_model, predict, save_model
from aiida_mlgun.remote.mace.store import probe_frames, set_e0s, stored_e0s
from aiida_mlgun.science.frames import Frames, from_atoms

Make = Callable[[str], torch.nn.Module]
PARAMETER = "products.1.linear.weight"


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, small_mace: Make) -> Path:
    folder = tmp_path_factory.mktemp("stored") / "model"
    save_model(small_mace("float64"), folder)
    return folder


@pytest.fixture
def copy(stored: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stored, tmp_path / "model"))


@pytest.fixture(scope="module")
def frames(silicon_and_acetylene: Atoms) -> Frames:
    return from_atoms([silicon_and_acetylene])


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    path = folder / files.MODEL_WEIGHTS
    weights = safetensors.torch.load(path.read_bytes())
    change(weights)
    path.write_bytes(safetensors.torch.save(weights))


def change_config(folder: Path, **settings: Any) -> None:
    path = folder / files.MODEL_CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_stored_model_comes_back_to_the_last_bit(
    tmp_path: Path, small_mace: Make, frames: Frames, dtype: str
) -> None:
    model = small_mace(dtype)
    config = save_model(model, tmp_path)
    assert config["dtype"] == dtype
    assert {path.name for path in tmp_path.iterdir()} == set(files.MODEL_FILES)
    again = load_model(tmp_path, "cpu", dtype)
    assert {p.dtype for p in again.parameters()} == {getattr(torch, dtype)}
    for key, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key
    for new, old in zip(predict(again, frames, 1, "cpu"), predict(model, frames, 1, "cpu"), strict=True):
        np.testing.assert_array_equal(new, old)


def test_equal_models_give_equal_bytes_and_no_pickle(stored: Path, tmp_path: Path, small_mace: Make) -> None:
    save_model(small_mace("float64"), tmp_path)
    for name in files.MODEL_FILES:
        assert (tmp_path / name).read_bytes() == (stored / name).read_bytes(), name
        assert b"torch._utils" not in (tmp_path / name).read_bytes()


def test_a_float64_model_can_be_run_in_float32(stored: Path, small_mace: Make, frames: Frames) -> None:
    energy, forces = predict(load_model(stored, "cpu", "float32"), frames, 1, "cpu")
    exact, exact_forces = predict(small_mace("float64"), frames, 1, "cpu")
    assert energy == pytest.approx(exact, rel=1e-6)
    assert energy[0] != exact[0]
    np.testing.assert_allclose(forces, exact_forces, atol=1e-4)


def test_loading_leaves_torch_s_default_type_alone(stored: Path) -> None:
    assert torch.get_default_dtype() == torch.float32
    load_model(stored, "cpu", "float64")
    assert torch.get_default_dtype() == torch.float32


def test_a_changed_weight_is_found(copy: Path) -> None:
    change_weights(copy, lambda weights: weights[PARAMETER].view(-1)[0].add_(1e-3))
    with pytest.raises(RunFailedError, match=r"probe .* differ by") as caught:
        load_model(copy, "cpu", "float64")
    assert caught.value.status == "model_not_rebuilt"


def test_a_changed_option_is_found(copy: Path) -> None:
    change_config(copy, gate="tanh")
    with pytest.raises(RunFailedError, match=r"probe .* differ by"):
        load_model(copy, "cpu", "float64")


def test_a_weight_that_is_no_number_is_found(copy: Path) -> None:
    change_weights(copy, lambda weights: weights[PARAMETER].view(-1)[0].fill_(torch.nan))
    with pytest.raises(RunFailedError, match="differ by nan"):
        load_model(copy, "cpu", "float64")


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_no_numbers_are_not_stored(tmp_path: Path, small_mace: Make, value: float) -> None:
    model = small_mace("float64")
    parameter = dict(model.named_parameters())[PARAMETER]
    kept = parameter.detach().clone()
    try:
        with torch.no_grad():
            parameter.view(-1)[0] = value
        with pytest.raises(RefusedError, match=r"'products\.1\.linear\.weight' is not finite") as caught:
            save_model(model, tmp_path / "model")
    finally:
        with torch.no_grad():
            parameter.copy_(kept)
    assert caught.value.status == "loss_diverged"
    assert not list((tmp_path / "model").iterdir())


@pytest.mark.parametrize("name", files.MODEL_FILES)
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(RefusedError, match=f"the model folder lacks {name}"):
        load_model(copy, "cpu", "float64")


@pytest.mark.parametrize("name", files.MODEL_FILES)
def test_a_file_that_is_cut_off_is_a_sentence(copy: Path, name: str) -> None:
    (copy / name).write_bytes((copy / name).read_bytes()[:60])
    with pytest.raises(RefusedError, match="damaged or foreign"):
        load_model(copy, "cpu", "float64")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"gate": "evil"}, "configuration names gate 'evil'; known are silu"),
        ({"readout_cls": "os"}, "configuration names readout_cls 'os'; known are LinearReadoutBlock"),
        ({"option_of_another_version": 1}, "damaged or foreign"),
        ({"hidden_irreps": "4x0e"}, "damaged or foreign"),
    ],
)
def test_a_configuration_that_is_foreign_is_a_sentence(copy: Path, settings: dict[str, Any], words: str) -> None:
    change_config(copy, **settings)
    with pytest.raises(RefusedError, match=words):
        load_model(copy, "cpu", "float64")


def test_another_class_of_model_is_named(copy: Path) -> None:
    change_config(copy, model_class="PolarMACE")
    with pytest.raises(RefusedError, match="unknown model class 'PolarMACE'"):
        load_model(copy, "cpu", "float64")


def test_a_missing_weight_is_named(copy: Path) -> None:
    change_weights(copy, lambda weights: weights.pop(PARAMETER))
    with pytest.raises(RefusedError, match=f"do not fit the configuration.*{PARAMETER}"):
        load_model(copy, "cpu", "float64")


def test_what_is_no_mace_is_not_stored(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="the model is a Linear"):
        save_model(torch.nn.Linear(2, 2), tmp_path)


def test_the_probe_holds_each_element(stored: Path) -> None:
    frames = probe_frames([1, 6, 14])
    assert frames.symbols == ["H", "C", "Si"]
    assert len(frames) == 3
    probe = json.loads((stored / files.MODEL_PROBE).read_text())
    assert np.shape(probe["forces"]) == (9, 3)
    assert all(np.abs(np.array(probe["forces"]).reshape(3, 9)).max(axis=1) > 1e-6)  # each cluster feels its neighbours


def test_reference_energies_are_read_and_set(stored: Path, frames: Frames) -> None:
    model = load_model(stored, "cpu", "float64")
    assert stored_e0s(model) == {"H": -13.6, "C": -1030.0, "Si": -7800.0}
    before, _ = predict(model, frames, 1, "cpu")
    set_e0s(model, {"H": -13.6, "C": -1031.0, "Si": -7800.5})
    assert stored_e0s(model) == {"H": -13.6, "C": -1031.0, "Si": -7800.5}
    after, _ = predict(model, frames, 1, "cpu")
    assert after[0] - before[0] == pytest.approx(-2 * 1.0 - 8 * 0.5, abs=1e-6)  # two carbons, eight silicons

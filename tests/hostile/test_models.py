"""Hostile models: on the workstation they are no node, on the compute machine nothing is built of them."""

from __future__ import annotations

import json
import os
import resource
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from aiida import orm
from click.testing import CliRunner

from aiida_mlgun.calculations.convert import ConvertCalculation
from aiida_mlgun.cli import cli
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.files import MODEL_CONFIG, MODEL_FILES, MODEL_PROBE, MODEL_WEIGHTS
from aiida_mlgun.data.model import MAX_HEADER, ModelData
from aiida_mlgun.remote.mace import load_model
from tests.nodes import model_contents


def tensors(entries: dict[str, Any], body: bytes) -> bytes:
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + body


def entry(start: int, end: int) -> dict[str, Any]:
    return {"dtype": "U8", "shape": [end - start], "data_offsets": [start, end]}


class Trap:
    """A pickle that makes a folder when it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


WEIGHTS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a header beyond the format's limit": (
        lambda: struct.pack("<Q", MAX_HEADER + 1) + bytes(MAX_HEADER + 1),
        "longer than 100 MB",
    ),
    "a header longer than the file": (lambda: struct.pack("<Q", 2**62) + b"{}", "longer than the file"),
    "tensors that share bytes": (
        lambda: tensors({f"t{i}": entry(0, 1 << 20) for i in range(20_000)}, bytes(1 << 20)),
        "tensors overlap",
    ),
    "bytes between tensors": (lambda: tensors({"a": entry(0, 4), "b": entry(8, 12)}, bytes(12)), "belong to no tensor"),
    "bytes behind the tensors": (lambda: tensors({"a": entry(0, 4)}, bytes(99)), "belong to no tensor"),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_that_lie_are_refused_at_once(name: str) -> None:
    make, sentence = WEIGHTS[name]
    contents = model_contents() | {MODEL_WEIGHTS: make()}
    begin, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(RefusedError, match=sentence):
        ModelData(contents)
    assert time.process_time() - begin < 2.0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150 * 1024  # KiB


def changed(**settings: Any) -> bytes:
    return json.dumps(json.loads(model_contents()[MODEL_CONFIG]) | settings).encode()


@pytest.mark.parametrize(
    "content",
    [
        changed(r_max=float("nan")),
        changed(r_max=float("inf")),
        changed(r_max=-5.0),
        changed(r_max=0),
        changed(r_max=5.0).replace(b'"r_max": 5.0', b'"r_max": 1e999'),
        changed(r_max=5.0).replace(b'"r_max": 5.0', b'"r_max": ' + b"9" * 5000),
        changed(r_max=5.0).replace(b'"r_max": 5.0', b'"r_max": ' + b"9" * 400),
        changed(atomic_energies=[[float("nan")] * 8]),
        changed(atomic_numbers=[10**30] * 8),
        changed(num_interactions=None),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"cos\nsystem\n(S'false'\ntR.",
    ],
    ids=lambda content: f"{len(content)} bytes",
)
def test_configurations_that_are_no_numbers_are_refused(content: bytes) -> None:
    with pytest.raises(RefusedError, match=MODEL_CONFIG) as caught:
        ModelData(model_contents() | {MODEL_CONFIG: content})
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("key", ["name", "licence", "level"])
@pytest.mark.parametrize("text", ["a\x1b[2Jb", "two\nlines", "\u202ereversed", "", "x" * 256, "a\0b"])
def test_words_that_a_terminal_would_obey_are_refused(key: str, text: str) -> None:
    with pytest.raises(RefusedError, match=f"the model's {key} must be one line") as caught:
        ModelData(model_contents(), {key: text})
    assert str(caught.value).isprintable()


NAMES = ("foreign.model", "weights.safetensors", "config.json", "model.txt", "frames.npz")


@pytest.mark.parametrize("name", NAMES)
def test_a_pickle_under_any_name_is_not_opened_on_the_workstation(
    name: str, tmp_path: Path, aiida_profile: Any
) -> None:
    torch.save(Trap(tmp_path / "mark"), tmp_path / name)
    result = CliRunner().invoke(cli, ["model", "import", str(tmp_path / name)])
    assert result.exit_code != 0
    assert f"{name} is a pickle, and opening it runs what is in it." in result.stderr
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("name", MODEL_FILES)
def test_a_pickle_in_a_model_s_folder_is_not_opened_on_either_side(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for each, content in model_contents().items():
        (folder / each).write_bytes(content)
    torch.save(Trap(tmp_path / "mark"), folder / name)
    for read in (ModelData.from_folder, lambda path: load_model(path, "cpu", "float64")):
        with pytest.raises(RefusedError):
            read(folder)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"interaction_cls": "torch"}, "names interaction_cls 'torch'"),
        ({"interaction_cls": "np"}, "names interaction_cls 'np'"),
        ({"interaction_cls_first": "__builtins__"}, "names interaction_cls_first"),
        ({"interaction_cls": ["RealAgnosticResidualInteractionBlock"]}, "names interaction_cls"),
        ({"readout_cls": "LAMMPS_MP"}, "names readout_cls"),
        ({"gate": "exec"}, "names gate 'exec'"),
        ({"dtype": "load"}, "names dtype 'load'"),
        ({"dtype": "float16"}, "names dtype 'float16'"),
        ({"model_class": "os.system"}, "unknown model class 'os.system'"),
        ({"cueq_config": {"enabled": True}}, "has cueq_config"),
        ({"embedding_specs": {"charge": {}}}, "has embedding_specs"),
        ({"hidden_irreps": "1000000x0e"}, "hidden_irreps of 1000000"),
        ({"MLP_irreps": "10000x9e"}, "MLP_irreps of 190000"),
        ({"num_interactions": 10**9}, "num_interactions 1000000000"),
        ({"num_interactions": -1}, "num_interactions -1"),
        ({"max_ell": 99}, "max_ell 99"),
        ({"num_elements": 10**6}, "num_elements 1000000"),
        ({"correlation": [10**3, 2]}, "correlation 1000"),
        ({"correlation": 2.5}, r"correlation 2\.5"),
        ({"radial_MLP": [10**9]}, "radial_MLP 1000000000"),
        ({"hidden_irreps": "import os"}, "damaged or foreign"),
        ({"device": "cuda"}, "damaged or foreign"),
    ],
    ids=repr,
)
def test_a_configuration_names_only_what_models_have(settings: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    for name, content in model_contents().items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / MODEL_CONFIG).write_bytes(changed(**settings))
    begin = time.process_time()
    with pytest.raises(RefusedError, match=sentence):
        load_model(tmp_path, "cpu", "float64")
    assert time.process_time() - begin < 5.0


@pytest.mark.parametrize("trust", ["blind", "SAFE", "", None, 1])
def test_no_other_trust_than_the_three(trust: object) -> None:
    with pytest.raises(RefusedError, match="a model's trust is one of safe, pinned, user"):
        ModelData(model_contents(), {"trust": trust})


def test_the_trust_follows_from_how_a_model_came_in(aiida_profile: Any) -> None:
    builder = ConvertCalculation.get_builder()
    with pytest.raises(ValueError, match="the trust follows from how the model comes in"):
        builder.card = orm.Dict({"name": "m", "trust": "safe"})


def test_the_probe_is_json_too() -> None:
    with pytest.raises(RefusedError, match=MODEL_PROBE):
        ModelData(model_contents() | {MODEL_PROBE: b'{"energy": [NaN]}'})

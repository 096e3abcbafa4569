"""``mlgun.export``: what it refuses, and one real run on this machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import CalculationFactory

from aiida_mlgun.data.model import ModelData
from tests.nodes import instantiate, model_contents

Install = Callable[..., orm.InstalledCode]


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"format": "onnx"}, "export.format: 'onnx' is not one of mace, lammps, lammps-mliap."),
        ({"head": "PBE"}, "export: the model has no head 'PBE'. It has: Default."),
        ({"head": ""}, "export: head must be the name of a head"),
        ({"threads": -1}, "export: threads must not be negative"),
    ],
)
def test_refusals(parameters: dict[str, object], sentence: str, aiida_code_installed: Install) -> None:
    code = aiida_code_installed(filepath_executable="bash")
    model = ModelData(model_contents()).store()
    with pytest.raises(ValueError) as caught:
        instantiate("mlgun.export", code=code, model=model, parameters=orm.Dict(parameters))
    assert sentence in str(caught.value)


def test_lammps_needs_one_head_of_several(aiida_code_installed: Install) -> None:
    model = ModelData(model_contents())
    model.base.attributes.set("heads", ["broad", "target"])
    code, parameters = aiida_code_installed(filepath_executable="bash"), orm.Dict({"format": "lammps"})
    with pytest.raises(ValueError) as caught:
        instantiate("mlgun.export", code=code, model=model.store(), parameters=parameters)
    assert "the model has the heads broad, target: name the one that LAMMPS is to use" in str(caught.value)


def test_a_real_export_comes_home(aiida_code_installed: Install) -> None:
    import torch

    executable = Path(sys.executable).parent / "mlgun"
    code = aiida_code_installed(default_calc_job_plugin="mlgun.export", filepath_executable=str(executable))
    model = ModelData(model_contents(), {"name": "compact one/2"}).store()
    parameters = orm.Dict({"format": "lammps", "threads": 1})
    outputs, node = run_get_node(CalculationFactory("mlgun.export"), code=code, model=model, parameters=parameters)
    assert node.is_finished_ok, node.exit_message
    file, results = outputs["file"], outputs["results"]
    assert file.filename == "compact_one_2-lammps.pt"
    content = file.get_content(mode="rb")
    assert results["numbers"]["sha256"] == sha256(content).hexdigest()
    assert results["numbers"]["bytes"] == len(content) and results["versions"]["mace-torch"]
    with file.as_path() as path:
        program = torch.jit.load(str(path))
    assert program.atomic_numbers.tolist() == [1, 6, 7, 8, 14, 53, 55, 82]

"""What ``mlgun.describe`` refuses before anything is submitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiida import orm
from ase import Atoms

from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.data.model import ModelData
from aiida_mlgun.science.frames import concatenate
from tests.nodes import acetylene, instantiate, labelled, model_contents

COPPER = Atoms("Cu2", [(0, 0, 0), (2.5, 0, 0)], cell=[9, 9, 9], pbc=True)
LONE = labelled(Atoms("H"), 1, stratum="IsolatedAtom")


@pytest.fixture
def code(aiida_code_installed: Callable[..., orm.InstalledCode]) -> orm.InstalledCode:
    return aiida_code_installed(filepath_executable="bash")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"frames": labelled(COPPER)}, "the set holds Cu, which the model 'm' does not know"),
        ({"pool": labelled(COPPER)}, "the pool holds Cu, which the model 'm' does not know"),
        ({"frames": LONE}, "the set holds no frame besides isolated atoms."),
        ({"pool": LONE}, "the pool holds no frame besides isolated atoms."),
        (
            {"frames": concatenate([LONE, labelled(acetylene(), 3)]), "parameters": {"n_select": 4}},
            "n_select is 4, but the set holds 3 frames to choose from (isolated atoms do not count).",
        ),
        ({"parameters": {"has_pool": True}}, "describe.has_pool follows from the other inputs"),
        ({"parameters": {"n_select": 0}}, "n_select must be at least 1 with select: farthest, not 0."),
    ],
)
def test_refusals(given: dict[str, Any], sentence: str, code: orm.InstalledCode) -> None:
    nodes: dict[str, Any] = {"model": ModelData(model_contents(), {"name": "m"})}
    for name in ("frames", "pool"):
        nodes[name] = FramesData(given.get(name, labelled(acetylene(), 5)))
    nodes["parameters"] = orm.Dict({"select": "farthest", "n_select": 1} | given.get("parameters", {}))
    with pytest.raises(ValueError) as caught:
        instantiate("mlgun.describe", code=code, **nodes)
    assert sentence in str(caught.value)

from __future__ import annotations

from typing import Any

import pytest

from aiida_mlgun.workflows.identity import differences, identity
from tests.nodes import acetylene, chemistry, slab_atoms

PARAMETERS: dict[str, Any] = {"n_shots": 10, "chemistry": chemistry(), "aim": {"height": 9.0}}


def of(**changes: Any) -> dict[str, Any]:
    given = {"model": "m", "slab_states": "s", "molecule_states": "g", "slab": slab_atoms(), "molecule": acetylene()}
    parameters = PARAMETERS | changes.pop("parameters", {})
    return identity(parameters, **(given | changes))


def test_what_does_not_change_a_shot_does_not_matter() -> None:
    free = {"n_shots": 99, "shots_per_job": 3, "jobs_at_once": 1, "device": "cpu", "precision": {"half_width": 0.1}}
    free |= {"dynamics": {"threads": 4, "batch_size": 2, "evaluator": "torch"}, "output": {"path_every_fs": 99.0}}
    assert differences(of(), of(parameters=free)) == []
    assert differences(of(), of(parameters={"seed": 24, "aim": {"height": 9.0, "orientation": "random"}})) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "other"}, "model was m there and is other here"),
        ({"slab_states": "x"}, "slab_states was s there and is x here"),
        ({"slab": slab_atoms(41.0)}, "slab is another"),
        ({"molecule": acetylene().repeat((2, 1, 1))}, "molecule is another"),
        ({"parameters": {"seed": 1}}, "seed was 24 there and is 1 here"),
        ({"parameters": {"fixed_layers": 2}}, "fixed_layers was 1 there and is 2 here"),
        (
            {"parameters": {"velocity": {"recipe": "beam", "kinetic_energy": 0.5}}},
            "velocity.recipe was thermal there and is beam here",
        ),
        ({"parameters": {"dynamics": {"precision": "float64"}}}, "dynamics.precision was mixed there and is float64"),
        ({"parameters": {"decision": {"settle_fs": 5.0}}}, "decision.settle_fs was"),
        (
            {"parameters": {"chemistry": {**chemistry(), "catalogue": chemistry()["catalogue"][1:]}}},
            "chemistry.catalogue is another",
        ),
    ],
)
def test_what_matters_is_named(changes: dict[str, Any], words: str) -> None:
    assert differences(of(), of(**changes))[0].startswith(words)

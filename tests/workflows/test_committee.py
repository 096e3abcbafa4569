"""``mlgun.committee`` with real, tiny trainings; disagreement and calibration by hand; and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager

from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.data.model import ModelData
from aiida_mlgun.science.frames import Frames
from aiida_mlgun.workflows.committee import CommitteeWorkChain
from aiida_mlgun.workflows.functions.committee import committee_disagreement
from tests.nodes import acetylene, labelled, model_contents

from .stages import EXECUTABLE, TINY, hydrogen, reports

TRAIN = {
    "stage": {"epochs": 2, "batch_size": 3, "precision": "float64", "e0s": "isolated"},
    "device": "cpu",
    "threads": 1,
    "architecture": TINY,
}


@pytest.fixture
def code(aiida_code_installed: Callable[..., orm.InstalledCode]) -> orm.InstalledCode:
    return aiida_code_installed(filepath_executable=str(EXECUTABLE))


def sets() -> dict[str, FramesData]:
    return {"train": FramesData(hydrogen(6)), "validation": FramesData(hydrogen(3, seed=1))}


def builder(code: orm.InstalledCode, overrides: dict[str, Any] | None = None, **changes: Any) -> Any:
    inputs: dict[str, Any] = {"stages": [sets()], "frames": {"near": FramesData(hydrogen(5, seed=2))}}
    given = {"train": TRAIN, "seeds": [1, 2], **(overrides or {})}
    return CommitteeWorkChain.get_builder_from_protocol(code, **{**inputs, **changes}, protocol="fast", overrides=given)


def test_two_members_and_what_they_disagree_on(code: orm.InstalledCode) -> None:
    outputs, chain = run_get_node(builder(code, {"bins": 4}))
    assert chain.is_finished_ok, reports(chain)
    models = outputs["models"]
    assert set(models) == {"seed_1", "seed_2"}
    assert models["seed_1"].content_hash != models["seed_2"].content_hash
    assert [models[f"seed_{k}"].card["stage"]["seed"] for k in (1, 2)] == [1, 2]
    arrays = outputs["disagreement"]["near"]
    assert arrays.get_array("energy_std").shape == (6,)  # the lone atom is predicted too
    assert arrays.get_array("forces_std").shape == (11, 3)
    assert arrays.get_array("atom_std").max() > 0
    found = outputs["calibration"]["near"].get_dict()
    assert (found["members"], found["n_frames"]) == (["seed_1", "seed_2"], 5)
    assert sum(part["n"] for part in found["energy"]["bins"]) == 5
    assert found["forces"]["n"] == 30
    assert found["forces"]["rmse"] == pytest.approx(found["errors"]["committee"]["rmse_forces"])
    assert "times what the committee predicts" in reports(chain)


def predicted(frames: Frames, shift: float, push: float) -> orm.ArrayData:
    node = orm.ArrayData()
    node.set_array("energy", np.asarray(frames.energy) + shift)
    node.set_array("forces", np.asarray(frames.forces) + push)
    return node


def test_the_calibration_by_hand() -> None:
    """Members at +1 and +3 eV: their mean is wrong by 2 eV, their deviation is √2 eV."""
    frames = hydrogen(4)
    frames = frames.with_tag("stratum", ["a", "a", "b", "b", "IsolatedAtom"])
    members = {"one": predicted(frames, 1.0, 0.1), "two": predicted(frames, 3.0, -0.1)}
    made = committee_disagreement(FramesData(frames), orm.Int(2), **members)
    assert made["disagreement"].get_array("energy_std") == pytest.approx(np.full(5, np.sqrt(2.0)))
    assert made["disagreement"].get_array("energy_mean") == pytest.approx(np.asarray(frames.energy) + 2.0)
    found = made["calibration"].get_dict()
    assert found["energy"]["factor"] == pytest.approx(np.sqrt(2.0))
    assert (found["energy"]["rmse"], found["energy"]["rmv"]) == pytest.approx((1.0, np.sqrt(0.5)))  # eV/atom, two atoms
    assert found["forces"]["rmse"] == pytest.approx(0.0, abs=1e-12)
    assert found["energy"]["scale"] is None
    assert {name: entry["energy"]["n"] for name, entry in found["strata"].items()} == {"a": 2, "b": 2}
    assert found["errors"]["one"]["mae_energy"] == pytest.approx(0.5)
    assert found["errors"]["committee"]["mae_energy"] == pytest.approx(1.0)


def test_a_set_without_labels_has_a_disagreement_alone() -> None:
    frames = hydrogen(4)
    members = {"one": predicted(frames, 0.0, 0.1), "two": predicted(frames, 0.0, 0.3)}
    bare = FramesData(replace(frames, energy=None, forces=None))
    made = committee_disagreement(bare, orm.Int(5), **members)
    assert made["disagreement"].get_array("atom_std") == pytest.approx(np.full(9, np.sqrt(0.02)))
    found = made["calibration"].get_dict()
    assert (found["energy"], found["forces"]) == (None, None)


def test_all_stages_of_a_member_have_its_seed(code: orm.InstalledCode) -> None:
    recipe = {key: value for key, value in TRAIN.items() if key != "architecture"}
    first = {**sets(), "test": FramesData(hydrogen(2)), "overrides": {"architecture": TINY}}
    made = builder(code, {"train": recipe, "seeds": [5, 6]}, stages=[first, sets()])
    plan = instantiate_process(get_manager().get_runner(), made).plan()
    assert set(plan) == {"seed_5", "seed_6"}
    for label, training in plan.items():
        stages = training["stages"]
        assert [stages[name]["parameters"]["stage"]["seed"] for name in sorted(stages)] == [int(label[-1])] * 2
        assert "test" not in stages["stage_1"]
        assert stages["stage_2"]["parameters"]["name"] == f"stage_2-seed-{label[-1]}"


def test_what_is_no_committee(code: orm.InstalledCode) -> None:
    def refusal(overrides: dict[str, Any] | None = None, **changes: Any) -> str:
        with pytest.raises(ValueError) as caught:
            instantiate_process(get_manager().get_runner(), builder(code, overrides, **changes))
        return str(caught.value)

    assert "at least 2 needed, not 1" in refusal({"seeds": [4]})
    assert "4 stands there twice" in refusal({"seeds": [4, 4]})
    assert "must lie in [0, 2^31)" in refusal({"seeds": [-1, 4]})
    assert "bins must be at least 1" in refusal({"bins": 0})
    assert "committee: unknown key 'members'" in refusal({"members": 3})
    assert "at least one stage" in refusal(stages=[])
    assert "stage.lr must lie in (0, 1)" in refusal({"train": {"stage": {"lr": 2}}})
    bare = FramesData(replace(hydrogen(3), forces=None))
    assert "seed_1: " in refusal(stages=[{**sets(), "validation": bare}])
    assert "committee: a set cannot be called '_a'" in refusal(frames={"_a": FramesData(hydrogen(2))})
    recipe = {key: value for key, value in TRAIN.items() if key != "architecture"}
    copper = labelled(acetylene())
    copper = replace(copper, numbers=np.full_like(copper.numbers, 29))
    known = {"model": ModelData(model_contents()), "frames": {"x": FramesData(copper)}}
    assert "committee: the set 'x' holds Cu" in refusal({"train": recipe}, **known)

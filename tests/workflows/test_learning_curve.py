"""``mlgun.learning_curve`` with real, tiny trainings; the curve by hand; and what is refused."""

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

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.workflows.functions.curve import METRICS, learning_curve, nested_subsets
from aiida_mlgun.workflows.learning_curve import LearningCurveWorkChain
from tests.nodes import acetylene, labelled

from .stages import EXECUTABLE, TINY, hydrogen, reports

TRAIN = {
    "stage": {"epochs": 2, "batch_size": 2, "precision": "float64", "e0s": "isolated"},
    "device": "cpu",
    "threads": 1,
    "architecture": TINY,
}


@pytest.fixture
def code(aiida_code_installed: Callable[..., orm.InstalledCode]) -> orm.InstalledCode:
    return aiida_code_installed(filepath_executable=str(EXECUTABLE))


def builder(code: orm.InstalledCode, overrides: dict[str, Any] | None = None, **changes: Any) -> Any:
    inputs = {
        "train": FramesData(hydrogen(8)),
        "validation": FramesData(hydrogen(3, seed=1)),
        "test": FramesData(hydrogen(5, seed=2)),
        "protocol": "fast",
    }
    given = {"train": TRAIN, "seeds": [7], **(overrides or {})}
    return LearningCurveWorkChain.get_builder_from_protocol(code, **{**inputs, **changes}, overrides=given)


def test_two_sizes_give_a_curve(code: orm.InstalledCode) -> None:
    outputs, chain = run_get_node(builder(code, {"sizes": [2, 8]}))
    assert chain.is_finished_ok, reports(chain)
    curve = outputs["curve"].get_dict()
    assert (curve["sizes"], curve["seeds"]) == ([2, 8], [7])
    assert [(p["size"], p["seed"], p["n_train"], p["n_test"]) for p in curve["points"]] == [(2, 7, 2, 5), (8, 7, 8, 5)]
    small, large = curve["points"]
    slope = np.log10(large["mae_forces"] / small["mae_forces"]) / np.log10(4)
    fit = curve["fits"]["mae_forces"]
    assert (fit["slope"], fit["n"], fit["slope_se"]) == (pytest.approx(slope), 2, None)
    assert set(outputs["models"]) == set(outputs["subsets"]) == {"size_000002_seed_7", "size_000008_seed_7"}
    subset = outputs["subsets"]["size_000002_seed_7"]
    assert subset.creator.process_label == "nested_subsets"
    card = outputs["models"]["size_000002_seed_7"].card
    assert (card["stage"]["seed"], card["data"]["train"]["content_hash"]) == (7, subset.content_hash)
    assert "from 2 trainings" in reports(chain)


def test_subsets_lie_in_each_other_and_keep_the_lone_atoms() -> None:
    made = nested_subsets(FramesData(hydrogen(20)), orm.List([3, 10, 20]), orm.Int(4))
    positions = [set(map(bytes, made[f"size_{n:06d}"].frames().positions)) for n in (3, 10, 20)]
    assert positions[0] < positions[1] < positions[2]
    assert [len(node) for node in made.values()] == [4, 11, 21]
    assert all(node.e0s == {"H": -1.5} for node in made.values())
    again = nested_subsets(FramesData(hydrogen(20)), orm.List([3]), orm.Int(4))["size_000003"]
    other = nested_subsets(FramesData(hydrogen(20)), orm.List([3]), orm.Int(5))["size_000003"]
    assert again.content_hash == made["size_000003"].content_hash != other.content_hash


def test_the_curve_by_hand() -> None:
    """Two seeds whose slopes are −0.4 and −0.6: −0.5 ± 0.1 between seeds."""
    points, errors = {}, {}
    for seed, slope in ((1, -0.4), (2, -0.6)):
        for size in (10, 100, 1000):
            key = f"s{size}_{seed}"
            points[key] = {"size": size, "seed": seed, "n_train": size}
            row = dict.fromkeys(METRICS, None) | {"mae_forces": size**slope, "rmse_energy": 0.0, "n_frames": 9}
            errors[key] = orm.Dict({"all": row})
    curve = learning_curve(orm.Dict({"points": points}), **errors).get_dict()
    assert set(curve["fits"]) == {"mae_forces"}
    fit = curve["fits"]["mae_forces"]
    assert (fit["slope"], fit["n"]) == (pytest.approx(-0.5), 6)
    assert fit["low"] < -0.5 < fit["high"]
    by_seed = curve["seed_fits"]["mae_forces"]
    assert by_seed["slopes"] == pytest.approx({"1": -0.4, "2": -0.6})
    assert (by_seed["mean"], by_seed["se"]) == pytest.approx((-0.5, 0.1))
    assert [p["size"] for p in curve["points"]] == [10, 10, 100, 100, 1000, 1000]


def test_shares_become_sizes(code: orm.InstalledCode) -> None:
    assert builder(code).parameters["sizes"] == [1, 2, 4, 8]
    assert builder(code, {"shares": [0.5, 1.0]}).parameters["sizes"] == [4, 8]
    assert builder(code, {"sizes": [3, 5]}).parameters["sizes"] == [3, 5]
    for protocol in LearningCurveWorkChain.get_available_protocols():
        many = LearningCurveWorkChain.get_builder_from_protocol(
            code, *[FramesData(hydrogen(200, seed)) for seed in range(3)], protocol=protocol
        )
        assert max(many.parameters["sizes"]) == 200


def test_what_has_no_curve(code: orm.InstalledCode) -> None:
    def refusal(overrides: dict[str, Any] | None = None, **changes: Any) -> str:
        with pytest.raises(ValueError) as caught:
            instantiate_process(get_manager().get_runner(), builder(code, overrides, **changes))
        return str(caught.value)

    assert "a subset of 9 is asked for, and 8 frames train" in refusal({"sizes": [2, 9]})
    assert "at least two different sizes" in refusal({"sizes": [4]})
    assert "4 stands there twice" in refusal({"sizes": [4, 4, 8]})
    assert "a subset holds at least one frame, not 0" in refusal({"sizes": [0, 4]})
    assert "give sizes or shares, not both" in refusal({"sizes": [2, 4], "shares": [1.0]})
    assert "numbers in (0, 1] are needed" in refusal({"shares": [2, 4]})
    assert "at least 1 needed, not 0" in refusal({"seeds": []})
    assert "jobs_at_once must be at least 1" in refusal({"jobs_at_once": 0})
    assert "learning_curve: unknown key 'size'" in refusal({"size": [2]})
    assert "stage.lr must lie in (0, 1)" in refusal({"train": {"stage": {"lr": 2}}})
    bare = FramesData(replace(hydrogen(3), forces=None))
    assert "learning_curve: the test set has no forces" in refusal(test=bare)
    assert "size_000001_seed_7: " in refusal(validation=bare)
    whole = FramesData(labelled(acetylene()))
    with pytest.raises(RefusedError, match="at least two different sizes"):
        builder(code, {"shares": [0.1, 0.2]}, train=whole)

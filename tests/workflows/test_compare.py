"""``mlgun.compare`` with real, tiny trainings: four strategies, two start models, one table; and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.plugins import CalculationFactory

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.data.model import ModelData
from aiida_mlgun.workflows.compare import CompareWorkChain
from aiida_mlgun.workflows.functions.compare import comparison_verdict
from tests.nodes import acetylene, labelled, model_contents

from .stages import EXECUTABLE, TINY, hydrogen, reports

TRAIN = {"stage": {"epochs": 2, "batch_size": 3, "precision": "float64"}, "device": "cpu", "threads": 1}


def sides(seed: int, length: float = 0.75) -> dict[str, FramesData]:
    return {"train": FramesData(hydrogen(6, seed, length)), "validation": FramesData(hydrogen(3, seed + 1, length))}


@pytest.fixture
def code(aiida_code_installed: Callable[..., orm.InstalledCode]) -> orm.InstalledCode:
    return aiida_code_installed(filepath_executable=str(EXECUTABLE))


def test_four_strategies_in_one_table(code: orm.InstalledCode) -> None:
    model = ModelData(model_contents()).store()
    builder = CompareWorkChain.get_builder_from_protocol(
        code,
        sides(0),
        {"near": FramesData(hydrogen(5, seed=9)), "far": FramesData(hydrogen(4, seed=3, length=1.0))},
        models={"one": model},
        broad=sides(5, 0.9),
        protocol="fast",
        overrides={"train": TRAIN, "scratch": {"architecture": TINY, "stage": {"epochs": 3}}, "jobs_at_once": 2},
    )
    outputs, chain = run_get_node(builder)
    assert chain.is_finished_ok, reports(chain)
    assert set(outputs["models"]) == {"scratch", "finetuned_one", "continual_one"}
    rows = outputs["table"]["rows"]
    total = [row for row in rows if row["group"] == "all"]
    assert sorted((row["strategy"], row["start_model"], row["test"], row["n_frames"]) for row in total) == sorted(
        (strategy, start, test, n)
        for strategy, start in (("scratch", None), ("zero_shot", "one"), ("finetuned", "one"), ("continual", "one"))
        for test, n in (("near", 5), ("far", 4))
    )
    assert {row["group"] for row in rows} == {"all", "element:H"}
    labels = ("scratch", "zero_shot_one", "finetuned_one", "continual_one")
    assert set(outputs["predictions"]) == {f"{label}_on_{test}" for label in labels for test in ("near", "far")}

    trained = outputs["models"]["continual_one"]
    assert len(trained.card["lineage"]) == 2  # the start model and the broad stage's
    assert trained.card["lineage"][0]["content_hash"] == model.content_hash
    made = orm.QueryBuilder().append(ModelData, filters={"id": trained.pk}, tag="model")
    made.append(CalculationFactory("mlgun.train"), with_outgoing="model", tag="stage")
    made.append(ModelData, with_outgoing="stage", project="attributes.name")
    assert made.all(flat=True) == ["broad-one"]

    verdict = outputs["verdict"].get_dict()
    assert len(verdict["lowest"]) == len(verdict["continual_against_finetuned"]) == 8
    for row in verdict["lowest"]:
        values = {(r["strategy"], r["start_model"]): r[row["metric"]] for r in total if r["test"] == row["test"]}
        assert row["value"] == pytest.approx(min(values.values()))
        assert row["value"] == pytest.approx(values[row["strategy"], row["start_model"]])
        assert row["difference"] == pytest.approx(row["next"]["value"] - row["value"])
        assert row["low"] <= row["difference"] <= row["high"]
        assert row["unit"] == "frame"
    for row in verdict["continual_against_finetuned"]:
        assert row["difference"] == pytest.approx(row["continual"] - row["finetuned"])
    assert "near: lowest force RMSE" in reports(chain)


def test_a_training_that_fails_does_not_take_the_others_with_it(code: orm.InstalledCode) -> None:
    """A batch larger than the set is refused by the job; the zero-shot model is scored all the same."""
    recipe = {**TRAIN, "stage": {**TRAIN["stage"], "batch_size": 999}}
    builder = CompareWorkChain.get_builder_from_protocol(
        code,
        sides(0),
        {"near": FramesData(hydrogen(3, seed=9))},
        models={"one": ModelData(model_contents())},
        protocol="fast",
        overrides={"strategies": ["zero_shot", "finetuned"], "train": recipe},
    )
    outputs, chain = run_get_node(builder)
    assert chain.exit_status == 210, chain.exit_message
    assert chain.exit_message.startswith("the training finetuned_one <")
    assert [row["strategy"] for row in outputs["table"]["rows"] if row["group"] == "all"] == ["zero_shot"]
    assert "models" not in outputs


def verdict_of(energies: dict[str, float]) -> Any:
    """The verdict on models that are wrong by so many eV in each of five frames."""
    frames = labelled(acetylene(), n=5)
    test = FramesData(frames)
    scores, predictions = {}, {}
    for key, shift in energies.items():
        strategy, _, start = key.partition("_")
        scores[key] = {"strategy": strategy, "start_model": start, "test": "t"}
        predictions[key] = orm.ArrayData()
        predictions[key].set_array("energy", frames.energy + shift)
        predictions[key].set_array("forces", frames.forces)
    return comparison_verdict(
        orm.Dict({"scores": scores, "seed": 1}), tests={"t": test}, predictions=predictions
    ).get_dict()


def test_the_verdict_by_hand() -> None:
    verdict = verdict_of({"finetuned_a": 0.4, "continual_a": 0.2, "finetuned_b": 0.1})
    row = next(row for row in verdict["lowest"] if row["metric"] == "mae_energy")
    assert (row["strategy"], row["start_model"], row["value"]) == ("finetuned", "b", pytest.approx(0.025))
    assert (row["next"]["strategy"], row["next"]["value"]) == ("continual", pytest.approx(0.05))
    assert (row["difference"], row["low"], row["high"]) == pytest.approx((0.025, 0.025, 0.025))
    assert row["clear"] is True
    (pair,) = [row for row in verdict["continual_against_finetuned"] if row["metric"] == "rmse_energy"]
    assert (pair["start_model"], pair["difference"]) == ("a", pytest.approx(-0.05))
    forces = next(row for row in verdict["lowest"] if row["metric"] == "mae_forces")
    assert (forces["difference"], forces["clear"]) == (0.0, False)


@pytest.fixture
def refusal(code: orm.InstalledCode) -> Callable[..., str]:
    def get(overrides: dict[str, Any] | None = None, **changes: Any) -> str:
        inputs: dict[str, Any] = {
            "target": sides(0),
            "tests": {"near": FramesData(hydrogen(3))},
            "models": {"one": ModelData(model_contents())},
            "broad": sides(2),
            "protocol": "fast",
        }
        with pytest.raises(ValueError) as caught:
            builder = CompareWorkChain.get_builder_from_protocol(code, **{**inputs, **changes}, overrides=overrides)
            instantiate_process(get_manager().get_runner(), builder)
        return str(caught.value)

    return get


def test_what_cannot_be_compared(refusal: Callable[..., str]) -> None:
    assert "give at least one test set" in refusal(tests={})
    assert "zero_shot needs a start model" in refusal({"strategies": ["zero_shot"]}, models=None)
    assert "the strategy continual needs `broad.train`" in refusal({"strategies": ["continual"]}, broad=None)
    assert "needs `target.validation`" in refusal(target={"train": FramesData(hydrogen(3))})
    assert "'magic' is not one of zero_shot" in refusal({"strategies": ["magic"]})
    assert "'scratch' stands there twice" in refusal({"strategies": ["scratch", "scratch"]})
    assert "compare: unknown key 'stratgies'" in refusal({"stratgies": []})
    assert "stage.lr must lie in (0, 1)" in refusal({"broad": {"stage": {"lr": 3}}})
    assert "goes with the recipe `scratch`" in refusal({"finetuned": {"architecture": TINY}})
    assert "goes with the recipe `scratch`" in refusal({"scratch": {"architecture": None}})
    carbon = {"near": FramesData(labelled(acetylene()))}
    assert "holds C, which stands not in target.train" in refusal(tests=carbon)
    assert "a test set cannot be called 'near_'" in refusal(tests={"near_": FramesData(hydrogen(3))})
    ambiguous = {"models": {"a": ModelData(model_contents()), "a_on_b": ModelData(model_contents())}}
    sets = {"b_on_c": FramesData(hydrogen(3)), "c": FramesData(hydrogen(3))}
    assert "run into each other" in refusal(**ambiguous, tests=sets)
    unlabelled = FramesData(replace(hydrogen(3), forces=None))
    assert "the test set 'near' has no forces" in refusal(tests={"near": unlabelled})
    assert "finetuned_one: " in refusal(
        {"strategies": ["finetuned"]}, target={"train": unlabelled, "validation": unlabelled}
    )


def test_what_cannot_be_is_left_out_unless_it_is_asked_for(code: orm.InstalledCode) -> None:
    tests = {"near": FramesData(hydrogen(3))}
    builder = CompareWorkChain.get_builder_from_protocol(code, sides(0), tests)
    assert builder.parameters["strategies"] == ["scratch"]
    assert set(builder.training) == {"scratch"}
    models = {"one": ModelData(model_contents())}
    builder = CompareWorkChain.get_builder_from_protocol(code, sides(0), tests, models, protocol="paper")
    assert builder.parameters["strategies"] == ["zero_shot", "scratch", "finetuned"]
    scratch, finetuned = (builder.training[name].get_dict() for name in ("scratch", "finetuned"))
    assert (scratch["stage"]["epochs"], finetuned["stage"]["epochs"]) == (1000, 100)  # [W]
    assert (scratch["stage"]["lr"], finetuned["stage"]["lr"], scratch["stage"]["batch_size"]) == (0.001, 0.001, 16)


def test_from_scratch_is_trained_once_for_all_start_models(code: orm.InstalledCode) -> None:
    models = {name: ModelData(model_contents()) for name in ("one", "two")}
    tests = {"near": FramesData(hydrogen(3))}
    builder = CompareWorkChain.get_builder_from_protocol(code, sides(0), tests, models, sides(2), protocol="fast")
    process = instantiate_process(get_manager().get_runner(), builder)
    assert [*process.plan(), *process.start_models()] == [  # seven models, as in [P]
        "scratch",
        "finetuned_one",
        "continual_one",
        "finetuned_two",
        "continual_two",
        "zero_shot_one",
        "zero_shot_two",
    ]
    names = [stage["parameters"]["name"] for stage in process.plan()["continual_two"]["stages"].values()]
    assert names == ["broad-two", "continual-two"]


def test_every_protocol_makes_a_whole_plan(code: orm.InstalledCode) -> None:
    for protocol in CompareWorkChain.get_available_protocols():
        builder = CompareWorkChain.get_builder_from_protocol(
            code,
            sides(0),
            {"near": FramesData(hydrogen(3))},
            {"one": ModelData(model_contents())},
            sides(2),
            protocol=protocol,
        )
        assert instantiate_process(get_manager().get_runner(), builder).plan().keys() == {
            "scratch",
            "finetuned_one",
            "continual_one",
        }
    with pytest.raises(RefusedError, match="unknown protocol 'quick'"):
        CompareWorkChain.get_builder_from_protocol(code, sides(0), {}, protocol="quick")

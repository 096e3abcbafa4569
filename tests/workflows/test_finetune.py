"""``mlgun.finetune`` with the real engine: a probe, two stages with replay, scores, and a limit on forgetting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.workflows.finetune import FinetuneWorkChain
from aiida_mlgun.workflows.functions.forgetting import first_beyond, forgetting_rows

from .stages import EXECUTABLE, hydrogen, reports, small_stage


def further(**settings: Any) -> dict[str, Any]:
    """A second stage: longer bonds, the first stage's frames replayed."""
    stage = small_stage("second", scratch=False, test=True, **settings)
    stage["train"] = FramesData(hydrogen(6, seed=5, length=0.9))
    return stage


def test_two_stages_with_everything(aiida_code_installed: Callable[..., orm.InstalledCode]) -> None:
    code = aiida_code_installed(filepath_executable=str(EXECUTABLE))
    first, second = small_stage("first", test=True), further(method="replay", epochs=1)
    second["replay"] = first["train"]
    inputs = {"probe": orm.Bool(True), "limits": orm.Dict({"forgetting": {"rmse_forces": 1e-9}})}
    _, chain = run_get_node(FinetuneWorkChain, code=code, stages={"a": first, "b": second}, **inputs)
    said = reports(chain)
    assert chain.exit_status == 515, said
    assert "rmse_forces on the test set of a is" in chain.exit_message
    assert "the limit is 1e-09 times." in chain.exit_message
    out = chain.outputs
    assert set(out.models) == set(out.training) == set(out.errors) == {"a", "b"}
    assert out.model.uuid == out.models["b"].uuid
    rows = out.forgetting["rows"]
    (row,) = [row for row in rows if row["metric"] == "rmse_forces"]
    assert (row["test"], row["model"]) == ("a", "b")
    assert row["own"] == out.errors["a"]["a"]["rmse_forces"]
    assert row["now"] == out.errors["b"]["a"]["rmse_forces"]
    assert out.model.card["data"]["replay"]["content_hash"] == first["train"].content_hash
    assert [entry["name"] for entry in out.model.card["lineage"]] == ["first"]
    assert "one batch of the largest frames takes" in said
    assert "a: at most about" in said and "for 2 epochs" in said and "b: at most about" in said
    assert "from first (licence: as its training data)" in said
    chains = {node.label: node for node in chain.called if node.process_label == "TrainWorkChain"}
    assert set(chains) == {"a", "b"}
    assert chains["b"].inputs.model.uuid == chains["a"].outputs.model.uuid


def errors(**values: float) -> dict[str, Any]:
    return {test: {"rmse_forces": value} for test, value in values.items()}


def test_rows_of_what_was_forgotten() -> None:
    table = {
        "s1": errors(s1=0.1, s2=9.0, s3=9.0),
        "s2": errors(s1=0.3, s2=0.2, s3=9.0),
        "s3": errors(s1=0.2, s2=0.1, s3=0.1),
    }
    rows = forgetting_rows(table)
    assert [(row["test"], row["model"], row["own"], row["now"]) for row in rows] == [
        ("s1", "s2", 0.1, 0.3),
        ("s1", "s3", 0.1, 0.2),
        ("s2", "s3", 0.2, 0.1),
    ]
    assert [row["ratio"] for row in rows] == pytest.approx([3.0, 2.0, 0.5])
    assert first_beyond(rows, {}) is None
    assert first_beyond(rows, {"rmse_forces": 3.1}) is None
    assert first_beyond(rows, {"mae_forces": 0.1}) is None
    assert first_beyond(rows, {"rmse_forces": 1.5}) == (
        "rmse_forces on the test set of s1 is 0.3 after s2 and was 0.1, 3.00 times as much; the limit is 1.5 times."
    )


def test_a_stage_without_a_test_set_is_not_in_the_rows_and_a_zero_has_no_ratio() -> None:
    table = {"s1": errors(s1=0.0), "s2": errors(s1=0.1)}
    (row,) = forgetting_rows(table)
    assert row["ratio"] is None
    assert first_beyond([row], {"rmse_forces": 2.0}) == (
        "rmse_forces on the test set of s1 is 0.1 after s2 and was 0; the limit is 2 times."
    )
    unlabelled = {"s1": {"s1": {"rmse_forces": None}}, "s2": errors(s1=0.1)}
    assert forgetting_rows(unlabelled) == []

"""``aiida-mlgun launch compare|learning-curve|committee``: what reaches ``submit``, and what is refused before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiida import orm
from aiida.engine import Process, ProcessBuilder
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from click.testing import Result

from aiida_mlgun.cli import launch
from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.data.model import ModelData
from tests.nodes import model_contents
from tests.workflows.stages import TINY, hydrogen

Run = Callable[..., Result]
Refusal = Callable[..., str]


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> list[Process]:
    processes: list[Process] = []

    def submit(builder: ProcessBuilder) -> orm.ProcessNode:
        processes.append(instantiate_process(get_manager().get_runner(), builder))
        return processes[-1].node

    monkeypatch.setattr(launch, "submit", submit)
    return processes


@pytest.fixture
def pks() -> dict[str, int]:
    """PKs of a training, a validation and a test set, of a broad set, and of a model."""
    sets = {
        name: FramesData(hydrogen(n, n)) for name, n in (("train", 8), ("validation", 3), ("test", 4), ("broad", 9))
    }
    return {name: node.store().pk for name, node in (sets | {"model": ModelData(model_contents())}).items()}


def sides(pks: dict[str, int], *names: str) -> str:
    return ",".join(str(pks[name]) for name in names)


def test_compare(run: Run, submitted: list[Process], code: orm.Code, pks: dict[str, int]) -> None:
    words = ["--code", code.pk, "--protocol", "fast", "--model", f"mine={pks['model']}"]
    words += ["--target", sides(pks, "train", "validation", "test"), "--broad", sides(pks, "broad", "validation")]
    result = run("launch", "compare", *words, "--test", f"other={pks['validation']}")
    assert result.exit_code == 0, result.output
    (process,) = submitted
    assert {name: node.pk for name, node in process.inputs.tests.items()} == {
        "target": pks["test"],
        "other": pks["validation"],
    }
    assert (process.inputs.broad.train.pk, process.inputs.models.mine.pk) == (pks["broad"], pks["model"])
    assert process.inputs.parameters["strategies"] == ["zero_shot", "scratch", "finetuned", "continual"]
    assert f"CompareWorkChain<{process.pid}>" in result.output
    assert run("launch", "compare", *words, "--strategy", "finetuned").exit_code == 0
    assert list(submitted[1].plan()) == ["finetuned_mine"]


def test_learning_curve(run: Run, submitted: list[Process], code: orm.Code, pks: dict[str, int]) -> None:
    words = ["--code", code.pk, "--protocol", "fast", "--model", pks["model"]]
    words += ["--sets", sides(pks, "train", "validation", "test")]
    result = run("launch", "learning-curve", *words, "--size", 2, "--size", 6, "--seed", 3)
    assert result.exit_code == 0, result.output
    parameters = submitted[0].inputs.parameters.get_dict()
    assert (parameters["sizes"], parameters["seeds"]) == ([2, 6], [3])


def test_committee(run: Run, submitted: list[Process], code: orm.Code, pks: dict[str, int], tmp_path: Path) -> None:
    overrides = tmp_path / "overrides.yaml"
    overrides.write_text(yaml.safe_dump({"train": {"architecture": TINY, "stage": {"e0s": "isolated"}}, "bins": 3}))
    words = ["--code", code.pk, "--protocol", "fast", "--overrides", overrides, "--seed", 1, "--seed", 2]
    words += ["--stage", sides(pks, "train", "validation", "test"), "--frames", f"far={pks['broad']}"]
    result = run("launch", "committee", *words)
    assert result.exit_code == 0, result.output
    (process,) = submitted
    assert {name: node.pk for name, node in process.inputs.frames.items()} == {
        "test_1": pks["test"],
        "far": pks["broad"],
    }
    assert process.inputs.parameters.get_dict() == {"seeds": [1, 2], "bins": 3, "jobs_at_once": None}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["compare", "--target", "{two}", "--model", "{model}"],
            "a name of letters, digits and _, and a PK are needed",
        ),
        (["compare", "--target", "{two}", "--model", "a={train}"], "is a FramesData, not a ModelData."),
        (["compare", "--target", "{two}", "--model", "a={model}", "--model", "a={model}"], "'a' stands twice."),
        (["compare", "--target", "{two}"], "give at least one test set"),
        (["compare", "--target", "{two}", "--test", "a={test}", "--strategy", "continual"], "needs a start model"),
        (["compare", "--target", "one"], "PKs are needed"),
        (["learning-curve", "--sets", "{two}"], "a learning curve needs a test set."),
        (["learning-curve", "--sets", "{three}", "--size", "3"], "at least two different sizes"),
        (["committee", "--stage", "{two}", "--model", "{model}", "--seed", "3"], "at least 2 needed, not 1."),
    ],
)
def test_what_is_refused(
    words: list[str], sentence: str, refusal: Refusal, submitted: list[Process], code: orm.Code, pks: dict[str, int]
) -> None:
    named: dict[str, Any] = {
        "two": sides(pks, "train", "validation"),
        "three": sides(pks, "train", "validation", "test"),
    }
    given = [word.format(**named, **pks) for word in words]
    assert sentence in refusal("launch", *given, "--code", code.pk, "--protocol", "fast")
    assert submitted == []

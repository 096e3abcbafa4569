"""What a chain of stages must be before its first job is submitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm

from ..calculations.train import TrainCalculation
from ..calculations.training_checks import SETS, check_parent, check_sets
from ..contract.errors import RefusedError
from ..contract.jobs import TrainJob
from ..contract.strict import load
from ..data.frames import FramesData
from .functions.forgetting import METRICS

FOUNDATION = "foundation"
INPUTS = (*SETS, "parameters")


def check_stages(inputs: Any, _: Any) -> str | None:
    """The sentence of what is wrong with the stages, or None."""
    stages = inputs.get("stages") or {}
    if not stages:
        return "finetune: give at least one stage in the namespace `stages`."
    if inputs.get("evaluate") is not None and "stratum" in inputs["evaluate"].get_dict():
        return "finetune: `evaluate.stratum` is the stage whose test set a frame is from; leave it out."
    for name in sorted(stages):
        wrong = _shape(name, stages[name])
        if wrong:
            return wrong
    try:
        _check_order(stages, inputs.get("model"))
        _check_limits(inputs.get("limits"), stages)
    except RefusedError as error:
        return str(error)
    return None


def _shape(name: str, stage: Mapping[str, Any]) -> str | None:
    if name == FOUNDATION:
        return f"finetune: {name!r} is the model at the start; give the stage another name."
    for key, kind in (("train", FramesData), ("validation", FramesData), ("parameters", orm.Dict)):
        if not isinstance(stage.get(key), kind):
            return f"finetune: the stage {name!r} needs `{key}` ({kind.__name__})."
    for key in ("test", "replay"):
        if key in stage and not isinstance(stage[key], FramesData):
            return f"finetune: the stage {name!r} takes as `{key}` a FramesData."
    unknown = sorted(set(stage) - set(INPUTS))
    if unknown:
        return f"finetune: the stage {name!r} has the unknown input {unknown[0]!r}."
    wrong = TrainCalculation.parameters_validator()(stage["parameters"], None)
    return f"{name}: {wrong}" if wrong else None


def _check_order(stages: Mapping[str, Any], model: Any) -> None:
    """What one stage hands to the next: elements, heads; names that tell the models apart."""
    called: dict[str, str] = {}
    learnt: list[str] = []
    for i, name in enumerate(sorted(stages)):
        stage, where = stages[name], f" of {name}"
        parameters = stage["parameters"].get_dict()
        job: TrainJob = load(TrainJob, parameters | TrainCalculation.stand_ins(parameters), name)
        if (job.architecture is not None) != (i == 0 and model is None):
            raise RefusedError(
                f"finetune: only the first stage, and only without a model, takes an architecture; see {name!r}."
            )
        other = called.setdefault(parameters["name"], name) if "name" in parameters else name
        if other != name:
            raise RefusedError(f"finetune: the models of {other!r} and {name!r} are both called {job.name!r}.")
        sets = {key: stage[key] for key in SETS if key in stage}
        if i == 0 and model is not None:
            check_parent(job, model, where)
        elif i > 0 and job.stage.parent_head is not None:
            raise RefusedError(f"finetune: the model before {name!r} has one head; leave stage.parent_head out.")
        learnt = sets["train"].elements if job.architecture is not None else learnt
        check_sets(job, sets, model, learnt, where)
        if job.stage.elements == "training" and job.architecture is None:
            model, learnt = None, sorted({s for key, node in sets.items() if key != "test" for s in node.elements})


def _check_limits(limits: orm.Dict | None, stages: Mapping[str, Any]) -> None:
    if limits is None:
        return
    wanted = limits.get_dict()
    unknown = sorted(set(wanted) - {"forgetting"})
    if unknown:
        raise RefusedError(f"finetune: limits has the unknown key {unknown[0]!r}. Known: forgetting.")
    ratios = wanted.get("forgetting", {})
    if not isinstance(ratios, dict):
        raise RefusedError("finetune: limits.forgetting maps an error's name to the ratio allowed.")
    for metric, ratio in ratios.items():
        if metric not in METRICS:
            raise RefusedError(f"finetune: limits.forgetting: unknown error {metric!r}. Known: {', '.join(METRICS)}.")
        if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not ratio > 0:
            raise RefusedError(f"finetune: limits.forgetting.{metric} is a ratio above 0, not {ratio!r}.")
    if ratios and not any("test" in stages[name] for name in sorted(stages)[:-1]):
        raise RefusedError("finetune: limits.forgetting needs a stage with a test set before the last stage.")

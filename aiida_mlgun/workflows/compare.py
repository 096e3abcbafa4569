"""``mlgun.compare``: strategies × start models on the same test sets (T1, T2, T4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilder
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from ..calculations.train import TrainCalculation
from ..contract.errors import RefusedError
from ..contract.strict import dump, load
from ..data.frames import FramesData
from ..data.model import ModelData
from .finetune import FinetuneWorkChain
from .functions.compare import comparison_table, comparison_verdict
from .plans import CompareParameters
from .protocols.mixin import merged
from .side_by_side import Plan, SideBySideWorkChain, check_names, refused_plan, score_key

#: Recipe → the strategy that needs it.
RECIPES = {"scratch": "scratch", "finetuned": "finetuned", "broad": "continual", "continual": "continual"}


class CompareWorkChain(SideBySideWorkChain):
    """Does continual fine-tuning help: scratch, zero-shot, fine-tuned, continually fine-tuned as one table ([P])."""

    PROTOCOL_FILE = "compare.yaml"
    PARAMETERS = CompareParameters

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Start models and sets in; a table, a verdict, models and predictions out."""
        super().define(spec)
        spec.input_namespace("models", valid_type=ModelData, required=False, help="Start models by name.")
        spec.input_namespace("tests", valid_type=FramesData, help="Test sets by name.")
        for name, what in (("broad", "broad"), ("target", "target")):
            spec.input_namespace(name, required=False, help=f"The {what} set.")
            for side in ("train", "validation", "replay"):
                why = "replayed where the recipe's method is replay" if side == "replay" else f"the {side} side"
                port = {"valid_type": FramesData, "required": False, "help": f"The {what} set: {why}."}
                spec.input(f"{name}.{side}", **port)
        spec.input_namespace("training", required=False, help="Fields of TrainJob for each kind of training.")
        helps = {
            "scratch": "From scratch, with an architecture, on the target set.",
            "finetuned": "From a start model on the target set.",
            "broad": "From a start model on the broad set, the first stage of `continual`.",
            "continual": "From the broad stage's model on the target set.",
        }
        for name, text in helps.items():
            spec.input(f"training.{name}", valid_type=orm.Dict, required=False, help=text)
        spec.inputs.validator = _fits
        spec.output("table", valid_type=orm.Dict, required=False, help="`rows`: errors per model, test set and group.")
        spec.output("verdict", valid_type=orm.Dict, required=False, help="Lowest errors, differences, intervals.")
        spec.output_namespace(
            "models", valid_type=ModelData, required=False, help="Trained models by strategy and start."
        )
        spec.output_namespace(
            "predictions", valid_type=orm.ArrayData, required=False, help="MODEL_on_TEST → energies and forces."
        )

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        target: Mapping[str, FramesData],
        tests: Mapping[str, FramesData],
        models: Mapping[str, ModelData] | None = None,
        broad: Mapping[str, FramesData] | None = None,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """A builder with the protocol's recipes; without start models or a broad set, what needs them is left out.

        :param target: ``train``, ``validation`` and, if a recipe asks for it, ``replay``; ``broad`` likewise.
        :param overrides: fields of CompareParameters; ``train``: fields of TrainJob for all recipes; ``scratch``,
            ``finetuned``, ``broad``, ``continual``: for one of them.
        """
        for names, what in ((models, "a start model"), (tests, "a test set")):
            check_names(names or {}, f"compare: {what}")
        given, below = dict(overrides or {}), cls.get_protocol_inputs(protocol)
        shared = given.pop("train", {})
        recipes = {}
        for name in RECIPES:
            recipe = merged(FinetuneWorkChain.get_protocol_inputs(protocol), below.pop(name, {}))
            recipes[name] = merged(merged(recipe, shared), given.pop(name, {}))
        lacking = (set() if models else {"zero_shot", "finetuned", "continual"}) | (set() if broad else {"continual"})
        if "strategies" not in given:
            below["strategies"] = [s for s in below["strategies"] if s not in lacking]
        parameters = load(CompareParameters, merged(below, given), "compare")
        builder = cls.get_builder()
        builder.code = code
        builder.parameters = orm.Dict(dump(parameters))
        if models:
            builder.models = dict(models)
        if broad:
            builder.broad = dict(broad)
        builder.target = dict(target)
        builder.tests = dict(tests)
        builder.training = {n: orm.Dict(r) for n, r in recipes.items() if RECIPES[n] in parameters.strategies}
        return builder

    def plan(self) -> Plan:
        """From scratch once; every start model by every other strategy."""
        return plan(self.inputs)

    def start_models(self) -> dict[str, ModelData]:
        """The start models, if they are compared as they are."""
        if "zero_shot" not in self.inputs.parameters.get_dict().get("strategies", CompareParameters().strategies):
            return {}
        return {f"zero_shot_{name}": model for name, model in self.inputs.models.items()}

    def tests(self) -> dict[str, FramesData]:
        """The test sets."""
        return dict(self.inputs.tests)

    def outputs_of_scores(self) -> None:
        """Models, predictions, the table and the verdict."""
        trained = {label: m for label, m in self.ctx.models.items() if not label.startswith("zero_shot_")}
        if trained:
            self.out("models", trained)
        scores = self.ctx.scores
        if not scores:
            return
        who = {
            score_key(label, test): {**_who(label), "test": test} for label in self.ctx.models for test in self.tests()
        }
        about = {
            "scores": {key: who[key] for key in scores},
            "seed": load(CompareParameters, self.inputs.parameters.get_dict()).seed,
        }
        node = orm.Dict(about).store()
        table = comparison_table(node, **{key: job.outputs.errors for key, job in scores.items()})
        predictions = {key: job.outputs.predictions for key, job in scores.items()}
        used = {who[key]["test"] for key in scores}
        tests = {name: frames for name, frames in self.tests().items() if name in used}
        verdict = comparison_verdict(node, tests=tests, predictions=predictions)
        self.out("table", table)
        self.out("verdict", verdict)
        self.out("predictions", predictions)
        for row in verdict["lowest"]:
            if row["metric"] == "rmse_forces":
                start = f" from {row['start_model']}" if row["start_model"] else ""
                self.report(f"{row['test']}: lowest force RMSE {row['value']:.4f} eV/Å, {row['strategy']}{start}")


def plan(inputs: Any) -> Plan:
    """The trainings that these inputs ask for."""
    strategies = load(CompareParameters, inputs["parameters"].get_dict(), "parameters").strategies
    out: Plan = {}
    if "scratch" in strategies:
        out["scratch"] = {"stages": {"stage_1": _stage(inputs, "target", "scratch", "scratch")}}
    for name, model in inputs.get("models", {}).items():
        if "finetuned" in strategies:
            label = f"finetuned_{name}"
            out[label] = {"model": model, "stages": {"stage_1": _stage(inputs, "target", "finetuned", label)}}
        if "continual" in strategies:
            label = f"continual_{name}"
            broad = _stage(inputs, "broad", "broad", f"broad_{name}")
            out[label] = {
                "model": model,
                "stages": {"stage_1": broad, "stage_2": _stage(inputs, "target", "continual", label)},
            }
    return out


def _stage(inputs: Any, which: str, recipe: str, name: str) -> dict[str, Any]:
    parameters = {"name": name.replace("_", "-"), **inputs["training"][recipe].get_dict()}
    sides = ["train", "validation"] + ["replay"] * (parameters.get("stage", {}).get("method") == "replay")
    return {side: inputs[which][side] for side in sides if side in inputs[which]} | {"parameters": orm.Dict(parameters)}


def _who(label: str) -> dict[str, str | None]:
    for strategy in ("zero_shot", "finetuned", "continual"):
        if label.startswith(f"{strategy}_"):
            return {"strategy": strategy, "start_model": label.removeprefix(f"{strategy}_")}
    return {"strategy": label, "start_model": None}


def _fits(inputs: Any, _: Any) -> str | None:
    strategies = load(CompareParameters, inputs["parameters"].get_dict(), "parameters").strategies
    models, tests = inputs.get("models") or {}, inputs.get("tests") or {}
    wrong = _lacking(inputs, strategies, models, tests) or _uncovered(inputs, strategies, models, tests)
    return wrong or refused_plan(plan(inputs), inputs)


def _lacking(inputs: Any, strategies: Sequence[str], models: Any, tests: Any) -> str | None:
    if not tests:
        return "compare: give at least one test set in the namespace `tests`."
    if not models and set(strategies) - {"scratch"}:
        return (
            f"compare: {next(s for s in strategies if s != 'scratch')} needs a start model in the namespace `models`."
        )
    for recipe, strategy in RECIPES.items():
        which = "broad" if recipe == "broad" else "target"
        for name, keys in ((which, ("train", "validation")), ("training", (recipe,))):
            for key in keys if strategy in strategies else ():
                if key not in (inputs.get(name) or {}):
                    return f"compare: the strategy {strategy} needs `{name}.{key}`."
    keys = [score_key(label, test) for label in (*plan(inputs), *(f"zero_shot_{m}" for m in models)) for test in tests]
    if len(set(keys)) < len(keys):
        return "compare: names of models and test sets run into each other; leave `_on_` out of them."
    for name, recipe in (inputs.get("training") or {}).items():
        if (recipe.get_dict().get("architecture") is not None) != (name == "scratch"):
            return "compare: an architecture goes with the recipe `scratch`, and with no other."
        wrong = TrainCalculation.parameters_validator()(recipe, None)
        if wrong:
            return f"compare: {name}: {wrong}"
    return None


def _uncovered(inputs: Any, strategies: Sequence[str], models: Any, tests: Any) -> str | None:
    try:
        check_names(models, "compare: a start model")
        check_names(tests, "compare: a test set")
        for name, frames in tests.items():
            frames.check_labelled(f"compare: the test set {name!r}")
            for model in models.values():
                model.check_covers(frames.elements, f"compare: the test set {name!r}")
            missing = (
                sorted(set(frames.elements) - set(inputs["target"]["train"].elements))
                if "scratch" in strategies
                else []
            )
            if missing:
                return (
                    f"compare: the test set {name!r} holds {', '.join(missing)}, which stands not in target.train: a "
                    "model from scratch would not know it."
                )
    except RefusedError as error:
        return str(error)
    return None

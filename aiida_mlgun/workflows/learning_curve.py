"""``mlgun.learning_curve``: how the test error falls with the number of training frames (T5)."""

from __future__ import annotations

from collections.abc import Mapping
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
from .functions.curve import learning_curve, nested_subsets, size_label
from .plans import CurveParameters
from .protocols.mixin import merged
from .side_by_side import Plan, SideBySideWorkChain, refused_plan, score_key, seeded

TEST = "test"


class LearningCurveWorkChain(SideBySideWorkChain):
    """Train on nested subsets with several seeds, fit a power law to the errors on one test set ([W] Fig. 2)."""

    PROTOCOL_FILE = "learning_curve.yaml"
    PARAMETERS = CurveParameters

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """A training set and a recipe in; the curve and its models out."""
        super().define(spec)
        spec.input("model", valid_type=ModelData, required=False, help="Start model; none trains from scratch.")
        spec.input("train", valid_type=FramesData, help="The whole training set; subsets are drawn from it.")
        spec.input("validation", valid_type=FramesData, help="Validation frames, the same for all.")
        spec.input("test", valid_type=FramesData, help="Test frames, the same for all.")
        spec.input(
            "training", valid_type=orm.Dict, serializer=orm.to_aiida_type, help="Fields of TrainJob for every training."
        )
        spec.inputs.validator = _fits
        spec.output(
            "curve", valid_type=orm.Dict, required=False, help="`points`, and per metric the fitted power law (`fits`)."
        )
        spec.output_namespace("subsets", valid_type=FramesData, required=False, help="Training subsets: size and seed.")
        spec.output_namespace("models", valid_type=ModelData, required=False, help="Models: size and seed.")

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        train: FramesData,
        validation: FramesData,
        test: FramesData,
        model: ModelData | None = None,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """A builder with the protocol's sizes and recipe.

        :param overrides: fields of CurveParameters; ``shares`` of the training set instead of ``sizes``; under
            ``train`` fields of TrainJob.
        """
        given, inputs = dict(overrides or {}), cls.get_protocol_inputs(protocol)
        recipe = FinetuneWorkChain.get_protocol_inputs(protocol, given.pop("train", {}))
        if "sizes" in given and "shares" in given:
            raise RefusedError("learning_curve: give sizes or shares, not both.")
        if "sizes" in given:
            inputs.pop("shares")
        inputs = merged(inputs, given)
        if "shares" in inputs:
            inputs["sizes"] = _from_shares(inputs.pop("shares"), _n_real(train))
        builder = cls.get_builder()
        builder.code = code
        builder.parameters = orm.Dict(dump(load(CurveParameters, inputs, "learning_curve")))
        if model is not None:
            builder.model = model
        builder.train, builder.validation, builder.test = train, validation, test
        builder.training = orm.Dict(recipe)
        return builder

    def setup(self) -> None:
        """Draw the subsets, seed by seed."""
        parameters = self._parameters()
        self.ctx.subsets = {}
        for seed in parameters.seeds:
            made = nested_subsets(self.inputs.train, orm.List(list(parameters.sizes)), orm.Int(seed))
            self.ctx.subsets |= {_label(size, seed): made[size_label(size)] for size in parameters.sizes}
        self.out("subsets", self.ctx.subsets)
        super().setup()

    def plan(self) -> Plan:
        """One training for each size and seed."""
        return plan(self.inputs, self.ctx.subsets)

    def tests(self) -> dict[str, FramesData]:
        """The one test set."""
        return {TEST: self.inputs.test}

    def outputs_of_scores(self) -> None:
        """The models, and the curve if at least two sizes came out."""
        if self.ctx.models:
            self.out("models", self.ctx.models)
        points = {}
        for seed in self._parameters().seeds:
            for size in self._parameters().sizes:
                key = score_key(_label(size, seed), TEST)
                if key in self.ctx.scores:
                    points[key] = {"size": size, "seed": seed, "n_train": size}
        if len({point["size"] for point in points.values()}) < 2:
            return
        errors = {key: self.ctx.scores[key].outputs.errors for key in points}
        curve = learning_curve(orm.Dict({"points": points}), **errors)
        self.out("curve", curve)
        fit = curve["fits"].get("mae_forces")
        if fit is not None:
            error = "" if fit["slope_se"] is None else f" ± {fit['slope_se']:.3f}"
            self.report(f"force MAE ~ size^({fit['slope']:.3f}{error}) from {fit['n']} trainings")

    def _parameters(self) -> CurveParameters:
        return load(CurveParameters, self.inputs.parameters.get_dict(), "parameters")


def plan(inputs: Any, subsets: Mapping[str, FramesData]) -> Plan:
    """The trainings on these subsets."""
    parameters = load(CurveParameters, inputs["parameters"].get_dict(), "parameters")
    out: Plan = {}
    for size in parameters.sizes:
        for seed in parameters.seeds:
            label = _label(size, seed)
            recipe = orm.Dict(seeded(inputs["training"].get_dict(), seed, label.replace("_", "-")))
            stage = {"train": subsets[label], "validation": inputs["validation"], "parameters": recipe}
            out[label] = {"stages": {"stage_1": stage}} | ({"model": inputs["model"]} if "model" in inputs else {})
    return out


def _label(size: int, seed: int) -> str:
    return f"{size_label(size)}_seed_{seed}"


def _n_real(frames: FramesData) -> int:
    return len(frames) - int(frames.base.attributes.get("n_isolated"))


def _from_shares(shares: Any, n: int) -> list[int]:
    if not isinstance(shares, list) or not all(isinstance(s, int | float) and 0 < s <= 1 for s in shares):
        raise RefusedError(f"learning_curve.shares: numbers in (0, 1] are needed, not {shares!r}.")
    return sorted({max(1, round(share * n)) for share in shares})


def _fits(inputs: Any, _: Any) -> str | None:
    parameters = load(CurveParameters, inputs["parameters"].get_dict(), "parameters")
    n = _n_real(inputs["train"])
    if max(parameters.sizes) > n:
        return f"learning_curve: a subset of {max(parameters.sizes)} is asked for, and {n} frames train."
    wrong = TrainCalculation.parameters_validator()(inputs["training"], None)
    if wrong:
        return f"learning_curve: {wrong}"
    try:
        inputs["test"].check_labelled("learning_curve: the test set")
        if "model" in inputs:
            inputs["model"].check_covers(inputs["test"].elements, "learning_curve: the test set")
    except RefusedError as error:
        return str(error)
    one = {"size": parameters.sizes[0], "seed": parameters.seeds[0]}
    whole = {_label(size, seed): inputs["train"] for size in parameters.sizes for seed in parameters.seeds}
    label = _label(**one)
    return refused_plan({label: plan(inputs, whole)[label]}, inputs)

"""``mlgun.committee``: the same training with several seeds; what their disagreement tells of the error (T9)."""

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
from .functions.committee import committee_disagreement
from .plans import CommitteeParameters
from .protocols.mixin import merged
from .side_by_side import Plan, SideBySideWorkChain, check_names, refused_plan, score_key, seeded


class CommitteeWorkChain(SideBySideWorkChain):
    """Members by seed, side by side; their disagreement on sets, and its calibration where the sets have labels.

    The seed draws the order of the batches and whatever starts anew: with kept readouts the order alone, so that such
    members resemble each other more than those with ``readout: reinitialise``.
    """

    PROTOCOL_FILE = "committee.yaml"
    PARAMETERS = CommitteeParameters

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Stages as of ``mlgun.finetune`` in; a model per seed, and per set disagreement and calibration out."""
        super().define(spec)
        spec.input(
            "model", valid_type=ModelData, required=False, help="Start model; none: the first stage starts anew."
        )
        spec.input_namespace(
            "stages", dynamic=True, help="Stages as `mlgun.finetune` takes them; the seed is replaced."
        )
        spec.input_namespace(
            "frames", valid_type=FramesData, required=False, help="Sets to predict, by name; labels are optional."
        )
        spec.inputs.validator = _fits
        spec.output_namespace("models", valid_type=ModelData, required=False, help="seed_24 → model.")
        spec.output_namespace(
            "disagreement", valid_type=orm.ArrayData, required=False, help="Set → means and standard deviations."
        )
        spec.output_namespace(
            "calibration", valid_type=orm.Dict, required=False, help="Set → deviations against real errors."
        )

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        stages: Sequence[Mapping[str, Any]],
        frames: Mapping[str, FramesData] | None = None,
        model: ModelData | None = None,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """A builder with the protocol's seeds and recipe.

        :param stages: as for ``mlgun.finetune``.
        :param frames: sets to predict, by name.
        :param overrides: fields of CommitteeParameters; under ``train`` fields of TrainJob for all stages.
        """
        check_names(frames or {}, "committee: a set")
        given = dict(overrides or {})
        inner = FinetuneWorkChain.get_builder_from_protocol(code, stages, model, protocol, given.pop("train", {}))
        parameters = load(CommitteeParameters, merged(cls.get_protocol_inputs(protocol), given), "committee")
        builder = cls.get_builder()
        builder.code = code
        builder.parameters = orm.Dict(dump(parameters))
        builder.stages = {name: dict(stage) for name, stage in inner.stages.items()}
        if model is not None:
            builder.model = model
        if frames:
            builder.frames = dict(frames)
        return builder

    def plan(self) -> Plan:
        """One training per seed."""
        return plan(self.inputs)

    def tests(self) -> dict[str, FramesData]:
        """The sets to predict."""
        return dict(self.inputs.get("frames", {}))

    def outputs_of_scores(self) -> None:
        """Models; per set what at least two members say together."""
        if self.ctx.models:
            self.out("models", self.ctx.models)
        bins = orm.Int(load(CommitteeParameters, self.inputs.parameters.get_dict(), "parameters").bins).store()
        for name, frames in self.tests().items():
            jobs = {label: self.ctx.scores.get(score_key(label, name)) for label in self.ctx.models}
            predictions = {label: job.outputs.predictions for label, job in jobs.items() if job is not None}
            if len(predictions) < 2:
                continue
            found = committee_disagreement(frames, bins, **predictions)
            self.out(f"disagreement.{name}", found["disagreement"])
            self.out(f"calibration.{name}", found["calibration"])
            forces = found["calibration"]["forces"]
            if forces is not None and forces["factor"] is not None:
                self.report(f"{name}: the force error is {forces['factor']:.2f} times what the committee predicts")


def plan(inputs: Any) -> Plan:
    """The trainings that these inputs ask for: every stage of a member has the member's seed."""
    out: Plan = {}
    for seed in load(CommitteeParameters, inputs["parameters"].get_dict(), "parameters").seeds:
        label = f"seed_{seed}"
        stages = {}
        for name, stage in inputs["stages"].items():
            recipe = orm.Dict(seeded(stage["parameters"].get_dict(), seed, f"seed-{seed}"))
            stages[name] = {key: node for key, node in stage.items() if key != "test"} | {"parameters": recipe}
        out[label] = {"stages": stages} | ({"model": inputs["model"]} if "model" in inputs else {})
    return out


def _fits(inputs: Any, _: Any) -> str | None:
    stages, sets = inputs.get("stages") or {}, inputs.get("frames") or {}
    if not stages:
        return "committee: give at least one stage in the namespace `stages`."
    for name, stage in stages.items():
        if not isinstance(stage, Mapping) or not isinstance(stage.get("parameters"), orm.Dict):
            return f"committee: the stage {name!r} needs `parameters` (Dict)."
        wrong = TrainCalculation.parameters_validator()(stage["parameters"], None)
        if wrong:
            return f"committee: {name}: {wrong}"
    try:
        check_names(sets, "committee: a set")
        if "model" in inputs:
            for name, frames in sets.items():
                inputs["model"].check_covers(frames.elements, f"committee: the set {name!r}")
    except RefusedError as error:
        return str(error)
    members = plan(inputs)
    first = next(iter(members))
    return refused_plan({first: members[first]}, inputs)

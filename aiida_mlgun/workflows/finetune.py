"""``mlgun.finetune``: a model through a list of stages, every model scored on every stage's test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilder, ToContext, WorkChain, append_, if_, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from ..calculations.evaluate import EvaluateCalculation
from ..calculations.train import TrainCalculation
from ..contract.errors import RefusedError
from ..data.frames import FramesData
from ..data.model import ModelData
from .common import define_common, job_inputs, not_ok
from .functions.frames import merge_for_scoring
from .protocols import ProtocolMixin
from .protocols.mixin import merged

FOUNDATION = "foundation"


class FinetuneWorkChain(ProtocolMixin, WorkChain):
    """Continual fine-tuning ([P]): foundation model → stage after stage in the order of their names."""

    PROTOCOL_FILE = "finetune.yaml"

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """A model and stages in; a model per stage and the errors of each on all test sets out."""
        super().define(spec)
        define_common(spec)
        spec.input(
            "model", valid_type=ModelData, required=False, help="Foundation model; none: the first stage starts anew."
        )
        spec.input_namespace("stages", dynamic=True, help="Stages by name; they run in the order of their names.")
        spec.input(
            "evaluate",
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Dict({}),
            validator=EvaluateCalculation.parameters_validator(),
            help="Fields of EvaluateJob.",
        )
        spec.inputs.validator = _fits
        spec.outline(
            cls.setup,
            while_(cls.has_stage)(cls.train, cls.inspect),
            if_(cls.has_tests)(cls.score_last),
            cls.collect,
        )
        spec.output("model", valid_type=ModelData, help="The last stage's model.")
        spec.output_namespace("models", valid_type=ModelData, help="Stage → model.")
        spec.output_namespace("training", valid_type=orm.Dict, help="Stage → training record.")
        spec.output_namespace("errors", valid_type=orm.Dict, help="Model → errors on each stage's test set.")

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        stages: Sequence[Mapping[str, Any]],
        model: ModelData | None = None,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """A builder with the protocol's recipe for each stage.

        :param stages: mappings with ``train``, ``validation``, optionally ``test`` (FramesData), ``name``, and
            ``overrides`` (fields of TrainJob for this stage alone).
        :param overrides: fields of TrainJob for all stages.
        """
        if not stages:
            raise RefusedError("finetune: give at least one stage.")
        builder = cls.get_builder()
        builder.code = code
        if model is not None:
            builder.model = model
        for i, entry in enumerate(stages):
            unknown = sorted(set(entry) - {"train", "validation", "test", "name", "overrides"})
            if unknown:
                raise RefusedError(f"finetune: stage {i} has the unknown key {unknown[0]!r}.")
            label = f"stage_{i + 1}"
            special = merged(overrides or {}, entry.get("overrides", {}))
            parameters = cls.get_protocol_inputs(protocol, special)
            parameters.setdefault("name", str(entry.get("name", label)))
            stage = {key: entry[key] for key in ("train", "validation", "test") if entry.get(key) is not None}
            builder.stages[label] = {**stage, "parameters": orm.Dict(parameters)}
        return builder

    def setup(self) -> None:
        """Order the stages; put all test sets into one for scoring."""
        self.ctx.names = sorted(self.inputs.stages)
        self.ctx.next = 0
        self.ctx.model = self.inputs.get("model")
        self.ctx.label = FOUNDATION
        self.ctx.models, self.ctx.trained = {}, []
        tests = {n: self.inputs.stages[n]["test"] for n in self.ctx.names if "test" in self.inputs.stages[n]}
        self.ctx.tests = merge_for_scoring(**tests) if tests else None

    def has_stage(self) -> bool:
        """True while stages are left."""
        return bool(self.ctx.next < len(self.ctx.names))

    def train(self) -> Any:
        """Submit the next stage with the model of the one before, which is scored beside it."""
        name = self.ctx.names[self.ctx.next]
        if self.ctx.model is not None and self.ctx.tests is not None:
            self._score(self.ctx.label, self.ctx.model)
        stage = self.inputs.stages[name]
        inputs = {key: stage[key] for key in ("train", "validation", "test", "parameters") if key in stage}
        if self.ctx.model is not None:
            inputs["model"] = self.ctx.model
        node = self.submit(TrainCalculation, **inputs, **job_inputs(self, name))
        parent = "nothing" if self.ctx.model is None else self.ctx.model.name
        self.report(f"{name}: {len(stage['train'])} frames, from {parent}, trains in <{node.pk}>")
        return ToContext(trained=append_(node))

    def inspect(self) -> Any:
        """Take the trained model."""
        job, name = self.ctx.trained[-1], self.ctx.names[self.ctx.next]
        if not job.is_finished_ok:
            return not_ok(self, job, name)
        self.ctx.model = self.ctx.models[name] = job.outputs.model
        errors = job.outputs.training["errors"]["validation"]["all"]
        self.report(
            f"{name}: validation RMSE {1e3 * errors['rmse_energy']:.1f} meV/atom, {errors['rmse_forces']:.3f} eV/Å"
        )
        self.ctx.next += 1
        self.ctx.label = name
        return None

    def has_tests(self) -> bool:
        """True where a stage has a test set."""
        return self.ctx.tests is not None

    def score_last(self) -> None:
        """Score the last stage's model."""
        self._score(self.ctx.label, self.ctx.model)

    def collect(self) -> Any:
        """Outputs, or the first failed score."""
        names = self.ctx.names
        errors = {}
        for label in [FOUNDATION, *names]:
            job = self.ctx.get(f"score_{label}")
            if job is None:
                continue
            if not job.is_finished_ok:
                return not_ok(self, job, f"scoring of {label}")
            errors[label] = job.outputs.errors
        self.out("model", self.ctx.model)
        self.out("models", self.ctx.models)
        self.out("training", {n: job.outputs.training for n, job in zip(names, self.ctx.trained, strict=True)})
        self.out("errors", errors)
        return None

    def _score(self, label: str, model: ModelData) -> None:
        parameters = orm.Dict({**self.inputs.evaluate.get_dict(), "stratum": "set"})
        inputs = job_inputs(self, f"score_{label}")
        node = self.submit(EvaluateCalculation, model=model, frames=self.ctx.tests, parameters=parameters, **inputs)
        self.to_context(**{f"score_{label}": node})


def _fits(inputs: Any, _: Any) -> str | None:
    stages = inputs.get("stages") or {}
    if not stages:
        return "finetune: give at least one stage in the namespace `stages`."
    if inputs.get("evaluate") is not None and "stratum" in inputs["evaluate"].get_dict():
        return "finetune: `evaluate.stratum` is the stage whose test set a frame is from; leave it out."
    for i, name in enumerate(sorted(stages)):
        stage = stages[name]
        for key, kind in (("train", FramesData), ("validation", FramesData), ("parameters", orm.Dict)):
            if not isinstance(stage.get(key), kind):
                return f"finetune: the stage {name!r} needs `{key}` ({kind.__name__})."
        if not isinstance(stage.get("test", stage["train"]), FramesData):
            return f"finetune: the stage {name!r} takes as `test` a FramesData."
        unknown = sorted(set(stage) - {"train", "validation", "test", "parameters"})
        if unknown:
            return f"finetune: the stage {name!r} has the unknown input {unknown[0]!r}."
        wrong = TrainCalculation.parameters_validator()(stage["parameters"], None)
        if wrong:
            return f"{name}: {wrong}"
        scratch = stage["parameters"].get_dict().get("architecture") is not None
        if scratch != (i == 0 and inputs.get("model") is None):
            return f"finetune: only the first stage, and only without a model, takes an architecture; see {name!r}."
        try:
            for key in ("train", "validation", "test"):
                if key in stage:
                    stage[key].check_labelled(f"the {key} set of {name}")
                    if inputs.get("model") is not None:
                        inputs["model"].check_covers(stage[key].elements, f"the {key} set of {name}")
        except RefusedError as error:
            return str(error)
    return None

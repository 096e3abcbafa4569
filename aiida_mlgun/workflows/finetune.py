"""``mlgun.finetune``: a model through a list of stages, every model scored on every stage's test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ToContext, WorkChain, append_, if_, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from ..calculations.evaluate import EvaluateCalculation
from ..calculations.train import TrainCalculation
from ..contract.errors import RefusedError
from ..contract.status import BY_NAME
from ..data.model import ModelData
from .common import define_common, job_inputs, not_ok
from .finetune_checks import FOUNDATION, INPUTS, check_stages
from .functions.forgetting import first_beyond, forgetting_table
from .functions.frames import merge_for_scoring
from .probe import estimates, probe_inputs
from .protocols import ProtocolMixin
from .protocols.mixin import merged
from .restart import chain_inputs
from .train import TrainWorkChain


class FinetuneWorkChain(ProtocolMixin, WorkChain):
    """Continual fine-tuning ([P]): a start → stage after stage in the order of their names.

    The start is ``model``, or nothing: then the first stage's parameters name an ``architecture``.
    """

    PROTOCOL_FILE = "finetune.yaml"

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """A model and stages in; a model per stage and the errors of each on all test sets out."""
        super().define(spec)
        define_common(spec)
        spec.input(
            "model", valid_type=ModelData, required=False, help="Foundation model; none: the first stage starts anew."
        )
        spec.input_namespace(
            "stages",
            dynamic=True,
            help="Stages by name; they run in the order of their names. Each has `train`, `validation`, `parameters` "
            "(fields of TrainJob), perhaps `test` and `replay`.",
        )
        spec.input(
            "evaluate",
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Dict({}),
            validator=EvaluateCalculation.parameters_validator(),
            help="Fields of EvaluateJob.",
        )
        spec.input(
            "limits",
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            required=False,
            help='`{"forgetting": {"rmse_forces": 1.5}}`: how much larger each later model\'s error on an earlier '
            "stage's test set may be than that of the stage's own model.",
        )
        spec.input(
            "probe",
            valid_type=orm.Bool,
            serializer=orm.to_aiida_type,
            required=False,
            help="Whether a job with one batch says first what memory and time the stages will take.",
        )
        spec.input("max_iterations", valid_type=orm.Int, required=False, help="Jobs per stage at most; 5 by default.")
        spec.inputs.validator = check_stages
        spec.outline(
            cls.setup,
            if_(cls.wants_probe)(cls.probe, cls.inspect_probe),
            while_(cls.has_stage)(cls.train, cls.inspect),
            if_(cls.has_tests)(cls.score_last),
            cls.collect,
        )
        spec.output("model", valid_type=ModelData, help="The last stage's model.")
        spec.output_namespace("models", valid_type=ModelData, help="Stage → model.")
        spec.output_namespace("training", valid_type=orm.Dict, help="Stage → training record.")
        spec.output_namespace("errors", valid_type=orm.Dict, help="Model → errors on each stage's test set.")
        spec.output(
            "forgetting",
            valid_type=orm.Dict,
            required=False,
            help="Rows: error of each later model on an earlier stage's test set, and of that stage's own model.",
        )

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

        :param stages: mappings with ``train``, ``validation``, optionally ``test`` and ``replay`` (FramesData),
            ``name``, and ``overrides`` (fields of TrainJob for this stage alone).
        :param overrides: fields of TrainJob for all stages.
        """
        if not stages:
            raise RefusedError("finetune: give at least one stage.")
        builder = cls.get_builder()
        builder.code = code
        if model is not None:
            builder.model = model
        for i, entry in enumerate(stages):
            unknown = sorted(set(entry) - {*INPUTS[:-1], "name", "overrides"})
            if unknown:
                raise RefusedError(f"finetune: stage {i} has the unknown key {unknown[0]!r}.")
            label = f"stage_{i + 1:0{len(str(len(stages)))}d}"
            special = merged(overrides or {}, entry.get("overrides", {}))
            parameters = cls.get_protocol_inputs(protocol, special)
            parameters.setdefault("name", str(entry.get("name", label)))
            stage = {key: entry[key] for key in INPUTS[:-1] if entry.get(key) is not None}
            builder.stages[label] = {**stage, "parameters": orm.Dict(parameters)}
        return builder

    @classmethod
    def get_protocol_inputs(
        cls, protocol: str | None = None, overrides: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """As for every chain; with an architecture, what the protocol has under ``scratch`` lies over the rest."""
        plain = super().get_protocol_inputs(protocol)
        scratch = plain.pop("scratch", {})
        from_scratch = (overrides or {}).get("architecture") is not None
        return merged(merged(plain, scratch if from_scratch else {}), overrides or {})

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

    def wants_probe(self) -> bool:
        """True where a probe is asked for."""
        return "probe" in self.inputs and bool(self.inputs.probe.value)

    def probe(self) -> Any:
        """Submit one batch of the first stage."""
        stage = self.inputs.stages[self.ctx.names[0]]
        inputs = probe_inputs(stage, self.ctx.model)
        return ToContext(probe=self.submit(TrainCalculation, **inputs, **job_inputs(self, "probe")))

    def inspect_probe(self) -> Any:
        """Report what the stages will take; a batch that does not fit ends the chain before it began."""
        job = self.ctx.probe
        if not job.is_finished_ok:
            return not_ok(self, job, "the probe")
        for line in estimates(job, {name: self.inputs.stages[name] for name in self.ctx.names}):
            self.report(line)
        return None

    def train(self) -> Any:
        """Submit the next stage with the model of the one before, which is scored beside it."""
        name = self.ctx.names[self.ctx.next]
        if self.ctx.model is not None and self.ctx.tests is not None:
            self._score(self.ctx.label, self.ctx.model)
        stage = self.inputs.stages[name]
        inputs = {key: stage[key] for key in INPUTS if key in stage}
        parent = "nothing"
        if self.ctx.model is not None:
            inputs["model"] = self.ctx.model
            parent = f"{self.ctx.model.name} (licence: {self.ctx.model.base.attributes.get('licence')})"
        node = self.submit(TrainWorkChain, **inputs, **chain_inputs(self, name))
        self.report(f"{name}: {len(stage['train'])} frames, from {parent}, trains in <{node.pk}>")
        return ToContext(trained=append_(node))

    def inspect(self) -> Any:
        """Take the trained model."""
        chain, name = self.ctx.trained[-1], self.ctx.names[self.ctx.next]
        if not chain.is_finished_ok:
            return not_ok(self, chain, name)
        self.ctx.model = self.ctx.models[name] = chain.outputs.model
        errors = chain.outputs.training["errors"]["validation"]["all"]
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
        return self._compare({name: errors[name] for name in names if name in errors})

    def _compare(self, errors: Mapping[str, orm.Dict]) -> ExitCode | None:
        """The table of what was forgotten; beyond a limit, the named failure, with all outputs there."""
        if len(errors) < 2:
            return None
        table = forgetting_table(**errors)
        self.out("forgetting", table)
        limits = self.inputs.limits.get_dict().get("forgetting", {}) if "limits" in self.inputs else {}
        beyond = first_beyond(table["rows"], limits)
        if beyond is None:
            return None
        self.report(beyond)
        row = BY_NAME["forgotten"]
        return ExitCode(row.code, row.message.format(detail=beyond))

    def _score(self, label: str, model: ModelData) -> None:
        parameters = orm.Dict({**self.inputs.evaluate.get_dict(), "stratum": "set"})
        inputs = job_inputs(self, f"score_{label}")
        node = self.submit(EvaluateCalculation, model=model, frames=self.ctx.tests, parameters=parameters, **inputs)
        self.to_context(**{f"score_{label}": node})

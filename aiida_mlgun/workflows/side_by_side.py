"""What comparison, learning curve and committee share: trainings side by side, then every model on every set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from aiida import orm
from aiida.engine import ExitCode, WorkChain, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from ..calculations.evaluate import EvaluateCalculation
from ..contract.errors import RefusedError
from ..contract.strict import load
from ..data.frames import FramesData
from ..data.model import ModelData
from .common import define_common, job_inputs, not_ok
from .finetune import FinetuneWorkChain
from .protocols import ProtocolMixin

#: label → ``stages`` and, unless from scratch, ``model``: inputs of ``mlgun.finetune``.
Plan = dict[str, dict[str, Any]]


class SideBySideWorkChain(ProtocolMixin, WorkChain):
    """Submit all trainings of a plan, at most ``jobs_at_once`` together, and score the models likewise.

    A training or a score that fails does not stop the others: what there is comes out, and the exit code is that of the
    first failure.
    """

    PARAMETERS: ClassVar[type]

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """The common inputs and the outline."""
        super().define(spec)
        define_common(spec)
        spec.input(
            "parameters",
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            validator=lambda value, _: _sentence(cls.PARAMETERS, value),
            help=f"Fields of {cls.PARAMETERS.__name__}.",
        )
        spec.input(
            "evaluate",
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Dict({}),
            validator=EvaluateCalculation.parameters_validator(),
            help="Fields of EvaluateJob.",
        )
        spec.outline(
            cls.setup,
            while_(cls.has_trainings)(cls.train, cls.inspect_trainings),
            cls.plan_scores,
            while_(cls.has_scores)(cls.score, cls.inspect_scores),
            cls.collect,
        )

    def plan(self) -> Plan:
        """The trainings; the same at each call."""
        raise TypeError(f"{type(self).__name__} must say what it trains")

    def start_models(self) -> dict[str, ModelData]:
        """Models that are scored as they are."""
        return {}

    def tests(self) -> dict[str, FramesData]:
        """The sets on which every model is scored."""
        raise TypeError(f"{type(self).__name__} must say on what it scores")

    def outputs_of_scores(self) -> None:
        """Make outputs from ``self.ctx.models`` and ``self.ctx.scores`` (see :func:`score_key`)."""
        raise TypeError(f"{type(self).__name__} must say what comes out")

    def setup(self) -> None:
        """Line up the trainings."""
        self.ctx.at_once = load(self.PARAMETERS, self.inputs.parameters.get_dict(), "parameters").jobs_at_once
        self.ctx.waiting = list(self.plan())
        self.ctx.models, self.ctx.scores, self.ctx.failed = dict(self.start_models()), {}, []

    def has_trainings(self) -> bool:
        """True while trainings wait."""
        return bool(self.ctx.waiting)

    def train(self) -> None:
        """Submit the next wave of trainings."""
        plan = self.plan()
        self._next_wave()
        for label in self.ctx.wave:
            node = self.submit(FinetuneWorkChain, **plan[label], **_chain_inputs(self, label))
            self.report(f"{label}: trains in <{node.pk}>")
            self.to_context(**{f"training_{label}": node})

    def inspect_trainings(self) -> None:
        """Take the models."""
        for label in self.ctx.wave:
            chain = self.ctx[f"training_{label}"]
            if chain.is_finished_ok:
                self.ctx.models[label] = chain.outputs.model
            else:
                self._failed(f"the training {label}", chain)

    def plan_scores(self) -> None:
        """Line up the scores: every model on every set, as far as it covers the set's elements."""
        for label, model in self.ctx.models.items():
            for test, frames in self.tests().items():
                try:
                    model.check_covers(frames.elements, f"the set {test}")
                except RefusedError as error:
                    sentence = f"{label} cannot be scored: {error}"
                    self.report(sentence)
                    self.ctx.failed.append(("", None, sentence))
                else:
                    self.ctx.waiting.append((label, test))

    def has_scores(self) -> bool:
        """True while scores wait."""
        return bool(self.ctx.waiting)

    def score(self) -> None:
        """Submit the next wave of scores."""
        self._next_wave()
        tests = self.tests()
        for label, test in self.ctx.wave:
            key = score_key(label, test)
            inputs = job_inputs(self, f"score_{key}") | {"model": self.ctx.models[label], "frames": tests[test]}
            node = self.submit(EvaluateCalculation, parameters=self.inputs.evaluate, **inputs)
            self.to_context(**{f"score_{key}": node})

    def inspect_scores(self) -> None:
        """Take the scores."""
        for label, test in self.ctx.wave:
            key = score_key(label, test)
            job = self.ctx[f"score_{key}"]
            if job.is_finished_ok:
                self.ctx.scores[key] = job
            else:
                self._failed(f"the score of {label} on {test}", job)

    def collect(self) -> ExitCode | None:
        """The outputs, then the first failure if there was one."""
        self.outputs_of_scores()
        if not self.ctx.failed:
            return None
        what, pk, sentence = self.ctx.failed[0]
        if pk is None:
            exit_code: ExitCode = self.exit_codes.ERROR_ELEMENT_NOT_COVERED.format(detail=sentence)
            return exit_code
        return not_ok(self, orm.load_node(pk), what)

    def _next_wave(self) -> None:
        n = self.ctx.at_once or len(self.ctx.waiting)
        self.ctx.wave, self.ctx.waiting = self.ctx.waiting[:n], self.ctx.waiting[n:]

    def _failed(self, what: str, node: orm.ProcessNode) -> None:
        self.report(f"{what} <{node.pk}> failed with [{node.exit_status}]: {node.exit_message}")
        self.ctx.failed.append((what, node.pk, ""))


def score_key(label: str, test: str) -> str:
    """The name of the score of a model on a set."""
    return f"{label}_on_{test}"


def refused_plan(plan: Plan, inputs: Any) -> str | None:
    """The sentence with which ``mlgun.finetune`` would refuse a training of the plan, before anything is submitted."""
    spec = FinetuneWorkChain.spec()
    for label, training in plan.items():
        given = spec.inputs.pre_process({**training, "code": inputs["code"]})
        wrong = spec.inputs.validate(given)
        if wrong is not None:
            return f"{label}: {wrong.message}"
    return None


def check_names(names: Mapping[str, Any], what: str) -> None:
    """Refuse a name that cannot be part of a link's label, or that AiiDA's builder would drop without a word.

    :raises RefusedError: naming it.
    """
    for name in names:
        if not name.isidentifier() or "__" in name or name.startswith("_") or name.endswith("_"):
            raise RefusedError(
                f"{what} cannot be called {name!r}: a name has letters, digits and _, begins with a letter, ends "
                "without an underscore and holds no two in a row."
            )


def seeded(parameters: Mapping[str, Any], seed: int, label: str) -> dict[str, Any]:
    """Fields of TrainJob with another seed, and a name that tells the member."""
    stage = {**parameters.get("stage", {}), "seed": seed}
    return {**parameters, "stage": stage, "name": f"{parameters.get('name', 'model')}-{label}"}


def _chain_inputs(chain: WorkChain, label: str) -> dict[str, Any]:
    shared = {name: chain.inputs[name] for name in ("code", "options", "environment") if name in chain.inputs}
    return shared | {"metadata": {"call_link_label": label, "label": label}}


def _sentence(parameters: type, value: Any) -> str | None:
    try:
        load(parameters, value.get_dict(), "parameters")
    except RefusedError as error:
        return str(error)
    return None

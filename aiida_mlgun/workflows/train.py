"""``mlgun.train``: one training stage that goes on where it was cut off, and fails by name where it can't."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import BaseRestartWorkChain, ExitCode, ProcessHandlerReport, process_handler, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from ..calculations.train import TrainCalculation, check_training
from ..contract.status import BY_NAME
from ..contract.training import Stage
from ..monitors import DIVERGED
from .common import define_common, job_inputs, not_ok

CODES = TrainCalculation.exit_codes
MONITOR = {"entry_point": "mlgun.training_diverged", "minimum_poll_interval": 30}


class TrainWorkChain(BaseRestartWorkChain):
    """Train one stage; resume after wall time and lost nodes; retry once with a tenth of lr after divergence.

    Every decision is in ``verdi process report``.  A chain that fails returns the last checkpoint, if there is one:
    give it as ``checkpoint`` to a new chain to go on.
    """

    _process_class = TrainCalculation

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Inputs and outputs of the job; the restarts in between."""
        super().define(spec)
        define_common(spec)
        spec.expose_inputs(TrainCalculation, exclude=("code", "environment", "metadata", "remote_folder"))
        spec.inputs.validator = check_training
        spec.expose_outputs(TrainCalculation)
        for name in ("model", "training"):
            spec.outputs[name].required = True
        spec.outline(
            cls.setup,
            while_(cls.should_run_process)(cls.run_process, cls.inspect_process),
            cls.results,
        )

    def setup(self) -> None:
        """The job's inputs as given, and the monitor of the loss unless other monitors are asked for."""
        super().setup()
        inputs = dict(self.exposed_inputs(TrainCalculation))
        inputs |= job_inputs(self, self.node.label or "train")
        if not inputs.get("monitors"):
            inputs["monitors"] = {"loss": orm.Dict(MONITOR).store()}
        self.ctx.inputs = AttributeDict(inputs)
        self.ctx.reached = None  # epochs behind the checkpoint that the next job starts from
        self.ctx.stalled = self.ctx.lr_lowered = False

    def inspect_process(self) -> ExitCode | None:
        """Let the handlers decide; when they end the chain, leave behind what the last job did keep."""
        exit_code = super().inspect_process()
        if exit_code is not None and exit_code.status:
            kept = self.ctx.children[-1].outputs
            for name in ("results", "checkpoint"):
                if name in kept:
                    self.out(name, kept[name])
        return exit_code

    @process_handler(priority=300, exit_codes=[CODES.ERROR_LOSS_DIVERGED, CODES.STOPPED_BY_MONITOR])
    def lower_lr(self, job: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Diverged: once more from the stage's start with a tenth of the learning rate."""
        stopped = job.exit_status == CODES.STOPPED_BY_MONITOR.status
        if stopped and not (job.exit_message or "").startswith(DIVERGED):
            return None  # another monitor's verdict
        if self.ctx.lr_lowered:
            if not stopped:
                return None
            row = BY_NAME["loss_diverged"]
            return self._end(ExitCode(row.code, row.message.format(detail=job.exit_message)))
        parameters = job.inputs.parameters.get_dict()
        stage = parameters.get("stage", {})
        lr = stage.get("lr", Stage().lr) / 10
        self.ctx.inputs.parameters = orm.Dict({**parameters, "stage": {**stage, "lr": lr}}).store()
        self.ctx.lr_lowered = True
        self._from_the_start()
        self.report(f"<{job.pk}>: {job.exit_message} Once more from the stage's start with lr {lr:g}.")
        return ProcessHandlerReport(True)

    @process_handler(
        priority=200,
        exit_codes=[
            CODES.ERROR_WALL_TIME,
            CODES.ERROR_TERMINATED,
            CODES.ERROR_MANIFEST_MISSING,
            CODES.ERROR_SCHEDULER_OUT_OF_WALLTIME,
            CODES.ERROR_SCHEDULER_NODE_FAILURE,
        ],
    )
    def go_on(self, job: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Cut off: from its checkpoint if it got further; without progress once more, unless time was what ended it."""
        reached = job.outputs.checkpoint.base.attributes.get("epoch") if "checkpoint" in job.outputs else None
        if reached is not None and (self.ctx.reached is None or reached > self.ctx.reached):
            self.ctx.inputs.checkpoint = job.outputs.checkpoint
            self.ctx.reached, self.ctx.stalled = reached, False
            self.report(f"<{job.pk}>: {job.exit_message} Goes on from its checkpoint after {reached} epochs.")
            return ProcessHandlerReport(True)
        out_of_time = (CODES.ERROR_WALL_TIME.status, CODES.ERROR_SCHEDULER_OUT_OF_WALLTIME.status)
        if self.ctx.stalled or job.exit_status in out_of_time:
            self.report(f"<{job.pk}> did not end one epoch further than its start: another job would not either.")
            return None
        self.ctx.stalled = True
        self.report(f"<{job.pk}>: {job.exit_message} It got no further than its start. Once more from there.")
        return ProcessHandlerReport(True)

    @process_handler(priority=200, exit_codes=[CODES.ERROR_CHECKPOINT_UNUSABLE])
    def start_again(self, job: orm.CalcJobNode) -> ProcessHandlerReport:
        """No generation of the checkpoint can be read: the stage from its start."""
        self._from_the_start()
        self.report(f"<{job.pk}>: {job.exit_message} The stage starts again.")
        return ProcessHandlerReport(True)

    @process_handler(priority=0)
    def end_by_name(self, job: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Whatever is left can't be cured by a rerun: the job's own exit code is the chain's."""
        if job.is_finished_ok or "on_unhandled_failure" in self.inputs:
            return None
        return self._end(not_ok(self, job, "the job"))

    def _from_the_start(self) -> None:
        self.ctx.inputs.pop("checkpoint", None)
        self.ctx.reached, self.ctx.stalled = None, False

    def _end(self, exit_code: ExitCode) -> ProcessHandlerReport:
        self.ctx.is_finished = True  # so that the last iteration too ends with this code, not as one too many
        return ProcessHandlerReport(True, exit_code)


def chain_inputs(chain: Any, label: str) -> dict[str, Any]:
    """What a chain passes on to the ``mlgun.train`` of its stage ``label``."""
    names = ("code", "options", "environment", "max_iterations")
    inputs = {name: chain.inputs[name] for name in names if name in chain.inputs}
    return inputs | {"metadata": {"call_link_label": label, "label": label}}

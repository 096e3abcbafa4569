"""``mlgun.train``: one training stage that goes on where it was cut off, and fails by name where it can't."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ExitCode, ProcessHandlerReport, process_handler
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from ..calculations.train import TrainCalculation, check_training
from ..contract.status import BY_NAME
from ..contract.training import Stage
from ..monitors import DIVERGED
from .restart import ResumingWorkChain, codes

MONITOR = {"entry_point": "mlgun.training_diverged", "minimum_poll_interval": 30}


class TrainWorkChain(ResumingWorkChain):
    """Train one stage; resume after wall time and lost nodes; retry once with a tenth of lr after divergence.

    Every decision is in ``verdi process report``.  A chain that fails returns the last checkpoint, if there is one:
    give it as ``checkpoint`` to a new chain to go on.
    """

    _process_class = TrainCalculation
    MARK, UNIT, WORK = "epoch", "epoch", "stage"
    KEPT = ("results", "checkpoint")

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Inputs and outputs of the job; the restarts in between."""
        super().define(spec)
        spec.inputs.validator = check_training
        for name in ("model", "training"):
            spec.outputs[name].required = True

    def setup(self) -> None:
        """The job's inputs as given, and the monitor of the loss unless other monitors are asked for."""
        super().setup()
        if not self.ctx.inputs.get("monitors"):
            self.ctx.inputs["monitors"] = {"loss": orm.Dict(MONITOR).store()}
        self.ctx.lr_lowered = False

    @process_handler(priority=300, exit_codes=codes("loss_diverged", "STOPPED_BY_MONITOR"))
    def lower_lr(self, job: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Diverged: once more from the stage's start with a tenth of the learning rate."""
        stopped = job.exit_status == TrainCalculation.exit_codes.STOPPED_BY_MONITOR.status
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

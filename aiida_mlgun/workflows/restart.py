"""What WorkChains share whose job can be cut off and gone on from: when to go on, when to start again, when to end."""

from __future__ import annotations

from typing import Any, ClassVar

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import BaseRestartWorkChain, CalcJob, ExitCode, ProcessHandlerReport, process_handler, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from ..contract.status import BY_NAME
from .common import define_common, job_inputs, not_ok
from .steady import SteadyMixin


def codes(*names: str) -> list[ExitCode]:
    """The exit codes of named statuses, or of AiiDA's own labels."""
    return [ExitCode(BY_NAME[name].code) if name in BY_NAME else CalcJob.exit_codes[name] for name in names]


OUT_OF_TIME = codes("wall_time", "ERROR_SCHEDULER_OUT_OF_WALLTIME")
#: A scheduler said so, or a node was lost: no fault of the job's own.
FROM_OUTSIDE = codes("terminated", "ERROR_SCHEDULER_NODE_FAILURE")
CUT_OFF = [*OUT_OF_TIME, *FROM_OUTSIDE, *codes("manifest_missing", "checksum_mismatch")]
#: Jobs in a row that may vanish without a word before they got any further: a killed node or a job that kills itself.
PATIENCE = 2


class ResumingWorkChain(SteadyMixin, BaseRestartWorkChain):
    """Goes on after wall time and lost nodes from the job's ``checkpoint``, and fails by name where it can't.

    Every decision is in ``verdi process report``.  A chain that fails returns what the last job did keep.
    """

    MARK: ClassVar[str]  #: attribute of the checkpoint that grows as the work goes on
    UNIT: ClassVar[str]  #: what it counts
    WORK: ClassVar[str]  #: what a job is
    KEPT: ClassVar[tuple[str, ...]]  #: outputs that a chain that fails hands out too

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:
        """Inputs and outputs of the job; the restarts in between."""
        super().define(spec)
        define_common(spec)
        job: Any = cls._process_class
        spec.expose_inputs(job, exclude=("code", "environment", "metadata", "remote_folder"))
        spec.expose_outputs(job)
        spec.outline(
            cls.setup,
            while_(cls.should_run_process)(cls.run_process, cls.inspect_process),
            cls.results,
        )

    def setup(self) -> None:
        """The job's inputs as given."""
        super().setup()
        inputs = dict(self.exposed_inputs(self.process_class))
        self.ctx.inputs = AttributeDict(inputs | job_inputs(self, self.node.label or self.process_class.VERB))
        given = inputs.get("checkpoint")
        # what the checkpoint that the next job starts from has behind it
        self.ctx.reached = None if given is None else given.base.attributes.get(self.MARK, None)
        self.ctx.vanished = 0  # jobs in a row that ended without a word, and no further than their start
        self.ctx.fresh = 0  # how many jobs there were when the work last started from its start

    def inspect_process(self) -> ExitCode | None:
        """Let the handlers decide; when they end the chain, leave behind what the jobs did keep."""
        exit_code = super().inspect_process()
        if exit_code is not None and exit_code.status:
            for name in self.KEPT:
                if (node := self.kept(name)) is not None:
                    self.out(name, node)
        return exit_code

    def kept(self, name: str) -> orm.Data | None:
        """The newest output ``name`` since the work last started from its start."""
        found = [job.outputs[name] for job in self.ctx.children[self.ctx.fresh :] if name in job.outputs]
        return found[-1] if found else None

    @process_handler(priority=200, exit_codes=CUT_OFF)
    def go_on(self, job: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Cut off: from its checkpoint if it got further, else once more from the same start.

        Not when time was what ended it without any progress, and not for ever when nobody says what did.
        """
        kept = job.outputs.checkpoint if "checkpoint" in job.outputs else None
        reached = None if kept is None else kept.base.attributes.get(self.MARK)
        if kept is not None and (self.ctx.reached is None or reached > self.ctx.reached):
            self.ctx.inputs.checkpoint = kept
            self.ctx.reached, self.ctx.vanished = reached, 0
            self.report(f"<{job.pk}>: {job.exit_message} Goes on from its checkpoint after {reached} {self.UNIT}s.")
            return ProcessHandlerReport(True)
        if job.exit_status not in [code.status for code in FROM_OUTSIDE]:
            self.ctx.vanished += 1
        if self.ctx.vanished > PATIENCE or job.exit_status in [code.status for code in OUT_OF_TIME]:
            said = f"<{job.pk}> did not end one {self.UNIT} further than its start: another job would not either."
            self.report(said)
            return None
        self.report(f"<{job.pk}>: {job.exit_message} It got no further than its start. Once more from there.")
        return ProcessHandlerReport(True)

    @process_handler(priority=200, exit_codes=codes("checkpoint_unusable"))
    def start_again(self, job: orm.CalcJobNode) -> ProcessHandlerReport:
        """No generation of the checkpoint can be gone on from: the whole work from its start."""
        self._from_the_start()
        self.report(f"<{job.pk}>: {job.exit_message} The {self.WORK} starts again.")
        return ProcessHandlerReport(True)

    @process_handler(priority=0)
    def end_by_name(self, job: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Whatever is left can't be cured by a rerun: the job's own exit code is the chain's."""
        if job.is_finished_ok or "on_unhandled_failure" in self.inputs:
            return None
        return self._end(not_ok(self, job, "the job"))

    def _from_the_start(self) -> None:
        self.ctx.inputs.pop("checkpoint", None)
        self.ctx.reached, self.ctx.vanished, self.ctx.fresh = None, 0, len(self.ctx.children)

    def _end(self, exit_code: ExitCode) -> ProcessHandlerReport:
        self.ctx.is_finished = True  # so that the last iteration too ends with this code, not as one too many
        return ProcessHandlerReport(True, exit_code)


def chain_inputs(chain: Any, label: str) -> dict[str, Any]:
    """What a chain passes on to the restarting chain of its part ``label``."""
    names = ("code", "options", "environment", "max_iterations", "clean_workdir")
    inputs = {name: chain.inputs[name] for name in names if name in chain.inputs}
    return inputs | {"metadata": {"call_link_label": label, "label": label}}

"""``mlgun.shoot``: a batch of shots that goes on where it was cut off, and fails by name where it can't."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ProcessHandlerReport, process_handler

from ..calculations.shoot import ShootCalculation
from .restart import ResumingWorkChain, codes

FIRST_GUESS = 16  # shots side by side of a job that was killed before it could say how many there were


class ShootWorkChain(ResumingWorkChain):
    """Fly one batch; go on after wall time and lost nodes; with half as many side by side when memory ran out.

    Every decision is in ``verdi process report``.  ``shots`` holds all finished shots, also of a chain that fails; its
    ``checkpoint``, if there is one, lets a new chain go on.
    """

    _process_class = ShootCalculation
    MARK, UNIT, WORK = "steps", "step", "batch"
    KEPT = ("results", "shots", "checkpoint")

    def kept(self, name: str) -> orm.Data | None:
        """As everywhere; of tables of shots, the newest of those with most shots, whatever has been started again."""
        if name != "shots":
            return super().kept(name)
        found = [job.outputs.shots for job in reversed(self.ctx.children) if "shots" in job.outputs]
        return max(found, key=len, default=None)

    @process_handler(priority=250, exit_codes=codes("out_of_memory", "ERROR_SCHEDULER_OUT_OF_MEMORY"))
    def fly_fewer(self, job: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """The memory ran out and the job could not help itself: half as many shots side by side."""
        width = self._width(job)
        if width == 1:
            return None
        parameters = self.ctx.inputs.parameters.get_dict()
        dynamics = {**parameters.get("dynamics", {}), "batch_size": width // 2}
        self.ctx.inputs.parameters = orm.Dict({**parameters, "dynamics": dynamics}).store()
        if "checkpoint" in job.outputs:
            self.ctx.inputs.checkpoint = job.outputs.checkpoint
            self.ctx.reached = job.outputs.checkpoint.base.attributes.get(self.MARK)
        self.report(f"<{job.pk}>: {job.exit_message} Goes on with {width // 2} shots side by side, not {width}.")
        return ProcessHandlerReport(True)

    @staticmethod
    def _width(job: orm.CalcJobNode) -> int:
        """How many shots flew side by side: as the job says, as its checkpoint says, as was asked for."""
        if "results" in job.outputs and "batch_size" in job.outputs.results["numbers"]:
            return int(job.outputs.results["numbers"]["batch_size"])
        if "checkpoint" in job.outputs:
            return int(job.outputs.checkpoint.base.attributes.get("batch_size"))
        parameters = job.inputs.parameters.get_dict()
        return int(parameters.get("dynamics", {}).get("batch_size") or min(FIRST_GUESS, parameters["n_shots"]))

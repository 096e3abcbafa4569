"""Batches of a campaign in lanes: a new one is submitted when one has ended; what failed is flown again.

Whatever the number of batches, the context holds those that run, those not yet counted, and ranges of shot numbers, so
that each step costs the same.
"""

from __future__ import annotations

from typing import Any, Final

from aiida import orm

from ..contract.status import BY_CODE, BY_NAME
from ..contract.strict import load
from ..data.shots import ShotsData
from ..science.shot_ranges import cut, joined, ranges_of, size, without
from .campaign import GunParameters
from .functions.campaign import count_shots
from .lanes import LanesWorkChain, ended_among
from .restart import chain_inputs
from .shoot import ShootWorkChain

#: Batches that are counted in one calcfunction: its inputs and the context stay small.
TOGETHER: Final = 50
#: So many batches that fail one after the other (or as many as run at once, if that is more) end the submission.
IN_A_ROW: Final = 3
#: With these a checkpoint does not help.
_AFRESH: Final = {BY_NAME[name].code for name in ("checkpoint_unusable", "checksum_mismatch")}


class FiringWorkChain(LanesWorkChain):
    """The steps between two looks: ``has_batches``, ``shoot``, ``inspect_batches``, ``count``."""

    def campaign(self) -> GunParameters:
        """The parameters."""
        return load(GunParameters, self.inputs.parameters.get_dict(), "gun")

    def set_up_lanes(self, campaign: GunParameters) -> None:
        """Nothing runs, nothing waits, nothing is lost."""
        self.ctx.at_once, self.ctx.started = campaign.jobs_at_once, 0
        self.ctx.wave, self.ctx.again, self.ctx.running, self.ctx.fresh = [], [], {}, {}
        self.ctx.lost, self.ctx.in_a_row = [], 0
        self.ctx.failed = None  # (label, PK) of the first batch that failed
        self.ctx.refused = None  # why a batch could not be submitted
        self.ctx.wrong = None  # (label, PK, number) of those that flew all their shots and failed nevertheless

    def has_batches(self) -> bool:
        """True while batches of the wave wait or run."""
        return bool(self.ctx.wave or self.ctx.again or self.ctx.running)

    def shoot(self) -> None:
        """Fill the free lanes, and wait for the next end."""
        campaign = self.campaign()
        if self.ctx.stopped_by is not None or self.out_of_time():
            self._submit_no_more()
        while (self.ctx.again or self.ctx.wave) and len(self.ctx.running) < (self.ctx.at_once or float("inf")):
            if self.ctx.again:
                batch = self.ctx.again.pop(0)
            else:
                front, self.ctx.wave = cut(self.ctx.wave, min(campaign.shots_per_job, _run(self.ctx.wave)))
                ((first, stop),) = front
                batch = {"label": f"batch_{self.ctx.started:04d}", "first": first, "n": stop - first, "attempt": 0}
                self.ctx.started += 1
            try:
                self._fire(campaign, batch)
            except ValueError as error:  # what AiiDA raises when an input is refused
                self._refuse(batch, error)
        self.to_context(**{label: orm.load_node(batch["pk"]) for label, batch in self.ctx.running.items()})

    def inspect_batches(self) -> None:
        """Take what has ended: shots that finished are kept, also those of a batch that failed otherwise."""
        running = self.ctx.running
        ended = ended_among([batch["pk"] for batch in running.values()])
        for name in [name for name, batch in running.items() if batch["pk"] in ended]:
            self.ctx.pop(name, None)
            self._take(running.pop(name))
        if len(self.ctx.fresh) >= TOGETHER:
            self.count()

    def count(self) -> None:
        """Add the tables that came in to the tally."""
        if self.ctx.fresh:
            before = {} if self.ctx.tally is None else {"before": self.ctx.tally}
            self.ctx.tally = count_shots(self.ctx.about, **before, **self.ctx.fresh)
            self.ctx.fresh = {}

    def out_of_time(self) -> bool:
        """Whether no batch may be submitted any more."""
        return False

    def _fire(self, campaign: GunParameters, batch: dict[str, Any]) -> None:
        name = batch["label"] + (f"_again_{batch['attempt']}" if batch["attempt"] else "")
        checkpoint = {"checkpoint": orm.load_node(batch["checkpoint"])} if batch.get("checkpoint") else {}
        node = self.submit(
            ShootWorkChain,
            model=self.inputs.model,
            slab_states=self.ctx.slab_states,
            molecule_states=self.ctx.molecule_states,
            parameters=orm.Dict(campaign.batch(batch["first"], batch["n"])),
            **checkpoint,
            **chain_inputs(self, name),
        )
        self.ctx.running[name] = {**batch, "pk": node.pk}

    def _refuse(self, batch: dict[str, Any], error: ValueError) -> None:
        """A batch whose inputs AiiDA refused: the others would be refused too; what runs is waited for."""
        self.ctx.refused = f"{batch['label']} was not submitted: {' '.join(str(error).split())}"
        self.ctx.stopped_by = "failures"
        self.report(self.ctx.refused)
        if batch["attempt"]:
            self.ctx.again.insert(0, batch)
        else:
            self.ctx.wave = joined([[batch["first"], batch["first"] + batch["n"]]], self.ctx.wave)
        self._submit_no_more()

    def _submit_no_more(self) -> None:
        """What waits stays in the budget; what was to be flown again is lost."""
        self.ctx.todo, self.ctx.wave = joined(self.ctx.wave, self.ctx.todo), []
        waiting, self.ctx.again = self.ctx.again, []
        for batch in waiting:
            self._settle(batch, orm.load_node(batch["pk"]), _table(batch["table"]))

    def _take(self, batch: dict[str, Any]) -> None:
        """One batch that has ended: to be counted, to be flown again, or lost."""
        node = orm.load_node(batch["pk"])
        table = _larger(_table(batch.get("table")), node.outputs.shots if "shots" in node.outputs else None)
        missing = _missing(batch, table)
        if not node.is_finished_ok:
            self.report(f"{batch['label']} <{node.pk}> {_end(node)}; {size(missing)} of its {batch['n']} shots miss")
            self.ctx.failed = self.ctx.failed or (batch["label"], node.pk)
        if missing and batch["attempt"] < self.campaign().retries and _curable(node) and self.ctx.stopped_by is None:
            kept = "checkpoint" in node.outputs and node.exit_status not in _AFRESH
            self.ctx.again.append(
                batch
                | {"attempt": batch["attempt"] + 1, "table": None if table is None else table.pk}
                | {"checkpoint": node.outputs.checkpoint.pk if kept else None}
            )
            self.report(f"{batch['label']} is flown again{' from its checkpoint' if kept else ''}")
        else:
            self._settle(batch, node, table)

    def _settle(self, batch: dict[str, Any], node: orm.ProcessNode, table: ShotsData | None) -> None:
        missing = _missing(batch, table)
        if table is not None and len(table):
            self.ctx.fresh[batch["label"]] = table
        if missing:
            self.ctx.lost.append(
                {"label": batch["label"], "pk": node.pk, "exit_status": node.exit_status, "lost": missing}
                | {"exit_message": node.exit_message or _end(node), "partly": size(missing) < batch["n"]}
            )
        elif not node.is_finished_ok:
            label, pk, n = self.ctx.wrong or (batch["label"], node.pk, 0)
            self.ctx.wrong = (label, pk, n + 1)
        self.ctx.in_a_row = self.ctx.in_a_row + 1 if missing else 0
        if self.ctx.in_a_row >= max(IN_A_ROW, self.ctx.at_once or 0) and self.ctx.stopped_by is None:
            self.ctx.stopped_by = "failures"
            self.report(f"{self.ctx.in_a_row} batches failed one after the other: no further one is submitted")


def _run(ranges: list[list[int]]) -> int:
    """Numbers in the first range: a job's shots have no gap."""
    return ranges[0][1] - ranges[0][0]


def _missing(batch: dict[str, Any], table: ShotsData | None) -> list[list[int]]:
    held = [] if table is None else ranges_of(table.base.attributes.get("shots"))
    return without([[batch["first"], batch["first"] + batch["n"]]], held)


def _table(pk: int | None) -> ShotsData | None:
    return None if pk is None else orm.load_node(pk)


def _larger(old: ShotsData | None, new: ShotsData | None) -> ShotsData | None:
    return max((table for table in (new, old) if table is not None), key=len, default=None)


def _curable(node: orm.ProcessNode) -> bool:
    """Not where the input was refused: it would be again."""
    return node.exit_status is None or node.exit_status not in BY_CODE or BY_CODE[node.exit_status].code >= 300


def _end(node: orm.ProcessNode) -> str:
    if node.is_finished:
        return f"ended with [{node.exit_status}] {node.exit_message}"
    return "was killed" if node.is_killed else "excepted"

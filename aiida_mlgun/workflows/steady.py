"""Submission of parts, in spite of a broker that is away and of workers that are killed.

AiiDA stores a part with its checkpoint and then queues its task.  If the broker can't be reached at that moment, the
exception ends the workflow, and the part stays in the database without a task.  Here the task is queued again.

A workflow whose worker is killed in the middle of a step does the step again.  Parts that it had submitted already are
taken over then; otherwise a wave of a hundred batches would be flown twice.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import aiormq
import kiwipy
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ProcessState

#: What a submission raises while RabbitMQ is away or its connection is being made again.
AWAY: Final = (
    aiormq.exceptions.ChannelInvalidStateError,
    aiormq.exceptions.AMQPError,
    kiwipy.CommunicatorClosed,
    kiwipy.TimeoutError,
)
#: s that a broker may be away.  The worker waits too: without a broker there is nothing that it could do.
PATIENCE: Final = 300.0
#: s between two attempts; so long also has a task that may have got through, to be seen in its process' state.
PAUSE: Final = 5.0
_CALLS: Final = (LinkType.CALL_CALC, LinkType.CALL_WORK)


class SteadyMixin:
    """For WorkChains, before :class:`aiida.engine.WorkChain`.  Parts need call labels that tell them apart."""

    #: No call label is used twice, so whatever has one already is the part of an interrupted step, however it ended;
    #: False: a label may be used again for a repetition, and the parts that are known stay with the checkpoint.
    LABELS_ARE_USED_ONCE: ClassVar[bool] = False

    ctx: Any
    node: orm.WorkChainNode
    report: Any
    runner: Any

    def submit(self, process: Any, inputs: dict[str, Any] | None = None, **kwargs: Any) -> orm.ProcessNode:
        """As AiiDA's, but for the two things that the module says."""
        # kept with the checkpoint: what a repeated step does not know of
        known = [] if self.LABELS_ARE_USED_ONCE else self.ctx.setdefault("submitted", [])
        part = self._left_behind(_label({**(inputs or {}), **kwargs}), known) if isinstance(process, type) else None
        if part is None:
            part = self._submit_and_queue(process, inputs, **kwargs)
        known.append(part.pk)
        return part

    def _left_behind(self, label: str | None, known: list[int]) -> orm.ProcessNode | None:
        """The part ``label`` that an interrupted run of this step has submitted."""
        if label is None:
            return None
        parts = [pair.node for pair in self.node.base.links.get_outgoing(link_type=_CALLS, link_label_filter=label)]
        if self.LABELS_ARE_USED_ONCE:
            parts = [part for part in parts if not part.is_excepted]
        else:
            parts = [part for part in parts if part.pk not in known and (part.is_finished_ok or not part.is_terminated)]
        if not parts:
            return None
        part: orm.ProcessNode = max(parts, key=lambda part: int(part.pk))
        newest = self._newest_part()
        if part.process_state in (None, ProcessState.CREATED) and newest is not None and newest.pk == part.pk:
            _give_up(part)  # nobody knows whether its task was queued; if it was, AiiDA passes over it now
            return None
        self.report(f"<{part.pk}> was submitted before a worker was lost: it is {label}.")
        return part

    def _submit_and_queue(self, process: Any, inputs: dict[str, Any] | None, **kwargs: Any) -> orm.ProcessNode:
        """Submit; while the broker is away, again and again for :data:`PATIENCE` seconds."""
        end = time.monotonic() + PATIENCE
        last = self._newest_part()
        while True:
            try:
                node: orm.ProcessNode = super().submit(process, inputs, **kwargs)  # type: ignore[misc]
                return node
            except AWAY as error:
                part = self._newest_part()
                if part is not None and (last is None or part.pk != last.pk):
                    if part.checkpoint is not None:
                        return self._queue(part, end, error)
                    _give_up(part)
                    last = part
                if time.monotonic() > end:
                    raise
            time.sleep(PAUSE)

    def _newest_part(self) -> orm.ProcessNode | None:
        query = orm.QueryBuilder()
        query.append(orm.WorkChainNode, filters={"id": self.node.pk}, tag="chain")
        kinds = {"type": {"in": [kind.value for kind in _CALLS]}}
        query.append(orm.ProcessNode, with_incoming="chain", edge_filters=kinds, tag="part")
        found: orm.ProcessNode | None = query.order_by({"part": {"id": "desc"}}).limit(1).first(flat=True)
        return found

    def _queue(self, part: orm.ProcessNode, end: float, error: Exception) -> orm.ProcessNode:
        """Queue the task of a part that is stored, unless it has got through after all."""
        while time.monotonic() < end:
            time.sleep(PAUSE)
            if part.process_state is not ProcessState.CREATED:
                return part
            try:
                self.runner.controller.continue_process(part.pk, nowait=False, no_reply=True)
            except AWAY:
                continue
            return part
        raise error


def _label(inputs: Mapping[str, Any]) -> str | None:
    label = (inputs.get("metadata") or {}).get("call_link_label")
    return None if label is None else str(label)


def _give_up(part: orm.ProcessNode) -> None:
    """A part that may never run; say so, and free its place."""
    part.set_exception("given up: its submission was interrupted before its task was queued for certain.")
    part.set_process_state(ProcessState.EXCEPTED)
    part.seal()

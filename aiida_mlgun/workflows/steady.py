"""Submission of parts while the message broker is away: waited for, instead of ending a campaign of days.

AiiDA stores a part with its checkpoint and then queues its task.  If the broker can't be reached at that moment, the
exception ends the workflow, and the part stays in the database without a task.  Here the task is queued again.
"""

from __future__ import annotations

import time
from typing import Any, Final

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


class SteadyMixin:
    """For WorkChains, before :class:`aiida.engine.WorkChain`."""

    node: orm.WorkChainNode
    runner: Any

    def submit(self, process: Any, inputs: dict[str, Any] | None = None, **kwargs: Any) -> orm.ProcessNode:
        """As AiiDA's; while the broker is away, again and again for :data:`PATIENCE` seconds."""
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
        kinds = {"type": {"in": [LinkType.CALL_CALC.value, LinkType.CALL_WORK.value]}}
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


def _give_up(part: orm.ProcessNode) -> None:
    """A part that was stored without a checkpoint can never run; say so."""
    part.set_exception("never queued: the message broker was away.")
    part.set_process_state(ProcessState.EXCEPTED)
    part.seal()

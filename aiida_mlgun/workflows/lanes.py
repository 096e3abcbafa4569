"""WorkChains that go on as soon as *one* of the processes that they wait for has ended, so that no lane stands idle."""

from __future__ import annotations

import functools
from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ProcessState, WorkChain
from aiida.engine.processes.workchains.awaitable import Awaitable


class LanesWorkChain(WorkChain):
    """Steps hand *all* running processes to ``to_context`` each time, and ask the database which of them have ended.

    AiiDA's own WorkChain waits for all.  What is overridden here is how it waits, nothing else: a step's awaitables are
    forgotten when the next step begins, so the announcement of an end may come when nobody listens; it is kept.
    """

    def _action_awaitables(self) -> None:
        heard: dict[int, bool] = self.__dict__.setdefault("_heard", {})  # listened to → whether it has ended
        for awaitable in self._awaitables:
            callback = functools.partial(self.call_soon, self._on_awaitable_finished, awaitable)
            if awaitable.pk not in heard:
                heard[awaitable.pk] = False
                self.runner.call_on_process_finish(awaitable.pk, callback)
            elif heard[awaitable.pk]:
                callback()

    def _on_awaitable_finished(self, awaitable: Awaitable) -> None:
        heard: dict[int, bool] = self.__dict__.setdefault("_heard", {})
        waited_for = next((one for one in self._awaitables if one.pk == awaitable.pk), None)
        if waited_for is None:
            heard[awaitable.pk] = True
            return
        heard.pop(awaitable.pk, None)
        super()._on_awaitable_finished(waited_for)
        if self.state == ProcessState.WAITING:
            self.resume()

    def submit_once(self, label: str, process: Any, **inputs: Any) -> orm.ProcessNode:
        """Submit under a link label that this WorkChain uses once, or take the process that has it already.

        A worker that is killed between a submission and its next checkpoint does the step again: without this, twice.
        One that was stored and never handed to the broker is ended and replaced.
        """
        query = orm.QueryBuilder().append(orm.ProcessNode, filters={"id": self.node.pk}, tag="caller")
        query.append(
            orm.ProcessNode,
            with_incoming="caller",
            edge_filters={"label": label, "type": {"in": [LinkType.CALL_CALC.value, LinkType.CALL_WORK.value]}},
        )
        for node in query.all(flat=True):
            found: orm.ProcessNode = node
            if found.process_state is not ProcessState.CREATED:
                if not (found.is_killed and found.process_status == _NEVER):
                    return found
            else:
                found.set_process_status(_NEVER)
                found.set_process_state(ProcessState.KILLED)
                found.seal()
        return self.submit(process, **inputs)


_NEVER = "stored, but never handed to the broker: its caller's worker had ended"


def ended_among(pks: list[int]) -> set[int]:
    """Those of the processes that have ended; one query, no node is loaded."""
    states = [state.value for state in (ProcessState.FINISHED, ProcessState.EXCEPTED, ProcessState.KILLED)]
    filters = {"id": {"in": pks or [-1]}, "attributes.process_state": {"in": states}}
    return set(orm.QueryBuilder().append(orm.ProcessNode, filters=filters, project="id").all(flat=True))

"""WorkChains that go on as soon as *one* of the processes that they wait for has ended, so that no lane stands idle."""

from __future__ import annotations

import functools

from aiida import orm
from aiida.engine import ProcessState, WorkChain
from aiida.engine.processes.workchains.awaitable import Awaitable

from .steady import SteadyMixin


class LanesWorkChain(SteadyMixin, WorkChain):
    """Steps hand *all* running processes to ``to_context`` each time, and ask the database which of them have ended.

    AiiDA's own WorkChain waits for all.  What is overridden here is how it waits, nothing else: a step's awaitables are
    forgotten when the next step begins, so the announcement of an end may come when nobody listens; it is kept.
    """

    LABELS_ARE_USED_ONCE = True

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


def ended_among(pks: list[int]) -> set[int]:
    """Those of the processes that have ended; one query, no node is loaded."""
    states = [state.value for state in (ProcessState.FINISHED, ProcessState.EXCEPTED, ProcessState.KILLED)]
    filters = {"id": {"in": pks or [-1]}, "attributes.process_state": {"in": states}}
    return set(orm.QueryBuilder().append(orm.ProcessNode, filters=filters, project="id").all(flat=True))

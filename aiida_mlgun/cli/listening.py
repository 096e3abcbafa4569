"""Whether the daemon's workers hear AiiDA's built-in broker.

With aiida-core 2.9 broker and workers start side by side, and a worker that reads the broker's address in the moment in
which it is being written gets an empty one.  It then lives on, says nothing, and no process ever starts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from aiida.brokers.zeromq.broker import ZeromqBroker
from aiida.manage import get_manager

from ..contract.errors import RefusedError

#: s within which workers that were just started have to be heard of; a loaded machine needs 20 to import AiiDA.
PATIENCE: Final = 40.0
#: How often a daemon is started again for it.
ATTEMPTS: Final = 4


def listeners() -> int | None:
    """How many workers of the loaded profile's daemon take tasks; None if its broker is not the built-in one."""
    broker = get_manager().get_broker()
    if not isinstance(broker, ZeromqBroker):
        return None
    return int(broker.probe_service_status().get("task_subscribers") or 0)


def make_listen(
    workers: int,
    restart: Callable[[], None],
    count: Callable[[], int | None] = listeners,
    patience: float = PATIENCE,
) -> None:
    """Wait until all workers of a daemon that was just started listen; start it again if they do not.

    :param restart: starts the daemon again.   :param count: see :func:`listeners`.
    :raises RefusedError: when they still don't after :data:`ATTEMPTS` starts.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            restart()
        end = time.monotonic() + patience
        while time.monotonic() < end:
            found = count()
            if found is None or found >= workers:
                return
            time.sleep(0.5)
    raise RefusedError(f"the daemon's {workers} workers do not hear AiiDA's broker. Try: verdi daemon restart.")

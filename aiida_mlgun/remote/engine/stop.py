"""When a run has to end before its work does: a time budget of its own, or a signal from the scheduler."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

#: What each signal means, as a name of the status table.  Slurm's ``--signal=USR1@…`` warns before the wall time.
MEANING = {signal.SIGTERM: "terminated", signal.SIGUSR1: "wall_time"}


class Stop:
    """Asked between pieces of work: ``stop()`` is None, or the status with which to end now.

    Inside ``with`` the signals of :data:`MEANING` are noted instead of acted on.

    :param max_seconds: budget counted from here; the run also ends when a piece as long as the last would exceed it.

    While ``patient`` is True only signals count: a run may do its first piece of work however long it took to start.
    """

    def __init__(self, max_seconds: float | None = None) -> None:
        self.start = self._asked = time.monotonic()
        self.max_seconds = max_seconds
        self.patient = False
        self._signal: str | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __call__(self) -> str | None:
        """The reason to end, if there is one."""
        now = time.monotonic()
        piece, self._asked = now - self._asked, now
        if self._signal is not None or self.max_seconds is None or self.patient:
            return self._signal
        return "wall_time" if now - self.start + piece > self.max_seconds else None

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return time.monotonic() - self.start

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():  # Python takes signals there only
            self._before = {number: signal.signal(number, self._note) for number in MEANING}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signal = self._signal or MEANING[signal.Signals(number)]

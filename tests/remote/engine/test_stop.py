"""Budget and signals."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from aiida_mlgun.remote.engine.stop import Stop


def test_no_budget_no_end() -> None:
    with Stop() as stop:
        assert stop() is None
        assert stop.seconds >= 0


def test_the_budget_ends_the_run_one_piece_early() -> None:
    stop = Stop(max_seconds=0.25)
    assert stop() is None
    time.sleep(0.15)
    assert stop() == "wall_time"  # 0.15 s gone, another piece like it would end at 0.30 s


def test_a_patient_one_heeds_signals_only() -> None:
    with Stop(max_seconds=0.0) as stop:
        stop.patient = True
        assert stop() is None
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop() == "terminated"
    late = Stop(max_seconds=0.0)
    late.patient = True
    assert late() is None
    late.patient = False
    assert late() == "wall_time"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, "terminated"), (signal.SIGUSR1, "wall_time")])
def test_a_signal_is_noted_and_the_handler_put_back(number: signal.Signals, status: str) -> None:
    before = signal.getsignal(number)
    with Stop() as stop:
        assert stop() is None
        os.kill(os.getpid(), number)
        assert stop() == status
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop() == status  # the first one counts
    assert signal.getsignal(number) is before


def test_outside_the_main_thread_it_only_keeps_time() -> None:
    said: list[str | None] = []

    def work() -> None:
        with Stop(max_seconds=0.0) as stop:
            said.append(stop())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert said == ["wall_time"]

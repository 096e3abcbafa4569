"""Two runs in one folder: the second waits, leaves with the first one's result, or takes over from a dead one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from aiida_mlgun.contract import files
from aiida_mlgun.remote.claim import Claim, Timing

QUICK = Timing(beat=0.05, dead=1.0, look=0.02)
#: A run of another process: claims, says so, and does nothing until it is killed or told to end.
HOLDER = """
import sys, time
from pathlib import Path
from aiida_mlgun.remote.claim import Claim, Timing
claim = Claim(Path(sys.argv[1]), Timing(beat=0.05, dead=1.0, look=0.02))
assert claim.take()
print("held", flush=True)
sys.stdin.readline()
(Path(sys.argv[1]) / "result.json").write_text("{}")
claim.release()
"""


Hold = Callable[[], subprocess.Popen[str]]


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Hold]:
    """``hold()``: a process that holds the folder."""
    with ExitStack() as stack:

        def start() -> subprocess.Popen[str]:
            words = [sys.executable, "-c", HOLDER, str(tmp_path)]
            process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout is not None and process.stdout.readline() == "held\n"
            return process

        yield start


def claims(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("claim-*"))


def test_a_claim_is_made_kept_and_taken_away(tmp_path: Path) -> None:
    claim = Claim(tmp_path, QUICK)
    assert claim.take() and claim.held
    (name,) = claims(tmp_path)
    first = json.loads((tmp_path / name).read_text())
    assert first["pid"] == os.getpid()
    assert (tmp_path / name).stat().st_size == 1 << 16  # room for the manifest
    time.sleep(0.3)
    assert json.loads((tmp_path / name).read_text())["beats"] > first["beats"]
    claim.make_room()
    assert (tmp_path / name).stat().st_size < 1 << 12
    claim.release()
    assert claims(tmp_path) == []


def test_the_second_waits_and_finds_the_result(tmp_path: Path, hold: Hold, capfd: pytest.CaptureFixture[str]) -> None:
    first = hold()
    second = Claim(tmp_path, QUICK)
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(second.take()))
    thread.start()
    time.sleep(2.5)  # longer than what makes a run count as dead: this one gives signs of life
    assert thread.is_alive() and found == []
    assert f"another run (process {first.pid} on " in capfd.readouterr().err
    first.communicate("\n", timeout=30)
    thread.join(timeout=30)
    assert found == [False]
    assert claims(tmp_path) == []


def test_a_dead_process_of_this_machine_is_known_at_once(tmp_path: Path, hold: Hold) -> None:
    first = hold()
    first.kill()
    first.wait()
    second = Claim(tmp_path, Timing(dead=3600.0))
    assert second.take()
    assert claims(tmp_path) == ["claim-000000", "claim-000001"]
    second.release()
    assert claims(tmp_path) == []


def test_a_process_of_another_machine_is_dead_when_its_count_stands(tmp_path: Path) -> None:
    told = {"where": "elsewhere", "pid": os.getpid(), "born": "1", "beats": "000000007"}
    (tmp_path / "claim-000004").write_text(json.dumps(told))
    begun = time.monotonic()
    second = Claim(tmp_path, QUICK)
    assert second.take()
    assert time.monotonic() - begun >= QUICK.dead
    assert second.number == 5
    second.release()


def test_a_jumping_clock_makes_no_run_dead(tmp_path: Path, hold: Hold) -> None:
    """The claim's file seems a day old, again and again; its count goes on, and that is what is looked at."""
    first = hold()
    second = Claim(tmp_path, QUICK)
    thread = threading.Thread(target=second.take)
    thread.start()
    for _ in range(30):
        os.utime(tmp_path / "claim-000000", (0, 0))
        time.sleep(0.1)
    assert second.number is None
    first.communicate("\n", timeout=30)
    thread.join(timeout=30)


def test_who_was_silent_too_long_has_lost(tmp_path: Path, hold: Hold) -> None:
    """A suspended process; when it wakes up it finds the folder taken, and ends without a word in it."""
    first = hold()
    os.kill(first.pid, signal.SIGSTOP)
    (tmp_path / "claim-000000").write_text((tmp_path / "claim-000000").read_text().replace('"where": "', '"where": "x'))
    second = Claim(tmp_path, QUICK)
    assert second.take()
    os.kill(first.pid, signal.SIGCONT)
    assert first.wait(timeout=30) == 1
    assert second.held and not (tmp_path / files.MANIFEST).exists()
    second.release()


def test_of_many_that_want_to_take_over_one_does(tmp_path: Path, hold: Hold) -> None:
    first = hold()
    first.kill()
    first.wait()
    heirs = [Claim(tmp_path, QUICK, lost=lambda: None) for _ in range(8)]
    threads = [threading.Thread(target=heir.take, daemon=True) for heir in heirs]
    for thread in threads:
        thread.start()
    time.sleep(3.0)
    holders = [heir for heir in heirs if heir.number is not None]
    assert len(holders) == 1
    (tmp_path / files.MANIFEST).write_text("{}")
    holders[0].release()
    for thread in threads:
        thread.join(timeout=30)
    assert [heir.number for heir in heirs] == [None] * 8

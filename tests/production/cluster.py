"""What the tests see of Slurm and of the jobs' folders, and what they do to them."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiida_mlgun.contract import files


@dataclass(frozen=True)
class Cluster:
    """The cluster as its administrator sees it."""

    services: dict[str, str]

    def slurm(self, *words: str) -> str:
        """A command of Slurm that must succeed."""
        done = self.try_slurm(*words)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    def try_slurm(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of Slurm that may fail, as when its job has just ended."""
        env = {"SLURM_CONF": self.services["SLURM_CONF"], "PATH": "/usr/bin:/bin"}
        return subprocess.run(list(words), env=env, capture_output=True, text=True, check=False)

    def jobs(self) -> dict[int, str]:
        """Number → state of the jobs in the queue; one that has ended is not in it."""
        rows = [line.split() for line in self.slurm("squeue", "--noheader", "--format=%i %T").splitlines()]
        return {int(number): state for number, state in rows}

    def record(self, number: int) -> dict[str, str]:
        """What Slurm knows of a job, ended ones included."""
        words = self.slurm("scontrol", "--oneliner", "show", "job", str(number)).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def folder(self, number: int) -> Path:
        """Where a job runs."""
        return Path(self.record(number)["WorkDir"])

    def running(self, after: int = 0, timeout: float = 180.0) -> int:
        """Wait for a job with a higher number than ``after`` to run."""
        return until(
            lambda: next((n for n, state in self.jobs().items() if n > after and state == "RUNNING"), None),
            f"no job after {after} runs",
            timeout,
        )

    def reached(self, number: int, done: int, timeout: float = 300.0) -> int:
        """Wait until a job's ``progress.json`` says that it is as far as ``done``."""
        path = self.folder(number) / files.PROGRESS
        return until(lambda: (n := progress(path)) >= done and n, f"job {number} does not reach {done}", timeout)

    def ended(self, number: int, timeout: float = 300.0) -> str:
        """Wait until a job has left the queue; Slurm's word for how it ended."""
        until(lambda: number not in self.jobs() or None, f"job {number} does not end", timeout)
        return self.record(number)["JobState"]


def progress(path: Path) -> int:
    """How far the job of a ``progress.json`` is; 0 while there is none."""
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["done"])
    except (FileNotFoundError, ValueError):
        return 0


def until(look: Callable[[], Any], what: str, timeout: float) -> Any:
    """The first true value of ``look``; fails after ``timeout`` seconds with ``what``."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.5)
    raise AssertionError(f"{what} (waited {timeout:.0f} s)")

"""One training in several processes, started by torchrun (one machine) or by Slurm's ``srun`` (one or more).

This process waits outside and reads what the first of them writes.  Each of them holds the reading end of a pipe whose
other end is here: when this process ends, however it ends, they do.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ...contract.errors import RefusedError, RunFailedError
from ...contract.manifest import write_atomically
from ...contract.strict import dump
from .checkpoints import Checkpoints, Generation
from .inprocess import Ended
from .member import EPOCHS, Plan

PLAN = "plan.json"
LOG = "distributed.log"
PATIENCE = 20.0  # seconds for processes to go when they are told to
GLANCE = 0.2  # seconds between looks
# ends that say little of themselves, the most telling first; "lost": another process of the training was gone
VAGUE = ("unexpected", "lost", "terminated")
TAIL = 4000  # characters of the log that are shown when nobody can say what happened


def train(
    argv: list[str],
    store: Checkpoints,
    generation: Generation | None,
    batch_size: int,
    work: Path,
    on_epoch: Callable[[int, str], None],
    deadline: float | None,
    processes: int,
    launcher: str,
) -> Ended:
    """Train in ``processes`` processes; ``batch_size`` is each one's.

    :raises RefusedError: fewer GPUs than processes, or an unknown launcher.
    :raises RunFailedError: as one of the processes failed; ``terminated`` when one was killed, ``unexpected`` when one
        broke.
    """
    command = command_line(work / PLAN, processes, launcher)
    there = torch.cuda.device_count()
    if launcher == "torchrun" and "--device=cuda" in argv and processes > there:
        raise RefusedError(f"processes: {processes} are asked for, and this machine shows {there} GPUs.")
    for path in (*work.glob("rank-*.json"), work / EPOCHS):
        path.unlink(missing_ok=True)
    until = None if deadline is None else time.time() + deadline - time.monotonic()
    epoch = None if generation is None else generation.marks.epoch
    options = (*argv, "--distributed", f"--launcher={launcher}")
    where = str(store.folder.resolve())
    plan = Plan(options, where, store.identity, store.name, store.seed, epoch, batch_size, until, launcher)
    write_atomically(work / PLAN, json.dumps(dump(plan), indent=1).encode())
    tell = _Follower(work / EPOCHS, on_epoch)
    with (work / LOG).open("ab") as log, _started(command, work, log, processes) as process:
        while process.poll() is None:
            tell()
            time.sleep(GLANCE)
        tell()
    return _outcome(work, process.returncode, processes)


def command_line(plan: Path, processes: int, launcher: str) -> list[str]:
    """The command that starts the processes.

    :raises RefusedError: an unknown launcher.
    """
    mine = ["-m", Plan.__module__, str(plan)]
    if launcher == "torchrun":
        run = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        return [*run, *mine]
    if launcher == "slurm":
        return ["srun", f"--ntasks={processes}", "--kill-on-bad-exit=1", sys.executable, *mine]
    raise RefusedError(f"launcher {launcher!r} is not one of torchrun, slurm.")


@contextmanager
def _started(command: list[str], work: Path, log: Any, processes: int) -> Iterator[subprocess.Popen[bytes]]:
    """The launcher, running; whatever ends this block, it and what it started are gone afterwards."""
    environment = dict(os.environ)
    # nothing in the folder where it runs may be taken for a module of Python's
    environment |= {"PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": str(max(1, torch.get_num_threads() // processes))}
    number = environment.get("SLURM_JOB_ID", "")
    if number.isdecimal():  # two jobs on one node must not meet at MACE's one port
        environment.setdefault("MASTER_PORT", str(20000 + int(number) % 20000))
    process = subprocess.Popen(command, cwd=work, env=environment, stdin=subprocess.PIPE, stdout=log, stderr=log)
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()  # the others' sign to go
        for number_of_signal in (signal.SIGTERM, signal.SIGKILL):
            if process.poll() is None:
                process.send_signal(number_of_signal)
                try:
                    process.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    continue
        process.wait()


class _Follower:
    """Tells the lines that have been added to a file since the last call."""

    def __init__(self, path: Path, on_epoch: Callable[[int, str], None]) -> None:
        self.path, self.on_epoch, self.at = path, on_epoch, 0

    def __call__(self) -> None:
        if not self.path.is_file():
            return
        with self.path.open("rb") as handle:
            handle.seek(self.at)
            for line in handle:
                if not line.endswith(b"\n"):
                    return
                self.at += len(line)
                told = json.loads(line)
                self.on_epoch(int(told["epoch"]), str(told["line"]))


def _outcome(work: Path, code: int, processes: int) -> Ended:
    """How it ended, from what each process left: the one that can say most is believed."""
    ends = [_end(work, rank) for rank in range(processes)]
    seconds, writing = list(ends[0].get("seconds", [])), float(ends[0].get("writing", 0.0))
    failed = [(rank, end["status"], end["detail"]) for rank, end in enumerate(ends) if end["status"] != "ok"]
    failed.sort(key=lambda item: VAGUE.index(item[1]) if item[1] in VAGUE else -1)
    if not failed and code == 0:
        return Ended(None, seconds, writing)
    rank, status, detail = failed[0] if failed else (0, "unexpected", f"the launcher ended with code {code}.")
    if status == "out_of_memory":
        return Ended(detail, seconds, writing)
    if status == "input_refused":
        raise RefusedError(detail)
    if status not in VAGUE:
        raise RunFailedError(status, detail)
    print((work / LOG).read_text(errors="replace")[-TAIL:], file=sys.stderr)
    if status == "unexpected":
        raise RunFailedError(status, f"training process {rank} of {processes}: {detail}")
    cut = [str(number) for number, kind, _ in failed if kind == "terminated"]
    raise RunFailedError(
        "terminated",
        f"training process {' or '.join(cut) or rank} of {processes} was killed from outside (for its memory, or with "
        "its node).",
    )


def _end(work: Path, rank: int) -> dict[str, Any]:
    path = work / f"rank-{rank}.json"
    if not path.is_file():
        return {"status": "unexpected", "detail": "it did not begin."}
    end: dict[str, Any] = json.loads(path.read_text())
    return end

"""Two processes on one CPU that train one model, and what happens when one of them dies."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from aiida_mlgun.contract.errors import RefusedError, RunFailedError
from aiida_mlgun.contract.manifest import sha256_file
from aiida_mlgun.remote.mace.checkpoints import Checkpoints
from aiida_mlgun.remote.mace.distributed import command_line
from aiida_mlgun.remote.mace.running import Ran, run_stage
from aiida_mlgun.remote.mace.trust import open_pickle
from aiida_mlgun.science.frames import Frames

from .small import options, wanted, write_sets

# what srun does with --ntasks on one node: so many processes, each told its number, stdin for all of them
SRUN = """#!{python}
import os, subprocess, sys
count = int(sys.argv[1].removeprefix("--ntasks="))
command = [word for word in sys.argv[1:] if not word.startswith("--")]
shared = {{"SLURM_JOB_NODELIST": "localhost", "SLURM_NTASKS": str(count)}}
tasks = [
    subprocess.Popen(command, env=os.environ | shared | {{"SLURM_LOCALID": str(i), "SLURM_PROCID": str(i)}})
    for i in range(count)
]
sys.exit(max(task.wait() for task in tasks))
"""


def members() -> list[psutil.Process]:
    """The training processes below this one, however deep."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            line = process.cmdline()
        except psutil.NoSuchProcess:
            continue
        if "aiida_mlgun.remote.mace.member" in line and "torch.distributed.run" not in line and "srun" not in line[1]:
            found.append(process)
    return found


def gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=10)
    return not alive


@pytest.fixture
def work(tmp_path: Path, make_frames: Callable[..., Frames]) -> Path:
    return write_sets(tmp_path / "mace", make_frames)


def train(work: Path, on_epoch: Callable[[int, str], None], **how: Any) -> Ran:
    epochs = how.pop("epochs", 3)
    stage = wanted(epochs=epochs, batch_size=2)
    return run_stage(options(work, stage), stage, work, work.parent / "checkpoint", on_epoch, None, **how)


@pytest.mark.parametrize("launcher", ["torchrun", "slurm"])
def test_two_processes_train_one_model_and_one_process_goes_on(
    work: Path, launcher: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    srun = work.parent / "bin" / "srun"
    srun.parent.mkdir()
    srun.write_text(SRUN.format(python=sys.executable))
    srun.chmod(0o755)
    monkeypatch.setenv("PATH", f"{srun.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", str(os.getpid()))
    told: list[int] = []
    ran = train(work, lambda epoch, line: told.append(epoch), processes=2, launcher=launcher)
    assert (ran.batch_size, ran.effective_batch, ran.resumed_from, ran.attempts) == (2, 4, None, ())
    assert ran.seconds_per_epoch is not None and ran.seconds_per_epoch > 0
    assert told == [0, 1, 2]
    first = work / "stage.model"
    weights = dict(open_pickle(first, sha256_file(first)).state_dict())
    assert all(torch.isfinite(value).all() for value in weights.values() if value.is_floating_point())
    store = Checkpoints(work.parent / "checkpoint", {})
    assert all(torch.equal(value, weights[key]) for key, value in store.tensors("best-000002.pt").items())
    assert members() == []
    again = train(work, lambda epoch, line: told.append(epoch), epochs=4, resume=True)
    assert again.resumed_from is not None and told[-1] == 3


def test_a_process_that_is_killed_ends_the_training_by_name(work: Path) -> None:
    seen: list[psutil.Process] = []

    def kill(epoch: int, line: str) -> None:
        if not seen:
            seen.extend(members())
            seen[-1].send_signal(signal.SIGKILL)

    start = time.monotonic()
    with pytest.raises(
        RunFailedError, match=r"training process . of 2 was killed|training process . or . of 2"
    ) as caught:
        train(work, kill, processes=2, epochs=2000)
    assert caught.value.status == "terminated"
    assert time.monotonic() - start < 90
    assert len(seen) == 2 and gone(seen)


def test_a_signal_to_this_process_ends_the_others(work: Path) -> None:
    seen: list[psutil.Process] = []

    def stop(epoch: int, line: str) -> None:
        seen.extend(members())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(work, stop, processes=2, epochs=2000)
    assert len(seen) == 2 and gone(seen)


def test_a_named_failure_of_a_process_is_the_training_s(work: Path, make_frames: Callable[..., Frames]) -> None:
    write_sets(work, make_frames, train=1)
    with pytest.raises(RefusedError, match="fewer frames than one batch of 2 in each process"):
        train(work, lambda epoch, line: None, processes=2)


def test_the_commands_are_the_launchers() -> None:
    plan = Path("/job/plan.json")
    assert command_line(plan, 4, "torchrun")[1:] == [
        *("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=4"),
        *("-m", "aiida_mlgun.remote.mace.member", "/job/plan.json"),
    ]
    assert command_line(plan, 8, "slurm")[:3] == ["srun", "--ntasks=8", "--kill-on-bad-exit=1"]
    with pytest.raises(RefusedError, match="launcher 'mpirun' is not one of torchrun, slurm"):
        command_line(plan, 2, "mpirun")


def test_more_processes_than_gpus_are_refused(work: Path) -> None:
    stage = wanted()
    there = torch.cuda.device_count()
    with pytest.raises(RefusedError, match=f"{there + 2} are asked for, and this machine shows {there} GPUs"):
        run_stage(
            lambda size: ["--name=stage", "--device=cuda"],
            stage,
            work,
            work.parent / "checkpoint",
            lambda epoch, line: None,
            None,
            processes=there + 2,
        )

"""A process that is killed without warning, again and again, loses nothing that it had put on the disk."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from aiida_mlgun.contract import files
from aiida_mlgun.contract.jobs import to_json
from aiida_mlgun.contract.shooting import Dynamics, Output
from aiida_mlgun.remote.mace import save_model

from .shots import shots_of, small_job, write_starts

MLGUN = Path(sys.executable).parent / "mlgun"
KILLS = 10
JOB = small_job(
    n_shots=7,
    dynamics=Dynamics(max_steps=62, check_every=4, batch_size=3, threads=1, skin=0.1, evaluator="torch"),
    output=Output(trajectories=("*",), frame_every_fs=4.0),
    checkpoint_every_s=1e-9,  # at each segment's edge, so that many kills fall into the writing
)


def shoot(folder: str) -> None:
    """What the console script does, in a process whose imports are ready."""
    from aiida_mlgun.remote.main import main

    log = os.open(Path(folder) / files.STDERR, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.exit(main(["shoot", str(Path(folder) / files.JOB)]))


def prepare(folder: Path, model: torch.nn.Module) -> Path:
    folder.mkdir()
    write_starts(folder)
    save_model(model, folder / files.MODEL)
    (folder / files.JOB).write_text(to_json(JOB))
    return folder


def written(folder: Path) -> set[str]:
    checkpoint = folder / files.CHECKPOINT
    return {path.name for path in checkpoint.glob("*")} if checkpoint.is_dir() else set()


def test_ten_kills_leave_no_trace(tmp_path: Path, small_mace: Callable[[str], torch.nn.Module]) -> None:
    """Killed at random moments of start, flight and writing; the table is that of the run that nobody disturbed."""
    model = small_mace("float64")
    whole, killed = prepare(tmp_path / "whole", model), prepare(tmp_path / "killed", model)
    subprocess.run([str(MLGUN), "shoot", str(whole / files.JOB)], check=True, timeout=600, capture_output=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["aiida_mlgun.remote.shoot"])
    random.seed(5)
    kills = further = 0
    while kills < KILLS:
        before = written(killed)
        process = context.Process(target=shoot, args=(str(killed),))
        process.start()
        assert process.pid is not None
        begun = time.monotonic()
        while written(killed) == before and process.is_alive() and time.monotonic() - begun < 300:
            time.sleep(0.002)
        time.sleep(random.expovariate(1 / 0.1) if kills else 0.0)
        assert process.is_alive(), "the job was over before it could be killed: make it longer"
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        kills += 1
        further += written(killed) != before
        assert not (killed / files.MANIFEST).exists()
    assert further >= KILLS / 2
    done = subprocess.run([str(MLGUN), "shoot", str(killed / files.JOB)], timeout=600, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads((killed / files.MANIFEST).read_text())
    assert told["status"] == "ok" and told["numbers"]["resumed"]["steps"] > 0
    assert told["numbers"]["resumed"]["changed"] == []
    for name in (files.SHOTS, files.TRAJECTORIES):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    np.testing.assert_array_equal(shots_of(killed)["shot"], range(7))
    assert not (killed / files.CHECKPOINT).exists()

"""The verb ``probe``: what this machine is, and how fast it evaluates the shipped compact model."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any, Final

import ase.io
import torch
from ase import Atoms

from ..assets import COMPACT_MODEL, shipped_models, slab
from ..contract import files
from ..contract.probing import ProbeJob
from ..science.frames import from_atoms
from .device import choose, processor, set_threads, versions
from .io import write_json
from .mace import load_model, predict
from .result import RunResult

#: What the scheduler told the job about its place; names of environment variables.
SCHEDULER: Final = ("SLURM_JOB_PARTITION", "SLURM_JOB_ACCOUNT", "SLURM_GPUS_ON_NODE", "CUDA_VISIBLE_DEVICES")
WARM_UP: Final = 3


def run(job: ProbeJob, folder: Path) -> RunResult:
    """Look, measure, write ``machine.json``."""
    set_threads(job.threads)
    device = choose(job.device)
    speed = _speed(job, device)
    told = {
        "hostname": platform.node(),
        "system": platform.platform(),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
        "device": device,
        "gpus": _gpus(),
        "driver": _driver(),
        "scheduler": {name: os.environ[name] for name in SCHEDULER if name in os.environ},
        "versions": versions(),
        "speed": speed,
    }
    write_json(folder / files.MACHINE, told)
    return RunResult((files.MACHINE,), {"atom_evaluations_per_second": speed["atom_evaluations_per_second"]})


def _speed(job: ProbeJob, device: str) -> dict[str, Any]:
    """Evaluations of energy and forces, neighbour lists included, per atom and second of wall time."""
    atoms = ase.io.read(slab())
    assert isinstance(atoms, Atoms)
    frames = from_atoms([atoms.repeat((job.repeat, job.repeat, 1))])
    model = load_model(shipped_models()[COMPACT_MODEL], device, job.precision)
    for _ in range(WARM_UP):
        predict(model, frames, 1, device)
    n, begin = 0, time.perf_counter()
    while (passed := time.perf_counter() - begin) < job.seconds:
        predict(model, frames, 1, device)  # the results come back to the host, so nothing is left in a queue
        n += 1
    n_atoms = len(frames.numbers)
    return {
        "model": COMPACT_MODEL,
        "precision": job.precision,
        "atoms": n_atoms,
        "evaluations": n,
        "seconds": passed,
        "atom_evaluations_per_second": n * n_atoms / passed,
    }


def _gpus() -> list[dict[str, Any]]:
    """Name and memory (GiB) of the GPUs that torch sees."""
    found = []
    for i in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        properties = torch.cuda.get_device_properties(i)
        found.append({"name": properties.name, "memory_gib": round(properties.total_memory / 2**30, 1)})
    return found


def _driver() -> str | None:
    """The version of NVIDIA's driver; None without one."""
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.split()
    return lines[0] if done.returncode == 0 and lines else None

"""The verb ``shoot``: start states and a model → a batch of shots, each flown until it is decided."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.data import atomic_masses

from ..contract import files
from ..contract.generations import ShootGeneration
from ..contract.jobs import ShootJob
from ..contract.status import OK
from ..science.aim import Shot
from ..science.starts import place_all
from .device import choose, machine, set_threads, versions
from .engine.checkpoint import Checkpoints
from .engine.evaluator import Evaluator
from .engine.evaluators import make_evaluator
from .engine.integrator import inertia
from .engine.stop import Stop
from .engine.width import CPU_WIDTHS, DeviceMemory, Width, find_width
from .io import write_arrays
from .mace import load_model
from .result import RunResult
from .shot_books import Books
from .shot_crew import Crew
from .shot_progress import ShotProgress
from .shot_result import summary, verdict
from .shot_starts import identify, model_folders, read_starts

_PROBES = 2  # start geometries on which an evaluator is compared with the reference


def run(job: ShootJob, folder: Path) -> RunResult:
    """Fly the job's shots; what is finished when the time budget or a signal ends the run is kept.

    A usable checkpoint of this job in ``checkpoint/`` is always gone on from, so that a job that the scheduler began
    anew finds its own; ``job.resume`` demands one.

    :raises RefusedError: start states that lack something, a start that cannot give a shot, another job's checkpoint.
    :raises RunFailedError: ``checkpoint_unusable``.
    """
    with Stop(job.max_seconds) as stop:
        set_threads(job.dynamics.threads)
        device = choose(job.device)
        starts = read_starts(folder)
        target = starts.target
        checkpoints = Checkpoints(folder / files.CHECKPOINT, identify(job, folder))
        before, said = checkpoints.resume(job.resume)
        models = [load_model(folder / name, device, "float64") for name in model_folders(job)]
        r_max = max(float(model.get_buffer("r_max")) for model in models)
        job, shots = place_all(job, starts.slab_states, starts.molecule_states, target.slab, r_max)
        probes = np.array([shot.positions for shot in shots[:_PROBES]])
        evaluate, record = make_evaluator(models, target.numbers, target.cell, target.pbc, job.dynamics, device, probes)
        width = _width(job, evaluate, shots, torch.device(device), before)
        books = Books(target, checkpoints.shards())
        progress = ShotProgress(
            folder, job.n_shots, books, record["evaluator"], job.dynamics.max_steps, before.steps if before else 0
        )
        here = machine() | {"kernels": " ".join(record["kernels"])}
        environment = versions() | here
        crew = Crew(job, shots, r_max, books, checkpoints, progress, stop, environment)
        body = inertia(atomic_masses[target.numbers], starts.fixed(job.fixed_layers), device)
        snapshot = checkpoints.snapshot(before, device) if before else None
        status, detail, numbers = crew.fly(evaluate, body, width.rows, snapshot)
        numbers |= {
            "evaluator": record["evaluator"],
            "evaluators": record,
            "machine": here,
            "widths": list(width.table),
            "aim_height": job.aim.height,
            "resumed": _resumed(before, environment | {"evaluator": record["evaluator"]}, said),
            "seconds": stop.seconds,
            "steps_per_s": numbers["steps"] / stop.seconds,
        }
        return _conclude(job, folder, status, detail, numbers, books, checkpoints)


def _conclude(
    job: ShootJob,
    folder: Path,
    status: str,
    detail: str,
    numbers: dict[str, Any],
    books: Books,
    checkpoints: Checkpoints,
) -> RunResult:
    """Write the tables; a batch that is not whole leaves its checkpoint too."""
    table, trajectories = books.tables(checkpoints.shards())
    if status == OK:
        status, detail = verdict(job, table)
    outputs = [files.SHOTS]
    write_arrays(folder / files.SHOTS, table)
    if job.output.trajectories:
        write_arrays(folder / files.TRAJECTORIES, trajectories)
        outputs.append(files.TRAJECTORIES)
    whole = books.shots == job.n_shots
    if not whole:
        outputs += [f"{files.CHECKPOINT}/{name}" for name in checkpoints.names()]
    leftovers = (files.CHECKPOINT,) if whole else ()
    return RunResult(tuple(outputs), numbers | summary(table), status, detail, leftovers)


def _width(
    job: ShootJob, evaluate: Evaluator, shots: list[Shot], device: torch.device, before: ShootGeneration | None
) -> Width:
    """How many shots fly side by side: as asked, as in the checkpoint, or as found out now."""
    asked = job.dynamics.batch_size
    if before is not None and asked in (None, before.asked):
        return Width(before.width, ())
    if asked is not None:
        return Width(asked, ())
    first = np.array([shot.positions for shot in shots[: CPU_WIDTHS[-1]]])
    memory = DeviceMemory(device) if device.type == "cuda" else None
    return find_width(evaluate, torch.as_tensor(first, device=device), len(shots), memory)


def _resumed(before: ShootGeneration | None, now: dict[str, str], said: tuple[str, ...]) -> dict[str, Any] | None:
    """Where the run began, and whether its numbers are still those of one run: ``changed`` names what is new."""
    if before is None:
        return {"shots": 0, "steps": 0, "changed": [], "said": list(said)} if said else None
    then = before.environment | {"evaluator": before.evaluator}
    changed = sorted(name for name in {*now, *then} if now.get(name) != then.get(name))
    return {"shots": before.shots, "steps": before.steps, "changed": changed, "said": list(said)}

"""The verb ``shoot``: start states and a model → a batch of shots, each flown until it is decided."""

from __future__ import annotations

import collections
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_masses

from ..contract import files
from ..contract.errors import RefusedError
from ..contract.jobs import ShootJob
from ..science.aim import Shot, place
from ..science.aim_checks import check_geometry, check_images
from ..science.frames import Floats, Frames
from ..science.outcomes import UNDECIDED, ShotTracker
from ..science.slabs import analyse_states, fixed_mask
from .device import choose, set_threads
from .engine.evaluator import MaceEvaluator
from .engine.flight import EXPLODED, Landed, Launch
from .engine.integrator import inertia
from .engine.malloc import keep_memory
from .engine.runner import Flown, fly
from .engine.stop import Stop
from .io import Progress, read_frames, write_arrays
from .mace import load_model
from .result import RunResult
from .shot_table import Row, Target, shot_columns, trajectory_columns

#: Å; a molecule and its own lateral image stay at least this far apart (two hydrogens in contact: 2.4 Å).
IMAGE_GAP = 3.0
_DTYPE = {"float64": "float64", "mixed": "float32"}


def run(job: ShootJob, folder: Path) -> RunResult:
    """Fly the job's shots; what is finished when the time budget or a signal ends the run is kept.

    :raises RefusedError: start states that lack something, or a start that cannot give a shot.
    """
    with Stop(job.max_seconds) as stop:
        keep_memory()
        set_threads(job.dynamics.threads)
        device = choose(job.device)
        slab_states = read_states(folder / files.SLAB_STATES)
        molecule_states = read_states(folder / files.MOLECULE_STATES)
        target = find_target(slab_states, molecule_states)
        model = load_model(folder / files.MODEL, device, _DTYPE[job.dynamics.precision])
        evaluate = MaceEvaluator(model, target.numbers, target.cell, target.pbc)
        shots = aim(job, slab_states, molecule_states, target, evaluate.r_max)
        fixed = np.zeros(len(target.numbers), dtype=bool)
        fixed[: target.n_slab] = fixed_mask(target.slab, job.fixed_layers)
        progress = Progress(folder, job.n_shots, "shots")
        trackers: dict[int, ShotTracker] = {}
        rows: list[Row] = []

        def launch(shot: Shot) -> Launch:
            trackers[shot.index] = track(job, shot, target)
            return Launch(shot.index, shot.positions, shot.velocities, trackers[shot.index])

        def land(landed: Landed) -> None:
            row = Row.of(shots[landed.shot - job.first_shot], landed, trackers.pop(landed.shot))
            rows.append(row if _is_kept(row.verdict.mode, job.keep_trajectories) else row.without_frames())

        def report(landed: int, steps: int) -> None:
            rate = max(steps, 1) / max(stop.seconds, 1e-9)
            mean = sum(row.landed.n_steps for row in rows) / len(rows) if rows else float(job.dynamics.max_steps)
            left = max(job.n_shots * mean - steps, 0.0) / rate
            line = f"{landed}/{job.n_shots} shots, {steps} steps, {rate:.0f} steps/s, {left:.0f} s to go"
            progress.report(landed, line, steps=float(steps), steps_per_s=rate, eta_s=left)

        flown = fly(
            map(launch, shots),
            evaluate,
            inertia(atomic_masses[target.numbers], fixed, evaluate.device),
            job.dynamics,
            land=land,
            stop=stop,
            report=report,
            keep_frames=bool(job.keep_trajectories),
        )
        rows.sort(key=lambda row: row.shot.index)
        outputs = [files.SHOTS]
        write_arrays(folder / files.SHOTS, shot_columns(rows, target))
        if job.keep_trajectories:
            kept = [row for row in rows if len(row.landed.frames)]
            write_arrays(folder / files.TRAJECTORIES, trajectory_columns(kept, target))
            outputs.append(files.TRAJECTORIES)
        return _result(job, flown, rows, tuple(outputs), stop.seconds)


def read_states(path: Path) -> Frames:
    """Start states: snapshots of the same atoms in the same cell, with velocities.

    :raises RefusedError: naming the file and what is wrong with it.
    """
    states = read_frames(path)
    if not len(states) or states.velocities is None or not np.isfinite(states.velocities).all():
        raise RefusedError(f"{path.name}: start states need velocities; equilibrate them first.")
    if not np.isfinite(states.positions).all():
        raise RefusedError(f"{path.name}: some positions are not finite numbers.")
    numbers = states.numbers[states.part(0)]
    for i in range(1, len(states)):
        same = np.array_equal(states.numbers[states.part(i)], numbers) and np.array_equal(states.pbc[i], states.pbc[0])
        if not (same and np.allclose(states.cell[i], states.cell[0], atol=1e-8)):
            raise RefusedError(f"{path.name}: state {i} has other atoms, cell or periodicity than state 0.")
    return states


def find_target(slab_states: Frames, molecule_states: Frames) -> Target:
    """What all shots share; layers and dimers from the mean of the slab's states, in which heat has averaged out."""
    atoms = slab_states.part(0)
    numbers, cell, pbc = slab_states.numbers[atoms], slab_states.cell[0], slab_states.pbc[0]
    both = np.concatenate([numbers, molecule_states.numbers[molecule_states.part(0)]])
    return Target(both, cell, pbc, analyse_states(slab_states))


def aim(job: ShootJob, slab_states: Frames, molecule_states: Frames, target: Target, r_max: float) -> list[Shot]:
    """All shots of the job at their starts, checked before the first step is spent.

    :param r_max: Å, the model's cutoff: nearer than this to the slab's next image along z, a molecule would feel it.
    """
    cell, pbc = target.cell, target.pbc
    shapes: Floats = molecule_states.positions.reshape(len(molecule_states), -1, 3)
    for shape in shapes:
        check_images(shape, cell, pbc, IMAGE_GAP)
    shots = []
    for index in range(job.first_shot, job.first_shot + job.n_shots):
        shot = place(job.aim, job.velocity, job.seed, index, slab_states, molecule_states, target.slab)
        try:
            check_geometry(target.numbers, shot.positions, shot.velocities, cell, pbc, target.slab, min_gap=r_max)
        except RefusedError as error:
            raise RefusedError(f"shot {index}: {error}", status=error.status) from error
        shots.append(shot)
    return shots


def track(job: ShootJob, shot: Shot, target: Target) -> ShotTracker:
    """Who watches ``shot``."""
    slab, cell, pbc = target.slab, target.cell, target.pbc
    numbers, chemistry, decision = target.numbers, job.chemistry, job.decision
    return ShotTracker(slab, numbers, target.n_slab, cell, pbc, chemistry, decision, shot.positions)


def _is_kept(outcome: str, wanted: tuple[str, ...]) -> bool:
    """Whether ``wanted`` names the outcome in full, without its group (``on_top`` for ``on_top CC``), or by ``*``."""
    return bool({"*", outcome, outcome.partition(" ")[0]} & set(wanted))


def _result(job: ShootJob, flown: Flown, rows: list[Row], outputs: tuple[str, ...], seconds: float) -> RunResult:
    """Counts, energy conservation and cost; the status says what a user has to know first."""
    counts = collections.Counter(row.verdict.mode for row in rows)
    whole = [row.landed for row in rows if row.landed.ended != EXPLODED and np.isfinite(row.landed.drift)]
    drift = float(np.median([abs(landed.drift) for landed in whole])) if whole else None
    undecided = counts[UNDECIDED] / len(rows) if rows else 0.0
    numbers: dict[str, Any] = {
        "shots": len(rows),
        "outcomes": dict(sorted(counts.items())),
        "undecided": undecided,
        "drift_median": drift,
        "drift_max": max((abs(landed.drift) for landed in whole), default=None),
        "energy_max_dev": max((landed.energy_max_dev for landed in whole), default=None),
        "steps": flown.steps,
        "seconds": seconds,
        "steps_per_s": flown.steps / max(seconds, 1e-9),
        "batch_size": flown.width,
    }
    limit = job.decision
    status, detail = "ok", ""
    if flown.stopped is not None:
        status = flown.stopped
        detail = f"{len(rows)} of {job.n_shots} shots were finished after {seconds:.0f} s."
    elif drift is not None and drift > limit.max_drift:
        worst = sorted(whole, key=lambda landed: -abs(landed.drift))[:5]
        names = ", ".join(str(landed.shot) for landed in worst)
        status = "energy_drift"
        detail = f"the median shot drifts by {drift:.2g} meV/atom/ps, {limit.max_drift:g} is allowed; worst: {names}."
    elif undecided > limit.max_unresolved:
        status = "shots_unresolved"
        detail = f"{counts[UNDECIDED]} of {len(rows)} shots, a share of {limit.max_unresolved:g} is allowed."
    return RunResult(outputs, numbers, status, detail)

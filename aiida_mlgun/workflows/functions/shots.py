"""Calcfunctions over ensembles of shots."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction
from ase import Atoms

from ...contract.errors import RefusedError
from ...contract.shooting import Chemistry
from ...contract.strict import dump, load
from ...data.frames import FramesData
from ...data.shots import ShotsData
from ...science.frames import from_atoms
from ...science.outcomes.catalogue import outcome_names, productive_names
from ...science.shot_arrays import final_frame, row_of, trajectory
from ...science.statistics import outcome_table, sticking
from .versioned import versioned


@versioned
@calcfunction
def summarise(parameters: orm.Dict, **batches: ShotsData) -> orm.Dict:
    """Counts, shares with simultaneous 95 % intervals, sticking probability, drift, of all batches together."""
    chemistry = load(Chemistry, parameters["chemistry"], "chemistry")
    arrays = [batches[name].arrays() for name in sorted(batches)]
    shots = np.concatenate([a["shot"] for a in arrays])
    if len(set(shots.tolist())) != len(shots):
        raise RefusedError("two batches hold the same shot: each shot may count once.")
    outcomes = [str(o) for a in arrays for o in a["outcome"]]
    drift = np.abs(np.concatenate([a["drift"] for a in arrays]))
    drift = drift[np.isfinite(drift)]  # a shot that was over at the first look has none
    table = outcome_table(outcomes, outcome_names(chemistry))
    bound = sum(o in productive_names(chemistry) for o in outcomes)
    p, low, high = sticking(bound, len(outcomes))
    return orm.Dict(
        {
            "n_shots": len(outcomes),
            "n_asked": int(parameters["n_shots"]),
            "table": dump(tuple(table)),
            "n_bound": bound,
            "sticking": {"p": p, "low": low, "high": high},
            "undecided": sum(o == "undecided" for o in outcomes),
            "median_abs_drift": float(np.median(drift)) if len(drift) else None,
            "max_abs_drift": float(drift.max()) if len(drift) else None,
        }
    )


@versioned
@calcfunction
def extract_shot(shots: ShotsData, shot: orm.Int) -> FramesData:
    """One shot as frames: its kept path (to 0.001 Å) if there is one, else its last frame, exact and with velocities.

    Tags: ``run`` is the shot's number, ``stratum`` its outcome, ``step`` the time in fs.

    :raises RefusedError: when the batch does not hold that shot, or kept no frame of it.
    """
    arrays = shots.arrays()
    row = row_of(arrays, shot.value)
    images, times = frames_of(shots, arrays, row)
    tags = {"run": str(shot.value), "stratum": str(arrays["outcome"][row])}
    columns = {name: [value] * len(images) for name, value in tags.items()} | {"step": [f"{t:.1f}" for t in times]}
    return FramesData(from_atoms(images, columns), {"shots": shots.uuid, "shot": shot.value})


def frames_of(shots: ShotsData, arrays: dict[str, Any], row: int) -> tuple[list[Atoms], list[float]]:
    """The frames (Å, velocities Å/fs with a final frame alone) and times (fs) of the shot in ``row``.

    :raises RefusedError: when no frame of it was kept, saying how to get one.
    """

    def image(positions: Any) -> Atoms:
        return Atoms(arrays["numbers"], positions, cell=arrays["cell"], pbc=arrays["pbc"])

    number, outcome = int(arrays["shot"][row]), str(arrays["outcome"][row])
    path, last = trajectory(shots.trajectories(), number), final_frame(arrays, row)
    if path is not None:
        return [image(positions) for positions in path[1]], path[0].tolist()
    if last is None:
        raise RefusedError(
            f"no frame of shot {number} ({outcome}) was kept. Its seed replays it: shoot again with the same campaign "
            f"seed and start states, first_shot {number}, n_shots 1 and output.final_frames: ['*']."
        )
    end = image(last[0])
    end.arrays["velocities_A_fs"] = last[1]
    return [end], [float(arrays["end_fs"][row])]

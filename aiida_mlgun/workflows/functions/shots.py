"""Calcfunctions over single shots."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import calcfunction
from ase import Atoms

from ...contract.errors import RefusedError
from ...data.frames import FramesData
from ...data.shots import ShotsData
from ...science.frames import from_atoms
from ...science.shot_arrays import final_frame, row_of, trajectory
from .versioned import versioned


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

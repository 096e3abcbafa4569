"""What stands in ``shots.npz`` and ``trajectories.npz``, and how it is read.  Units: Å, fs, Å/fs.

``shots.npz`` has one row per shot in every array of :data:`PER_SHOT`.  What a shot may have many or none of lies end to
end, cut by offsets (n_shots + 1,): events; ``positions`` and ``velocities`` (kept shots, n_atoms, 3), the final frames;
``path``, the bytes of the reactive groups' paths.  ``trajectories.npz`` has one row per shot whose path of all atoms
was kept: ``shot``, ``time_fs`` cut by ``offsets``, and ``code``, the bytes of its positions, cut by ``code_offsets``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import RefusedError
from .trajectory_codec import RESOLUTION, Bytes, Floats, decode, encode, length, quantise, restored

Arrays = Mapping[str, NDArray[Any]]

#: Columns of ``shots.npz`` with one entry per shot.
PER_SHOT: Final = (
    "shot",
    "seed",
    "slab_state",
    "molecule_state",
    "xy",
    "quaternion",
    "impulse",
    "kinetic_energy_in",
    "outcome",
    "group",
    "site",
    "reason",
    "ended",
    "contact_fs",
    "bond_fs",
    "end_fs",
    "n_steps",
    "energy_start",
    "energy_end",
    "drift",
    "energy_max_dev",
    "temperature_max",
    "min_height",
    "force_spread_max",
)
#: Offsets → the arrays that they cut; the last two belong to ``trajectories.npz``, as ``shot`` does to both.
RAGGED: Final[Mapping[str, tuple[str, ...]]] = {
    "final_offsets": ("positions", "velocities"),
    "path_offsets": ("path",),
    "event_offsets": ("event_time", "event_text"),
    "offsets": ("time_fs",),
    "code_offsets": ("code",),
}
#: What all shots of a campaign have in common.
SHARED: Final = ("numbers", "cell", "pbc", "n_slab", "layer", "dimers", "surface_z")


@dataclass(frozen=True)
class Path:
    """The centres of the reactive groups of one shot.

    :param time_fs: (k,), fs.
    :param points: (k, n_groups, 3), Å: x, y (not folded into the cell) and height above the surface plane.
    """

    time_fs: Floats
    points: Floats


def row_of(arrays: Arrays, shot: int) -> int:
    """The row in which the shot with this number stands.

    :raises RefusedError: when it is not among them, saying which are.
    """
    held = arrays["shot"]
    rows = np.flatnonzero(held == shot)
    if not len(rows):
        which = f"{held.min()} to {held.max()}" if len(held) else "none"
        raise RefusedError(f"shot {shot} is not in this batch, which holds {which}.")
    return int(rows[0])


def final_frame(arrays: Arrays, row: int) -> tuple[Floats, Floats] | None:
    """Last positions (n_atoms, 3), Å, and velocities, Å/fs, of the shot in ``row``; None if they were not kept."""
    first, stop = arrays["final_offsets"][row : row + 2]
    if first == stop:
        return None
    return np.asarray(arrays["positions"][first], dtype=float), np.asarray(arrays["velocities"][first], dtype=float)


def trajectory(kept: Arrays, shot: int) -> tuple[Floats, Floats] | None:
    """Times (k,), fs, and positions (k, n_atoms, 3), Å, to 0.001 Å; None if the path of this shot was not kept.

    :param kept: arrays of ``trajectories.npz``; empty if nothing was kept.
    """
    rows = np.flatnonzero(kept["shot"] == shot).tolist() if kept else []
    if not rows:
        return None
    first, stop = kept["offsets"][rows[0] : rows[0] + 2]
    start, end = kept["code_offsets"][rows[0] : rows[0] + 2]
    return np.asarray(kept["time_fs"][first:stop], dtype=float), _points(restored(decode(kept["code"][start:end])))


def encode_path(path: Path) -> Bytes:
    """A path as bytes: times to 0.001 fs, points to 0.001 Å."""
    times = np.rint(path.time_fs / RESOLUTION).astype(np.int64)
    points = quantise(path.points).astype(np.int64)
    return encode(np.concatenate([times[:, None], points.reshape(len(times), 3 * points.shape[1])], axis=1))


def decode_path(code: Bytes) -> Path:
    """What :func:`encode_path` was given, rounded.

    :raises RefusedError: when the bytes are damaged.
    """
    table = restored(decode(code))
    return Path(table[:, 0], _points(table[:, 1:]))


def paths(arrays: Arrays) -> Iterator[Path]:
    """The path of each shot in turn, decoded one by one: those of a large campaign do not fit the memory together."""
    offsets = arrays["path_offsets"].tolist()
    return (decode_path(arrays["path"][first:stop]) for first, stop in pairwise(offsets))


def count_points(arrays: Arrays) -> int:
    """Points of all paths together, per group; no path is decoded."""
    return sum(length(arrays["path"][first:]) for first in arrays["path_offsets"][:-1].tolist())


def _points(table: Floats) -> Floats:
    """(k, 3 m) → (k, m, 3), also for k = 0."""
    return table.reshape(len(table), table.shape[1] // 3, 3)

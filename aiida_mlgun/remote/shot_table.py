"""The columns of ``shots.npz`` and ``trajectories.npz``: one row per finished shot.  Units: Å, fs, Å/fs, eV, K."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.data import atomic_masses
from numpy.typing import NDArray

from ..contract.shooting import Output
from ..science.aim import Shot, centre_of_mass
from ..science.frames import Floats, Ints
from ..science.outcomes import Verdict
from ..science.shot_arrays import PER_SHOT, RAGGED, SHARED, Path, encode_path
from ..science.slabs import Slab
from ..science.trajectory_codec import Bytes, encode
from ..science.units import KINETIC
from .engine.flight import Landed
from .recorder import Recorder

__all__ = ["PER_SHOT", "RAGGED", "SHARED", "Row", "Target", "is_named", "shot_columns", "trajectory_columns"]

Arrays = dict[str, NDArray[Any]]
_SLACK = 1e-6  # fs; sums of time steps end in odd digits


@dataclass(frozen=True)
class Row:
    """One finished shot: how it started, how it flew, how it is called, what its tracker saw, what is kept of it.

    :param path: of the reactive groups, as bytes (:func:`~aiida_mlgun.science.shot_arrays.encode_path`).
    :param has_final: whether the last positions and velocities are kept.
    :param frame_times: (k,), fs, and ``frames``, the positions at these times as bytes: the kept trajectory, or None.
    """

    shot: Shot
    landed: Landed
    verdict: Verdict
    contact_fs: float
    bond_fs: float
    min_height: float
    temperature_max: float
    events: list[tuple[float, str]]
    path: Bytes
    has_final: bool
    frame_times: Floats
    frames: Bytes | None

    @classmethod
    def of(cls, shot: Shot, landed: Landed, seen: Recorder, output: Output) -> Row:
        """What ``output`` keeps of a shot, without the tracker itself, which holds tables as large as the slab."""
        tracker = seen.tracker
        verdict = tracker.final(landed.end_fs)
        times, code = _NO_TIMES, None
        if seen.keeper is not None and is_named(verdict.mode, output.trajectories):
            times, frames = seen.keeper.frames()
            code = encode(frames)
        return cls(
            shot,
            landed,
            verdict,
            tracker.contact_fs,
            tracker.bond_fs,
            tracker.min_height,
            tracker.temperature_max,
            tracker.events,
            encode_path(thinned(tracker.path(), len(tracker.reactants.members), output.path_every_fs)),
            is_named(verdict.mode, output.final_frames),
            times,
            code,
        )


@dataclass(frozen=True)
class Target:
    """What all shots of a job share.

    :param numbers: (n_atoms,), slab first.
    :param cell: (3, 3), Å.
    :param pbc: (3,).
    """

    numbers: Ints
    cell: Floats
    pbc: NDArray[np.bool_]
    slab: Slab

    @property
    def n_slab(self) -> int:
        """Number of slab atoms."""
        return len(self.slab.layer)


def shot_columns(rows: Sequence[Row], target: Target) -> Arrays:
    """Name → array, as :mod:`~aiida_mlgun.science.shot_arrays` says.

    ``kinetic_energy_in``: eV, of the molecule's centre of mass at the start.  ``drift``: meV/atom/ps, slope of the
    least-squares line through the total energy.  ``energy_max_dev``: meV/atom, largest distance of the total energy
    from its start.  ``temperature_max``: K, the molecule's internal one.  ``force_spread_max``: eV/Å.  ``positions``,
    ``velocities``: at the end, in an exploded shot the last finite ones.
    """
    n_atoms, n = len(target.numbers), len(rows)
    paths, events = [row.path for row in rows], [row.events for row in rows]
    ends = [[row.landed] if row.has_final else [] for row in rows]

    def floats(values: list[Any], *shape: int) -> Floats:
        return np.array(values, dtype=np.float64).reshape(n, *shape)

    def integers(values: list[int]) -> Ints:
        return np.array(values, dtype=np.int64)

    return {
        "shot": integers([row.shot.index for row in rows]),
        "seed": integers([row.shot.seed for row in rows]),
        "slab_state": integers([row.shot.slab_state for row in rows]),
        "molecule_state": integers([row.shot.molecule_state for row in rows]),
        "xy": floats([row.shot.xy for row in rows], 2),
        "quaternion": floats([row.shot.quaternion for row in rows], 4),
        "impulse": floats([row.shot.impulse for row in rows], 3),
        "kinetic_energy_in": floats([_kinetic_energy_in(row.shot, target) for row in rows]),
        "outcome": _strings([row.verdict.mode for row in rows]),
        "group": _strings([row.verdict.group for row in rows]),
        "site": _strings([row.verdict.site for row in rows]),
        "reason": _strings([row.verdict.reason for row in rows]),
        "ended": _strings([row.landed.ended for row in rows]),
        "contact_fs": floats([row.contact_fs for row in rows]),
        "bond_fs": floats([row.bond_fs for row in rows]),
        "end_fs": floats([row.landed.end_fs for row in rows]),
        "n_steps": integers([row.landed.n_steps for row in rows]),
        "energy_start": floats([row.landed.energy_start for row in rows]),
        "energy_end": floats([row.landed.energy_end for row in rows]),
        "drift": floats([row.landed.drift for row in rows]),
        "energy_max_dev": floats([row.landed.energy_max_dev for row in rows]),
        "temperature_max": floats([row.temperature_max for row in rows]),
        "min_height": floats([row.min_height for row in rows]),
        "force_spread_max": floats([row.landed.force_spread_max for row in rows]),
        "final_offsets": _offsets(ends),
        "positions": np.array([one.positions for end in ends for one in end]).reshape(-1, n_atoms, 3),
        "velocities": np.array([one.velocities for end in ends for one in end]).reshape(-1, n_atoms, 3),
        "path_offsets": _offsets(paths),
        "path": np.concatenate([_NO_BYTES, *paths]),
        "event_offsets": _offsets(events),
        "event_time": np.array([time for line in events for time, _ in line], dtype=np.float64),
        "event_text": _strings([text for line in events for _, text in line]),
        "numbers": target.numbers,
        "cell": target.cell,
        "pbc": target.pbc,
        "n_slab": np.array(target.n_slab),
        "layer": target.slab.layer,
        "dimers": target.slab.dimers,
        "surface_z": np.array(target.slab.surface_z),
    }


def trajectory_columns(rows: Sequence[Row], target: Target) -> Arrays:
    """Those of ``rows`` whose path of all atoms is kept; the arrays are as in ``science.shot_arrays``."""
    kept = [(row, row.frames) for row in rows if row.frames is not None]
    times, codes = [row.frame_times for row, _ in kept], [code for _, code in kept]
    return {
        "shot": np.array([row.shot.index for row, _ in kept], dtype=np.int64),
        "offsets": _offsets(times),
        "time_fs": np.concatenate([_NO_TIMES, *times]),
        "code_offsets": _offsets(codes),
        "code": np.concatenate([_NO_BYTES, *codes]),
        "numbers": target.numbers,
        "cell": target.cell,
        "pbc": target.pbc,
    }


def is_named(outcome: str, names: Sequence[str]) -> bool:
    """Whether ``names`` hold the outcome in full, without its group (``on_top`` for ``on_top CC``), or ``*``."""
    return bool({"*", outcome, outcome.partition(" ")[0]} & set(names))


def thinned(path: Floats, n_groups: int, every_fs: float) -> Path:
    """The first look in each ``every_fs``, and the last look.

    :param path: (k, 5), as :meth:`~aiida_mlgun.science.outcomes.ShotTracker.path` gives it.
    """
    looks = path.reshape(-1, n_groups, 5)
    times = looks[:, 0, 0]
    slot = np.floor(times / every_fs + _SLACK)
    chosen = np.diff(slot, prepend=-1.0) > 0
    chosen[-1:] = True
    return Path(times[chosen], looks[chosen, :, 2:])


def _kinetic_energy_in(shot: Shot, target: Target) -> float:
    masses = atomic_masses[target.numbers[target.n_slab :]]
    velocity = centre_of_mass(masses, shot.velocities[target.n_slab :])
    return float(0.5 * KINETIC * masses.sum() * (velocity @ velocity))


_NO_BYTES, _NO_TIMES = np.empty(0, dtype=np.uint8), np.empty(0)


def _offsets(parts: Sequence[Any]) -> Ints:
    return np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)


def _strings(values: list[str]) -> NDArray[np.str_]:
    return np.array(values, dtype=np.str_) if values else np.empty(0, dtype="<U1")

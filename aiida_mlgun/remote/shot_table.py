"""The columns of ``shots.npz`` and ``trajectories.npz``: one row per finished shot.  Units: Å, fs, Å/fs, eV, K."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase.data import atomic_masses
from numpy.typing import NDArray

from ..science.aim import Shot, centre_of_mass
from ..science.frames import Floats, Ints
from ..science.outcomes import ShotTracker, Verdict
from ..science.slabs import Slab
from ..science.units import KINETIC
from .engine.flight import Landed

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Row:
    """One finished shot: how it started, how it flew, how it is called, and what its tracker saw."""

    shot: Shot
    landed: Landed
    verdict: Verdict
    contact_fs: float
    bond_fs: float
    min_height: float
    temperature_max: float
    events: list[tuple[float, str]]
    path: Floats

    @classmethod
    def of(cls, shot: Shot, landed: Landed, tracker: ShotTracker) -> Row:
        """Without the tracker itself, which holds tables as large as the slab."""
        verdict, path = tracker.final(landed.end_fs), tracker.path()
        heat = tracker.temperature_max
        low, times = tracker.min_height, (tracker.contact_fs, tracker.bond_fs)
        return cls(shot, landed, verdict, *times, low, heat, tracker.events, path)

    def without_frames(self) -> Row:
        """The same row, its trajectory forgotten."""
        landed = replace(self.landed, frame_times=self.landed.frame_times[:0], frames=self.landed.frames[:0])
        return replace(self, landed=landed)


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
    """Name → array, first axis the shots (or, for ``path``, ``event_*``, all their entries with ``*_offsets``).

    ``kinetic_energy_in``: eV, of the molecule's centre of mass at the start.  ``drift``: meV/atom/ps, slope of the
    least-squares line through the total energy.  ``energy_max_dev``: meV/atom, largest distance of the total energy
    from its start.  ``temperature_max``: K, the molecule's internal one.  ``positions``, ``velocities``: at the end, in
    an exploded shot the last finite ones.  ``path``: t_fs, group's index, x, y, height above the surface plane.
    """
    n_atoms, n = len(target.numbers), len(rows)
    paths, events = [row.path for row in rows], [row.events for row in rows]

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
        "positions": floats([row.landed.positions for row in rows], n_atoms, 3),
        "velocities": floats([row.landed.velocities for row in rows], n_atoms, 3),
        "path_offsets": _offsets(paths),
        "path": np.concatenate([np.empty((0, 5)), *paths]),
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
    """``shot`` (k,), ``offsets`` (k + 1,), ``time_fs`` (m,), ``positions`` (m, n_atoms, 3) float32."""
    frames = [row.landed.frames for row in rows]
    return {
        "shot": np.array([row.shot.index for row in rows], dtype=np.int64),
        "offsets": _offsets(frames),
        "time_fs": np.concatenate([np.empty(0), *(row.landed.frame_times for row in rows)]),
        "positions": np.concatenate([np.empty((0, len(target.numbers), 3), dtype=np.float32), *frames]),
        "numbers": target.numbers,
        "cell": target.cell,
        "pbc": target.pbc,
    }


def _kinetic_energy_in(shot: Shot, target: Target) -> float:
    masses = atomic_masses[target.numbers[target.n_slab :]]
    velocity = centre_of_mass(masses, shot.velocities[target.n_slab :])
    return float(0.5 * KINETIC * masses.sum() * (velocity @ velocity))


def _offsets(parts: Sequence[Any]) -> Ints:
    return np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)


def _strings(values: list[str]) -> NDArray[np.str_]:
    return np.array(values, dtype=np.str_) if values else np.empty(0, dtype="<U1")

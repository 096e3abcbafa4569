"""Stored trajectories of real shots, followed by a tracker from the first frame to the last."""

from __future__ import annotations

from typing import Any

from aiida_mlgun.contract.shooting import Chemistry, Decision
from aiida_mlgun.science.outcomes import ShotTracker, find_groups, load_catalogue
from aiida_mlgun.science.slabs import Slab, analyse

REAL = ("si001_2x2_c2h2_sublayer", "si001_2x2_c2h4_intact", "si001_4x4_c8h12_precursor")


def tracked(run: Any, decision: Decision) -> tuple[ShotTracker, Slab, Chemistry]:
    """The tracker at the end, with the slab and the chemistry that it was given."""
    n, numbers, positions = run["n_slab"], run["numbers"], run["positions"]
    slab = analyse(numbers[:n], positions[0][:n], run["cell"], run["pbc"])
    chemistry = Chemistry(find_groups(numbers[n:], positions[0][n:]), load_catalogue())
    tracker = ShotTracker(slab, numbers, n, run["cell"], run["pbc"], chemistry, decision, positions[0])
    for look in zip(run["time_fs"], positions, run["velocities"], strict=True):
        tracker.update(*look)
    return tracker, slab, chemistry

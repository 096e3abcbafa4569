"""What the finished shots say as a whole: counts, energy conservation, and the status a user has to know first."""

from __future__ import annotations

import collections
from typing import Any

import numpy as np

from ..contract.jobs import ShootJob
from ..science.outcomes import UNDECIDED
from ..science.shot_merge import Arrays
from .engine.flight import EXPLODED


def summary(table: Arrays) -> dict[str, Any]:
    """Counts and drifts (meV/atom/ps) of a table of shots; exploded ones have no drift."""
    counts = collections.Counter(table["outcome"].tolist())
    shots, whole = len(table["shot"]), _whole(table)
    drift = np.abs(table["drift"][whole])
    return {
        "shots": shots,
        "outcomes": dict(sorted(counts.items())),
        "undecided": counts[UNDECIDED] / shots if shots else 0.0,
        "drift_median": float(np.median(drift)) if len(drift) else None,
        "drift_max": float(drift.max()) if len(drift) else None,
        "energy_max_dev": float(table["energy_max_dev"][whole].max()) if len(drift) else None,
    }


def verdict(job: ShootJob, table: Arrays) -> tuple[str, str]:
    """Status and sentence of a batch that came to its end."""
    numbers, limit = summary(table), job.decision
    drift, undecided = numbers["drift_median"], numbers["undecided"]
    if drift is not None and drift > limit.max_drift:
        whole = _whole(table)
        worst = table["shot"][whole][np.argsort(-np.abs(table["drift"][whole]), kind="stable")[:5]]
        detail = f"the median shot drifts by {drift:.2g} meV/atom/ps, {limit.max_drift:g} is allowed; worst: "
        return "energy_drift", detail + ", ".join(str(shot) for shot in worst) + "."
    if undecided > limit.max_unresolved:
        count, shots = numbers["outcomes"][UNDECIDED], numbers["shots"]
        return "shots_unresolved", f"{count} of {shots} shots, a share of {limit.max_unresolved:g} is allowed."
    return "ok", ""


def _whole(table: Arrays) -> np.ndarray[Any, np.dtype[np.bool_]]:
    whole: np.ndarray[Any, np.dtype[np.bool_]] = (table["ended"] != EXPLODED) & np.isfinite(table["drift"])
    return whole

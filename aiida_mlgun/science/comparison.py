"""Is one model better than another on the same frames, or is it chance: paired bootstrap over runs (T1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap

from ..contract.errors import RefusedError
from .errors import energy_errors, force_errors
from .frames import Floats, Frames

METRICS = ("mae_energy", "rmse_energy", "mae_forces", "rmse_forces")


@dataclass(frozen=True)
class Difference:
    """Error of the one less error of the other (eV/atom or eV/Å), with its 95 % interval.

    :param units: independent things that were drawn anew; ``unit`` says which.  The interval is None with one of them.
    """

    difference: float
    low: float | None
    high: float | None
    unit: str
    units: int


@dataclass(frozen=True)
class Sums:
    """Errors of one model on one set, summed per unit: enough for any metric of any resample.

    :param total: metric → (u,), sum of |error| or of error².
    :param count: ``energy`` and ``forces`` → (u,), labels.
    :param unit: ``run``, if every frame names its run and there are at least five, else ``frame``.  Frames of one
        trajectory resemble each other, so intervals over frames are too narrow where the runs are not known.
    """

    total: dict[str, Floats]
    count: dict[str, Floats]
    unit: str

    def value(self, metric: str) -> float | None:
        """The metric over all units, eV/atom or eV/Å; None without a label."""
        count = self.count[metric.partition("_")[2]].sum()
        if not count:
            return None
        mean = float(self.total[metric].sum() / count)
        return float(np.sqrt(mean)) if metric.startswith("rmse") else mean


def error_sums(frames: Frames, energy: Floats, forces: Floats) -> Sums:
    """Sum the errors of predictions ``energy`` (n,), eV, and ``forces`` (m, 3), eV/Å."""
    runs, unit_of = np.unique(frames.tag("run"), return_inverse=True)
    by_run = len(runs) >= 5 and "" not in runs
    if not by_run:
        unit_of = np.arange(len(frames))
    n = len(runs) if by_run else len(frames)
    total: dict[str, Floats] = {}
    count: dict[str, Floats] = {}
    columns = {
        "energy": (energy_errors(frames, energy), unit_of),
        "forces": (force_errors(frames, forces).ravel(), np.repeat(unit_of, 3 * frames.n_atoms)),
    }
    for name, (errors, owner) in columns.items():
        known = np.isfinite(errors)
        count[name] = np.bincount(owner[known], minlength=n).astype(np.float64)
        total[f"mae_{name}"] = np.bincount(owner[known], np.abs(errors[known]), minlength=n).astype(np.float64)
        total[f"rmse_{name}"] = np.bincount(owner[known], errors[known] ** 2, minlength=n).astype(np.float64)
    return Sums(total, count, "run" if by_run else "frame")


def difference(one: Sums, other: Sums, metric: str, seed: int = 24, resamples: int = 2000) -> Difference | None:
    """How much larger the error of ``one`` is than that of ``other``; percentile bootstrap (Efron), units paired.

    :returns: None where the set has no label for this metric.
    :raises RefusedError: when the two are of different sets.
    """
    kind = metric.partition("_")[2]
    count = one.count[kind]
    if one.unit != other.unit or not np.array_equal(count, other.count[kind]):
        raise RefusedError("the two models were scored on different frames.")
    used = count > 0
    if not used.any():
        return None

    def statistic(a: Floats, b: Floats, n: Floats, axis: int = -1) -> Floats:
        means = [values.sum(axis=axis) / n.sum(axis=axis) for values in (a, b)]
        gap: Floats = np.sqrt(means[0]) - np.sqrt(means[1]) if metric.startswith("rmse") else means[0] - means[1]
        return gap

    data = (one.total[metric][used], other.total[metric][used], count[used])
    value, units = float(statistic(*data)), int(used.sum())
    if units < 2:
        return Difference(value, None, None, one.unit, units)
    interval = bootstrap(
        data,
        statistic,
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=resamples,
        batch=max(1, 2_000_000 // units),
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    return Difference(value, float(interval.low), float(interval.high), one.unit, units)

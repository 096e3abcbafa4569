"""How far two distributions over modes are apart, as one number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...contract.errors import RefusedError
from .counting import Floats, Ints, checked_alpha
from .homogeneity import dealt_anew


@dataclass(frozen=True)
class Distance:
    """Total-variation distance Σ|p - q| / 2: the part of all shots that would have to end otherwise; 0 to 1.

    :param low, high: interval of the true distance.
    :param by_chance: distance that two ensembles of these sizes with the same shares exceed with a probability of alpha
        only: finite ensembles always differ, so ``value`` is to be read beside it.
    """

    value: float
    low: float
    high: float
    by_chance: float


def total_variation(a: Ints, b: Ints, seed: int, *, alpha: float = 0.05, resamples: int = 2000) -> Distance:
    """The distance between the shares of two ensembles, with an interval.

    The interval is value ± c, c the 1 - alpha quantile of the length of the error, Σ|(p* - q*) - (p - q)| / 2, over
    bootstrap samples p*, q* of both ensembles: by the triangle inequality the distance is never farther off than that
    length.  It covers also where the two are the same, where percentiles of the bootstrapped distance, which is biased
    upwards, never do; it is too wide where they are far apart (98 to 100 % for nominal 95 %).

    :param a, b: (k,), counts of the same modes.
    :param seed: everything drawn descends from it.
    :raises RefusedError: when an ensemble has no shot.
    """
    checked_alpha(alpha)
    n, m = int(a.sum()), int(b.sum())
    if not n or not m:
        raise RefusedError("a distance needs a shot in each of the two ensembles.")
    rng = np.random.default_rng(seed)
    p, q = a / n, b / m
    value = _length(p - q)
    error = (rng.multinomial(n, p, size=resamples) / n - p) - (rng.multinomial(m, q, size=resamples) / m - q)
    reach = float(np.quantile(_length(error), 1 - alpha))
    same = dealt_anew(np.stack([a, b]), rng, resamples)
    chance = float(np.quantile(_length(same[:, 0] / n - same[:, 1] / m), 1 - alpha))
    return Distance(float(value), max(0.0, float(value) - reach), min(1.0, float(value) + reach), chance)


def _length(difference: Floats) -> Floats:
    return np.asarray(np.abs(difference).sum(axis=-1) / 2, dtype=np.float64)

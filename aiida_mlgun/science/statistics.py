"""Shares of outcomes with intervals: simultaneous, binomial, over start states; and how they converge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from statsmodels.stats.proportion import multinomial_proportions_confint, proportion_confint

from ..contract.errors import RefusedError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Share:
    """One row of an outcome table: ``n`` shots ended in ``mode``; share ``p`` with interval [``low``, ``high``]."""

    mode: str
    n: int
    p: float
    low: float
    high: float


@dataclass(frozen=True)
class Convergence:
    """Shares after each shot.

    :param modes: (k,) names.
    :param n: (N,), 1 … N shots.
    :param p: (N, k), cumulative shares.
    """

    modes: tuple[str, ...]
    n: Ints
    p: Floats


def outcome_table(outcomes: Sequence[str], modes: Sequence[str], alpha: float = 0.05) -> list[Share]:
    """Counts and shares with simultaneous intervals: together they hold all true shares with probability 1 - alpha.

    Goodman, Technometrics 1965, 7, 247, as statsmodels has it.  A mode that was never seen has low = 0 and an upper end
    that holds together with all others'; for one such mode asked about alone, :func:`never_seen` is tighter.

    :param modes: the names and their order; outcomes that are not among them are added at the end, sorted.
    :raises RefusedError: when there are no outcomes.
    """
    names, column = _columns(outcomes, modes)
    counts, total = np.bincount(column, minlength=len(names)), len(column)
    intervals = np.array(multinomial_proportions_confint(counts, alpha, method="goodman"))
    intervals[counts == 0, 0] = 0.0
    return [
        Share(name, int(n), float(n / total), float(low), float(high))
        for name, n, (low, high) in zip(names, counts, intervals, strict=True)
    ]


def never_seen(n: int, alpha: float = 0.05) -> float:
    """Upper bound 1 - alpha^(1/n) of the share of one mode, named beforehand, that did not occur in ``n`` shots."""
    if n < 1:
        raise RefusedError("no shots bound no probability.")
    return float(1 - alpha ** (1 / n))


def sticking(n_bound: int, n: int, alpha: float = 0.05) -> tuple[float, float, float]:
    """Sticking probability and its Wilson interval: (p, low, high) (J. Am. Stat. Assoc. 1927, 22, 209).

    :raises RefusedError: when there are no shots, or more bound ones than shots.
    """
    if not 0 <= n_bound <= n or n < 1:
        raise RefusedError(f"{n_bound} bound of {n} shots makes no probability.")
    low, high = proportion_confint(n_bound, n, alpha, method="wilson")
    p = n_bound / n  # rounding may push an edge past it when all or none are bound
    return p, min(p, max(0.0, float(low))), max(p, min(1.0, float(high)))


def cluster_bootstrap(
    outcomes: Sequence[str],
    clusters: Sequence[int] | Ints,
    seed: int,
    modes: Sequence[str] = (),
    *,
    resamples: int = 2000,
    alpha: float = 0.05,
) -> list[Share]:
    """Shares with percentile intervals that respect that shots from one start state resemble each other.

    Whole clusters are drawn with replacement, as many as there are (Davison & Hinkley, Bootstrap Methods, 1997, 3.8).
    With few start states the intervals are wide, as they should be.  A mode that never occurs gets [0, 0] here: use
    :func:`outcome_table` for its upper bound.

    :param clusters: (N,), which start state each shot came from.
    :raises RefusedError: when there are fewer than two clusters.
    """
    names, column = _columns(outcomes, modes)
    _, label = np.unique(np.asarray(clusters), return_inverse=True)
    if len(label) != len(column):
        raise RefusedError(f"{len(label)} start states were given for {len(column)} outcomes.")
    k = int(label.max()) + 1
    if k < 2:
        raise RefusedError("all shots come from one start state, so their scatter between start states is unknown.")
    counts = np.zeros((k, len(names)))
    np.add.at(counts, (label, column), 1.0)
    weights = np.random.default_rng(seed).multinomial(k, np.full(k, 1 / k), size=resamples)
    drawn = weights @ counts
    shares = drawn / drawn.sum(axis=1, keepdims=True)
    low, high = np.quantile(shares, [alpha / 2, 1 - alpha / 2], axis=0)
    total = counts.sum(axis=0)
    return [
        Share(name, int(n), float(n / total.sum()), float(lo), float(hi))
        for name, n, lo, hi in zip(names, total, low, high, strict=True)
    ]


def convergence(outcomes: Sequence[str], modes: Sequence[str] = ()) -> Convergence:
    """The shares after 1, 2, … N shots, in the order given."""
    names, column = _columns(outcomes, modes)
    n = np.arange(1, len(column) + 1)
    seen = np.cumsum(column[:, None] == np.arange(len(names)), axis=0)
    return Convergence(tuple(names), n, seen / n[:, None])


def _columns(outcomes: Sequence[str], modes: Sequence[str]) -> tuple[list[str], Ints]:
    """All names, the given ones first, and the number of each outcome among them."""
    if not len(outcomes):
        raise RefusedError("there are no outcomes to count.")
    names = list(dict.fromkeys(modes))
    names += sorted({str(outcome) for outcome in outcomes} - set(names))
    number = {name: i for i, name in enumerate(names)}
    return names, np.array([number[str(outcome)] for outcome in outcomes], dtype=np.int64)

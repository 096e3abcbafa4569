"""Made-up campaigns with known shares: how often do the intervals hold, and how many shots do they take?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...contract.errors import RefusedError
from .counting import Floats, Ints
from .multinomial import exact, goodman
from .sequences import confidence_sequence, evidence_against, prior_for

#: Counts (k,) and alpha to intervals (k, 2).
Interval = Callable[[Ints, float], Floats]


@dataclass(frozen=True)
class Campaigns:
    """What became of many campaigns that stopped by their own rule.

    :param throughout: part of the campaigns whose intervals held all shares at every look until they stopped.
    :param at_the_end: the same, at the last look alone.
    :param shots: mean number of shots.
    :param width_ratio: mean half-width of the widest interval at the end, over that of Goodman's for as many shots.
    """

    throughout: float
    at_the_end: float
    shots: float
    width_ratio: float


def coverage_fixed(
    shares: Sequence[float], n: int, repetitions: int, seed: int, *, alpha: float = 0.05, interval: Interval = exact
) -> float:
    """The part of ensembles of ``n`` shots whose intervals hold all true ``shares`` at once.

    :param shares: (k,), adding up to 1.
    """
    truth = _checked(shares)
    drawn, times = np.unique(
        np.random.default_rng(seed).multinomial(n, truth, size=repetitions), axis=0, return_counts=True
    )
    held = 0
    for counts, often in zip(drawn, times, strict=True):
        low, high = interval(counts, alpha).T
        held += int(often) * bool((low <= truth).all() and (truth <= high).all())
    return held / repetitions


def campaigns(
    shares: Sequence[float],
    target_half_width: float,
    batch: int,
    repetitions: int,
    seed: int,
    *,
    alpha: float = 0.05,
    by: Interval | None = None,
    most_looks: int = 10_000,
) -> Campaigns:
    """Campaigns that look after every ``batch`` shots and stop when all half-widths are at most the target.

    :param shares: (k,), the true ones, adding up to 1, of three modes or more.
    :param by: intervals to stop by instead of those of :func:`.required`, to see what they would do.
    :raises RefusedError: when a campaign has not ended after ``most_looks``.
    """
    truth = _checked(shares)
    level = alpha / len(truth)
    prior = prior_for(target_half_width, level)
    rng = np.random.default_rng(seed)
    counts = np.zeros((repetitions, len(truth)), dtype=np.int64)
    missed = np.zeros(repetitions, dtype=bool)
    ends, ratios, at_end = np.zeros(repetitions), np.zeros(repetitions), np.zeros(repetitions, dtype=bool)
    open_ = np.arange(repetitions)
    for look in range(1, most_looks + 1):
        n = look * batch
        counts[open_] += rng.multinomial(batch, truth, size=len(open_))
        mine = counts[open_]
        if by is None:
            held, half = _sequence(mine, n, truth, prior, level)
        else:
            intervals = np.array([by(row, alpha) for row in mine])
            held = np.asarray(((intervals[..., 0] <= truth) & (truth <= intervals[..., 1])).all(axis=1))
            half = ((intervals[..., 1] - intervals[..., 0]) / 2).max(axis=1)
        missed[open_[~held]] = True
        done = half <= target_half_width
        for i, counted, width, hit in zip(open_[done], mine[done], half[done], held[done], strict=True):
            ends[i], at_end[i], ratios[i] = n, hit, width / (np.diff(goodman(counted, alpha)).max() / 2)
        open_ = open_[~done]
        if not len(open_):
            return Campaigns(1 - missed.mean(), float(at_end.mean()), float(ends.mean()), float(ratios.mean()))
    raise RefusedError(f"{len(open_)} campaigns are still short of ±{target_half_width} after {most_looks} looks.")


def two_kinds_of_states(
    shares: Sequence[float] | Floats, n: int, states: tuple[int, int], correlation: float, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """Shots from start states that favour modes of their own.

    Each state of a kind has shares from a Dirichlet distribution with the mean ``shares`` and the given correlation
    between two of its shots (beta-binomial for two modes); a shot follows its first state or its second, by a coin,
    so that the mean shares are exact.  With one state of the second kind it follows the first only.

    :param states: how many states of the first and of the second kind.
    :param correlation: in [0, 1), between two shots of one state when only that kind counts.
    :returns: (n,) column of the mode; (n,) first state; (n,) second state.
    """
    truth = _checked(shares)
    first, second = (rng.integers(k, size=n) for k in states)
    if correlation == 0:
        return rng.choice(len(truth), n, p=truth), first, second
    weight = (1 - correlation) / correlation
    one, two = (rng.dirichlet(np.maximum(truth * weight, 1e-9), size=k) for k in states)
    coin = rng.random(n) < 0.5 if states[1] > 1 else np.ones(n, dtype=bool)
    mine = np.where(coin[:, None], one[first], two[second])
    column = (rng.random(n)[:, None] > np.cumsum(mine, axis=1)).sum(axis=1)
    return np.minimum(column, len(truth) - 1), first, second


def _sequence(counts: Ints, n: int, truth: Floats, prior: float, level: float) -> tuple[NDArray[np.bool_], Floats]:
    """Whether each row's sequences hold all shares, and the largest half-width; edges are found once per count."""
    evidence = evidence_against(np.clip(truth, 1e-12, 1 - 1e-12), counts, n, prior)
    held = np.asarray((evidence < -math.log(level)).all(axis=1))
    values, place = np.unique(counts, return_inverse=True)
    low, high = confidence_sequence(values, n, prior, level)
    return held, ((high - low) / 2)[place.reshape(counts.shape)].max(axis=1)


def _checked(shares: Sequence[float] | Floats) -> Floats:
    truth = np.asarray(shares, dtype=np.float64)
    if (truth < 0).any() or abs(truth.sum() - 1) > 1e-9:
        raise RefusedError(f"true shares add up to 1 and none is negative; {truth.tolist()} was given.")
    return truth

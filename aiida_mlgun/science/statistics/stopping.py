"""When a campaign that shoots in batches knows enough: a decision whose intervals hold although one looked before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...contract.errors import RefusedError
from .counting import Ints, Share, checked_alpha, checked_counts
from .effective import Worth, worth
from .sequences import confidence_sequence, prior_for


@dataclass(frozen=True)
class Decision:
    """What is known after a batch, and whether that is enough.

    :param stop: every watched mode's half-width is at most the target.
    :param n: shots so far; ``n_effective`` independent ones that they are worth.
    :param intervals: the watched modes; they hold together, at this look and at all others.
    :param widest: the mode with the largest half-width, which is ``half_width``.
    :param more: shots still needed, an estimate that takes the shares as they are; 0 when enough, None when no number
        of shots from these start states is enough.
    :param sentence: all this in words.
    """

    stop: bool
    n: int
    n_effective: float
    intervals: tuple[Share, ...]
    widest: str
    half_width: float
    more: int | None
    sentence: str


def required(
    counts: Sequence[int] | Ints,
    target_half_width: float,
    modes: Sequence[str],
    *,
    watched: Sequence[str] | None = None,
    alpha: float = 0.05,
    design_effect: float = 1.0,
    n_states: int | None = None,
    tuned_for: float | None = None,
) -> Decision:
    """Whether the shares are known to ± ``target_half_width``, by a rule that may be asked after every batch.

    Each watched mode has a confidence sequence (:func:`.confidence_sequence`) at alpha / number of watched modes
    (Bonferroni), so all of them hold at all looks together with a probability of 1 - alpha or more: no plan of looks is
    needed, one may stop for any reason, and go on later.  It costs 1.3 to 1.6 times the width of Goodman's intervals
    for a fixed number of shots, and held in 98.8 % of simulated campaigns or more for nominal 95 %
    (``benchmarks/coverage.py``).  Two classes share one parameter and need no division.

    Shots that share start states: n and the counts are divided by the design effect (Kish), and by (t / z)^2 when
    ``n_states`` says how few start states it is known from.  The guarantee is then as good as that estimate.  Give the
    largest design effect of the modes, from :func:`.clustered_shares` over all shots so far.  Whether any number of
    shots is enough (``more`` None) is an estimate too, rough until each start state has had some ten shots.

    :param counts: (k,), shots that ended in each of ``modes`` so far, from the first batch on.
    :param target_half_width: in shares: 0.02 is ± 2 %.
    :param modes: (k,), names.
    :param watched: the modes that must be known, named beforehand; None for all.
    :param n_states: start states the shots come from (of two kinds: the smaller number).
    :param tuned_for: the target that the campaign began with, when a later run asks for another one: the intervals must
        be of one sequence.  None: ``target_half_width``.
    :raises RefusedError: when an argument is out of its range, or a watched mode is not among ``modes``.
    """
    checked, chosen, level = _checked(counts, modes, watched, checked_alpha(alpha))
    prior_for(target_half_width)  # refuses a target out of range
    prior = prior_for(target_half_width if tuned_for is None else tuned_for, level)
    n = int(checked.sum())
    value = worth(n, design_effect, n_states, level)
    effective = value.of(n)
    scale = effective / n if n else 1.0
    low, high = confidence_sequence(checked[chosen] * scale, effective, prior, level)
    if len(modes) == 1:
        low = high = np.ones(1)
    half = (high - low) / 2
    rows = tuple(
        Share(modes[i], int(checked[i]), float(checked[i] / n) if n else 0.0, float(lo), float(hi))
        for i, lo, hi in zip(chosen, low, high, strict=True)
    )
    worst = int(np.argmax(half))
    stop = bool(half[worst] <= target_half_width)
    more = 0 if stop else _more(checked[chosen], n, target_half_width, prior, level, value)
    decision = (stop, n, effective, rows, rows[worst].mode, float(half[worst]), more)
    return Decision(*decision, _sentence(rows[worst], stop, n, float(half[worst]), target_half_width, more, n_states))


def _checked(
    counts: Sequence[int] | Ints, modes: Sequence[str], watched: Sequence[str] | None, alpha: float
) -> tuple[Ints, Ints, float]:
    """Counts, the columns of the watched modes, and the level that each of them gets."""
    checked = checked_counts(counts)
    if len(modes) != len(checked) or len(set(modes)) != len(modes):
        raise RefusedError(f"{len(checked)} counts need as many different names of modes, not {list(modes)}.")
    names = list(modes) if watched is None else list(dict.fromkeys(watched))
    unknown = [name for name in names if name not in modes]
    if unknown or not names:
        raise RefusedError(f"watched modes must be among {', '.join(modes)}; {unknown or 'none'} was given.")
    level = alpha / len(names) if len(modes) > 2 else alpha
    return checked, np.array([list(modes).index(name) for name in names], dtype=np.int64), level


def _more(counts: Ints, n: int, target: float, prior: float, level: float, value: Worth) -> int | None:
    """Shots still needed for all of these modes if their shares stay as they are; None if no number is enough.

    Before the first shot every mode counts as having a share of one half, the worst one.
    """
    shares = counts / n if n else np.full(len(counts), 0.5)

    def wide(shots: float) -> bool:
        low, high = confidence_sequence(shares * shots, shots, prior, level)
        return bool(((high - low) / 2 > target).any())

    under, over = 0.0, max(value.of(n), 1.0)
    while wide(over):
        under, over = over, 2 * over
    while over - under > 1e-3 * over:
        middle = (under + over) / 2
        under, over = (middle, over) if wide(middle) else (under, middle)
    shots = value.shots(over)
    return None if math.isinf(shots) else max(1, math.ceil(shots - n))


def _sentence(
    worst: Share, stop: bool, n: int, half: float, target: float, more: int | None, n_states: int | None
) -> str:
    known = f"After {n} shots every watched share is known to ±{100 * half:.2g} % or better"
    if stop:
        return f"{known} (asked: ±{100 * target:.2g} %); the widest is {worst.mode}: enough."
    known = f"After {n} shots the share of {worst.mode} is known to ±{100 * half:.2g} % (asked: ±{100 * target:.2g} %)"
    if more is None:
        return f"{known}: more shots from these {n_states} start states cannot reach that; add start states."
    return f"{known}: about {more} more shots are needed."

"""Shots share start states of the slab and of the molecule: design effects, and intervals that respect them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from ...contract.errors import RefusedError
from .binomial import clopper_pearson
from .bootstrap import labels_of
from .counting import Floats, Ints, checked_alpha, columns

#: With fewer start states than this the interval is said to be little more than a guess.
_FEW_STATES: Final = 6


@dataclass(frozen=True)
class ClusteredShare:
    """A share with what its start states do to it.

    :param low, high: the interval; [0, 1] when the scatter between start states is unknown.
    :param design_effect: variance of the share over that of as many independent shots, at least 1; None if unknown.
    :param n_effective: independent shots that would make the same interval: n / design effect, lowered further because
        the variance itself is known from few start states; None if unknown.
    """

    mode: str
    n: int
    p: float
    low: float
    high: float
    design_effect: float | None
    n_effective: float | None


@dataclass(frozen=True)
class Clustered:
    """Shares of shots that share start states.

    :param n_states: how many start states of each kind the shots came from, as given.
    :param degrees: degrees of freedom of the variance: the smallest number of start states, less one; 0 if unknown.
    :param design_effect: the largest of all modes, what :func:`.required` takes; None if unknown.
    :param inflation: n / n_effective, the largest of all modes, what :func:`.compare` takes; None if unknown.
    :param remark: what to know before believing the intervals; empty if nothing.
    """

    shares: tuple[ClusteredShare, ...]
    n_states: tuple[int, ...]
    degrees: int
    design_effect: float | None
    inflation: float | None
    remark: str


def clustered_shares(
    outcomes: Sequence[str],
    *states: Sequence[int] | Ints,
    modes: Sequence[str] = (),
    alpha: float = 0.05,
    simultaneous: bool = False,
) -> Clustered:
    """Shares with intervals over start states, of one kind (slab) or of two that are crossed (slab, molecule).

    The variance of p = Σy/n comes from the sums of y - p over each start state, V = G/(G-1) Σ_g (Σ_{i in g} y_i - p)^2
    / n^2; of two kinds V_slab + V_molecule - V_both (Cameron, Gelbach & Miller, J. Bus. Econ. Stat. 2011, 29, 238), at
    least the larger of the two.  The design effect is V n / (p (1 - p)), not below 1 (Kish, Survey Sampling,
    1965).  The interval is Clopper and Pearson's for n* = n / deff (z / t)^2 shots, t with G - 1 degrees of freedom
    (Korn & Graubard, Surv. Methodol. 1998, 24, 193).  A mode never or always seen says nothing of its own design
    effect: the mean one, Σ V / Σ p (1 - p) / n, is taken.

    Chosen by simulation (``benchmarks/coverage.py``): with ten start states each share is held in 92 to 99 % of the
    ensembles for nominal 95 %, by percentiles of the bootstrap in 81 to 90 %.  A kind with a single state drops out,
    which the remark says.

    :param states: per kind (N,), the start state of each shot.
    :param simultaneous: the intervals hold together (Bonferroni: alpha / number of modes) instead of one by one.
    :raises RefusedError: when no kind or more than two are given, or lengths differ.
    """
    names, column = columns(outcomes, modes)
    checked_alpha(alpha)
    if not 1 <= len(states) <= 2:
        raise RefusedError(f"start states of one kind or of two can be respected, not of {len(states)}.")
    numbered = [labels_of(kind, len(column)) for kind in states]
    n_states = tuple(levels for _, levels in numbered)
    used = [kind for kind in numbered if kind[1] > 1]
    total = len(column)
    counts = np.bincount(column, minlength=len(names))
    p = counts / total
    if not used:
        rows = tuple(
            ClusteredShare(name, int(n), float(q), 0.0, 1.0, None, None)
            for name, n, q in zip(names, counts, p, strict=True)
        )
        return Clustered(rows, n_states, 0, None, None, _remark(n_states))
    degrees = min(levels for _, levels in used) - 1
    level = alpha / len(names) if simultaneous and len(names) > 2 else alpha
    effects = _design_effects(column, p, used)
    few = few_states_factor(degrees, level)
    shares = []
    for name, n, q, effect in zip(names, counts, p, effects, strict=True):
        effective = total / (float(effect) * few)
        low, high = clopper_pearson(min(float(q) * effective, effective), effective, level)
        shares.append(ClusteredShare(name, int(n), float(q), low, high, float(effect), effective))
    worst = float(effects.max())
    return Clustered(tuple(shares), n_states, degrees, worst, worst * few, _remark(n_states))


def few_states_factor(degrees: int, alpha: float) -> float:
    """(t / z)^2, by which shots count less because their variance is known from few start states (Korn & Graubard)."""
    return float(student.isf(alpha / 2, degrees) / norm.isf(alpha / 2)) ** 2


def _design_effects(column: Ints, p: Floats, kinds: Sequence[tuple[Ints, int]]) -> Floats:
    """(k,), variance over that of independent shots, at least 1."""
    total = len(column)
    rest = (column[:, None] == np.arange(len(p))) - p
    parts = [_between(rest, label) for label, _ in kinds]
    variance = parts[0]
    if len(kinds) == 2:
        (first, _), (second, levels) = kinds
        both = _between(rest, first * levels + second)
        variance = np.maximum(parts[0] + parts[1] - both, np.maximum(parts[0], parts[1]))
    alone = p * (1 - p) / total
    seen = alone > 0
    effects: Floats = np.full(len(p), variance.sum() / alone.sum() if seen.any() else 1.0)
    effects[seen] = variance[seen] / alone[seen]
    return effects.clip(min=1.0)


def _between(rest: Floats, label: Ints) -> Floats:
    """(k,), variance of the shares from the sums of residuals (N, k) over each cluster that has shots."""
    _, label = np.unique(label, return_inverse=True)
    groups = int(label.max()) + 1
    sums = np.zeros((groups, rest.shape[1]))
    np.add.at(sums, label, rest)
    spread = groups / (groups - 1) * (sums**2).sum(axis=0) / len(rest) ** 2
    return np.asarray(spread, dtype=np.float64)


def _remark(n_states: tuple[int, ...]) -> str:
    single = [n for n in n_states if n == 1]
    if len(single) == len(n_states):
        return "All shots come from one start state: how much start states differ is unknown, and so are the intervals."
    smallest = min(n for n in n_states if n > 1)
    words = []
    if single:
        words.append("One kind of start state has a single one: the intervals hold for that one only.")
    if smallest < _FEW_STATES:
        words.append(f"With {smallest} start states the intervals are very wide and rest on few numbers.")
    return " ".join(words)

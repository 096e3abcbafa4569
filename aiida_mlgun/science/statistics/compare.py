"""Two ensembles side by side (models, temperatures): which modes differ, by how much, and whether any does at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import boschloo_exact, fisher_exact
from statsmodels.stats.proportion import confint_proportions_2indep

from ...contract.errors import RefusedError
from .counting import Floats, Ints, checked_alpha, checked_counts
from .distance import Distance, total_variation
from .homogeneity import homogeneity

#: Up to so many shots in both ensembles together Boschloo's test takes well under a tenth of a second.
_BOSCHLOO_UP_TO: Final = 100


@dataclass(frozen=True)
class Difference:
    """One mode in two ensembles.

    :param p_a, p_b: its shares.
    :param difference: p_b - p_a, with the interval [``low``, ``high``]; those of all modes hold together.
    :param p_value: exact, of this mode alone.
    :param p_adjusted: the same, corrected for looking at all modes (Holm).
    :param differs: ``p_adjusted`` is below alpha.
    """

    mode: str
    p_a: float
    p_b: float
    difference: float
    low: float
    high: float
    p_value: float
    p_adjusted: float
    differs: bool


@dataclass(frozen=True)
class Comparison:
    """Two ensembles compared.

    :param n_a, n_b: shots, as given; ``effective_a``, ``effective_b`` independent ones.
    :param p_global: of one test for all modes together, ``global_test``: ``chi-squared`` or ``permutation``.
    """

    n_a: int
    n_b: int
    effective_a: int
    effective_b: int
    differences: tuple[Difference, ...]
    global_test: str
    p_global: float
    distance: Distance


def compare(
    counts_a: Sequence[int] | Ints,
    counts_b: Sequence[int] | Ints,
    modes: Sequence[str],
    seed: int,
    *,
    alpha: float = 0.05,
    design_effects: tuple[float, float] = (1.0, 1.0),
    resamples: int = 2000,
) -> Comparison:
    """Differences between two independent ensembles.

    Intervals: Newcombe's (method 10; Stat. Med. 1998, 17, 873) at alpha / k.  p-values: Boschloo's exact test
    (Stat. Neerl. 1970, 24, 1) up to 100 shots in all, Fisher's beyond; corrected by Holm (Scand. J. Stat. 1979, 6, 65).
    A mode seen in neither has the p-value 1 and takes part in the correction.  Shots that share start states: counts
    are divided by the design effect and rounded (Rao & Scott, Biometrics 1992, 48, 577).  Two ensembles shot from the
    same start states are more alike than independent ones; their differences are then smaller than these intervals say.

    :param counts_a, counts_b: (k,), shots per mode, the modes in the same order.
    :param modes: (k,), names.
    :param seed: everything drawn descends from it.
    :param design_effects: of a and b, each 1 or more: ``inflation`` of :func:`.clustered_shares`.
    :raises RefusedError: when lengths differ, or an ensemble has no shot (also when divided by its design effect).
    """
    checked_alpha(alpha)
    a, b = checked_counts(counts_a, "first ensemble"), checked_counts(counts_b, "second ensemble")
    if not len(a) == len(b) == len(modes):
        raise RefusedError(f"counts of {len(a)} and {len(b)} modes and {len(modes)} names do not belong together.")
    if min(design_effects) < 1:
        raise RefusedError(f"design effects are 1 or more, not {design_effects}.")
    few_a, few_b = (np.rint(x / d).astype(np.int64) for x, d in zip((a, b), design_effects, strict=True))
    test, p_global = homogeneity(np.stack([few_a, few_b]), seed)  # refuses an empty ensemble
    p_values = np.array([_p_value(few_a, few_b, i) for i in range(len(modes))])
    adjusted = holm(p_values)
    rows = []
    for i, mode in enumerate(modes):
        p, q = float(a[i] / a.sum()), float(b[i] / b.sum())
        low, high = _newcombe(p, q, a.sum() / design_effects[0], b.sum() / design_effects[1], alpha / len(modes))
        both = float(p_values[i]), float(adjusted[i])
        rows.append(Difference(mode, p, q, q - p, low, high, *both, bool(both[1] < alpha)))
    distance = total_variation(few_a, few_b, seed, alpha=alpha, resamples=resamples)
    sizes = int(a.sum()), int(b.sum()), int(few_a.sum()), int(few_b.sum())
    return Comparison(*sizes, tuple(rows), test, p_global, distance)


def holm(p_values: Floats) -> Floats:
    """(k,), p-values corrected for looking at k of them: the i-th smallest times k - i + 1, never falling, at most 1.

    As statsmodels' ``multipletests``, which collects garbage at each call and takes 0.2 s for it.
    """
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1)).clip(max=1.0)
    return adjusted


def _p_value(a: Ints, b: Ints, i: int) -> float:
    table: Floats | Ints = np.array([[a[i], b[i]], [a.sum() - a[i], b.sum() - b[i]]])
    if (table.sum(axis=1) == 0).any():
        return 1.0  # seen in no shot or in all
    exact = boschloo_exact if table.sum() <= _BOSCHLOO_UP_TO else fisher_exact
    return float(min(1.0, exact(table).pvalue))


def _newcombe(p: float, q: float, n: float, m: float, alpha: float) -> tuple[float, float]:
    low, high = confint_proportions_2indep(q * m, m, p * n, n, method="newcomb", compare="diff", alpha=alpha)
    return min(q - p, max(-1.0, float(low))), max(q - p, min(1.0, float(high)))

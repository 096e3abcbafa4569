"""Intervals for the shares of k classes that hold all at once, for a number of shots fixed beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal

import numpy as np
from scipy.stats import beta
from statsmodels.stats.proportion import multinomial_proportions_confint

from ...contract.errors import RefusedError
from .binomial import wilson
from .counting import Floats, Ints, Share, checked_alpha, checked_counts, columns

Method = Literal["exact", "goodman", "sison-glaz"]
#: What tables have unless asked otherwise: the one that never covers less than it says (``benchmarks/coverage.py``).
DEFAULT: Final[Method] = "exact"
#: Rules of thumb: counts below which Goodman's, classes below which Sison and Glaz's approximation is in doubt.
_FEW_COUNTS: Final = 5
_FEW_CLASSES: Final = 7


def goodman(counts: Sequence[int] | Ints, alpha: float = 0.05) -> Floats:
    """Goodman's simultaneous intervals: Wilson's for each class, at level alpha / k.

    With a = chi2(1 - alpha/k, 1 degree of freedom): [a + 2 n_i ± sqrt(a (a + 4 n_i (N - n_i) / N))] / (2 (N + a))
    (Goodman, Technometrics 1965, 7, 247).  One class has the share 1.  Two classes share one parameter, so
    both get Wilson's interval at alpha itself.  No shot: nothing is known, [0, 1].

    :param counts: (k,), shots per class; a class that was never seen may be among them.
    :returns: (k, 2), low and high; together they hold all shares with a probability of about 1 - alpha.
    :raises RefusedError: when counts are negative or not whole.
    """
    known = _degenerate(checked_counts(counts), checked_alpha(alpha))
    if known is not None:
        return known
    intervals = np.asarray(multinomial_proportions_confint(np.asarray(counts), alpha, method="goodman"))
    return _within(intervals, np.asarray(counts))


def exact(counts: Sequence[int] | Ints, alpha: float = 0.05) -> Floats:
    """Clopper and Pearson's interval for each class at level alpha / k: together never less than 1 - alpha.

    They hold for any true shares and any number of shots (Bonferroni), so also where classes are rare, and are on
    average no wider than Goodman's (thirteen classes, 50 to 1000 shots: 0.98 to 1.01 times).

    :returns: (k, 2), as :func:`goodman`.
    """
    checked = checked_counts(counts)
    if len(checked) == 1:
        return np.ones((1, 2))
    level = checked_alpha(alpha) / (len(checked) if len(checked) > 2 else 1)
    total = int(checked.sum())
    if total == 0:
        return np.tile([0.0, 1.0], (len(checked), 1))
    low = np.where(checked > 0, beta.ppf(level / 2, np.maximum(checked, 1), total - checked + 1), 0.0)
    high = np.where(checked < total, beta.ppf(1 - level / 2, checked + 1, np.maximum(total - checked, 1)), 1.0)
    return np.column_stack([low, high])


def sison_glaz(counts: Sequence[int] | Ints, alpha: float = 0.05) -> Floats:
    """Sison and Glaz's simultaneous intervals: one width for all classes, from the joint distribution of the counts.

    [p_i - c/N, p_i + (c + 2 g)/N] with c, g from the multinomial probability of a box (Sison & Glaz, J. Am. Stat.
    Assoc. 1995, 90, 366).  Narrower than Goodman's for frequent classes, far wider for rare ones.  Takes a
    second for 10 000 shots in 13 classes, and longer with more.

    :returns: (k, 2), as :func:`goodman`, which also says what becomes of one or two classes and of no shot.
    :raises RefusedError: when all shots are in one of several classes: the interval would shrink to that one point.
    """
    checked = checked_counts(counts)
    known = _degenerate(checked, checked_alpha(alpha))
    if known is not None:
        return known
    if np.count_nonzero(checked) < 2:
        raise RefusedError("all shots are in one class, where Sison-Glaz intervals shrink to a point: use exact ones.")
    return _within(np.asarray(multinomial_proportions_confint(checked, alpha, method="sison-glaz")), checked)


def doubt(counts: Sequence[int] | Ints, method: Method = DEFAULT) -> str | None:
    """Why these intervals may miss more often than they say, in one sentence; None when there is no reason.

    Goodman's rest on a normal approximation of each count: thirteen classes, some with a share below 1 %, are all held
    by only 87 % of ensembles of 50 shots, 91 % of 200 and 95 % of 1000 (nominal 95 %, ``benchmarks/coverage.py``).
    Sison and Glaz's rest on an expansion in the number of classes.  :func:`exact` is in no doubt.
    """
    checked = checked_counts(counts)
    few = int(np.count_nonzero(checked < _FEW_COUNTS))
    if not checked.sum():
        return "There is no shot, so nothing is known."
    if method == "sison-glaz" and len(checked) < _FEW_CLASSES:
        return f"Sison-Glaz intervals need {_FEW_CLASSES} classes or more; there are {len(checked)}: use exact ones."
    if few and method != "exact" and len(checked) > 1:
        return f"{few} of {len(checked)} classes have fewer than {_FEW_COUNTS} shots: use exact intervals."
    return None


def outcome_table(
    outcomes: Sequence[str], modes: Sequence[str], alpha: float = 0.05, method: Method = DEFAULT
) -> list[Share]:
    """Counts and shares with simultaneous intervals: together they hold all true shares with probability 1 - alpha.

    A mode that was never seen has low = 0 and an upper end that holds together with all others'; for one such mode
    asked about alone, :func:`.never_seen` is tighter.  The shots count as independent: see :mod:`.clusters`.

    :param modes: the names and their order; outcomes that are not among them are added at the end, sorted.
    :param method: :func:`exact`, :func:`goodman` or :func:`sison_glaz`.
    :raises RefusedError: when there are no outcomes.
    """
    names, column = columns(outcomes, modes)
    counts, total = np.bincount(column, minlength=len(names)), len(column)
    intervals = _METHODS[method](counts, alpha)
    return [
        Share(name, int(n), float(n / total), float(low), float(high))
        for name, n, (low, high) in zip(names, counts, intervals, strict=True)
    ]


def _degenerate(counts: Ints, alpha: float) -> Floats | None:
    """Cases with an answer of their own: one class, no shot, two classes."""
    k, total = len(counts), int(counts.sum())
    if k == 1:
        return np.ones((1, 2))
    if total == 0:
        return np.tile([0.0, 1.0], (k, 1))
    if k == 2:
        low, high = wilson(int(counts[0]), total, alpha)
        return np.array([[low, high], [1 - high, 1 - low]])
    return None


def _within(intervals: Floats, counts: Ints) -> Floats:
    """Without what rounding adds: within [0, 1], around the share, 0 exactly where nothing was seen."""
    p = counts / counts.sum()
    low = np.where(counts == 0, 0.0, np.minimum(np.clip(intervals[:, 0], 0.0, 1.0), p))
    return np.column_stack([low, np.maximum(np.clip(intervals[:, 1], 0.0, 1.0), p)])


_METHODS: Final[dict[Method, Callable[[Ints, float], Floats]]] = {
    "goodman": goodman,
    "sison-glaz": sison_glaz,
    "exact": exact,
}

"""Intervals for one share asked about alone: sticking, a single mode, a mode that was never seen."""

from __future__ import annotations

from scipy.stats import beta
from statsmodels.stats.proportion import proportion_confint

from ...contract.errors import RefusedError
from .counting import checked_alpha

Interval = tuple[float, float]


def wilson(k: int, n: int, alpha: float = 0.05) -> Interval:
    """Wilson's score interval of k / n: the shares p with (k/n - p)^2 <= z^2 p (1 - p) / n.

    J. Am. Stat. Assoc. 1927, 22, 209; its mean coverage is nominal (Brown, Cai & DasGupta, Stat. Sci. 2001, 16, 101).
    No shot: [0, 1].

    :raises RefusedError: when k is not between 0 and n.
    """
    _check(k, n, alpha)
    if n == 0:
        return 0.0, 1.0
    low, high = proportion_confint(k, n, alpha, method="wilson")
    p = k / n  # rounding may push an edge past it when all or none are counted
    return min(p, max(0.0, float(low))), max(p, min(1.0, float(high)))


def clopper_pearson(k: float, n: float, alpha: float = 0.05) -> Interval:
    """The exact interval of k / n: never covers less than 1 - alpha, often more (Biometrika 1934, 26, 404).

    Quantiles of beta distributions, which also take the broken counts of an effective sample size.  No shot: [0, 1].

    :raises RefusedError: when k is not between 0 and n.
    """
    _check(k, n, alpha)
    low = float(beta.ppf(alpha / 2, k, n - k + 1)) if k > 0 else 0.0
    high = float(beta.ppf(1 - alpha / 2, k + 1, n - k)) if k < n else 1.0
    return low, high


def never_seen(n: int, alpha: float = 0.05) -> float:
    """Upper bound 1 - alpha^(1/n) of the share of one mode, named beforehand, that did not occur in ``n`` shots.

    Exact and one-sided: at the bound, n shots without the mode have the probability alpha.  About 3 / n for 95 % (the
    rule of three: Hanley & Lippman-Hand, J. Am. Med. Assoc. 1983, 249, 1743).
    """
    if n < 1:
        raise RefusedError("no shots bound no probability.")
    return float(1 - checked_alpha(alpha) ** (1 / n))


def sticking(n_bound: int, n: int, alpha: float = 0.05) -> tuple[float, float, float]:
    """Sticking probability and its Wilson interval: (p, low, high).

    :raises RefusedError: when there are no shots, or more bound ones than shots.
    """
    if not 0 <= n_bound <= n or n < 1:
        raise RefusedError(f"{n_bound} bound of {n} shots makes no probability.")
    return (n_bound / n, *wilson(n_bound, n, alpha))


def _check(k: float, n: float, alpha: float) -> None:
    checked_alpha(alpha)
    if not 0 <= k <= n:
        raise RefusedError(f"{k} of {n} shots makes no share.")

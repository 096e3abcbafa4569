"""Intervals for one share that hold at all numbers of shots at once, so that looking and stopping cost no coverage."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln

from ...contract.errors import RefusedError
from .counting import Floats, checked_alpha

#: Halvings of an interval of shares until its edge is known to 1e-12.
_HALVINGS: Final = 42
_EDGE: Final = 1e-12


def evidence_against(p: ArrayLike, k: ArrayLike, n: ArrayLike, prior: float) -> Floats:
    """log M, the evidence of k of n shots against the share p: large when p is not the share.

    M = B(r p + k, r (1 - p) + n - k) / B(r p, r (1 - p)) / (p^k (1 - p)^(n - k)): likelihood averaged over a beta
    distribution with mean p and weight r, over that of p.  If p is the share, M is a martingale that starts at 1, so
    that it ever reaches 1/alpha with a probability of alpha at most (Ville, 1939; Robbins, Ann. Math. Stat. 1970, 41,
    1397; as a beta-binomial mixture: Howard, Ramdas, McAuliffe & Sekhon, Ann. Stat. 2021, 49, 1055).  The distribution
    may depend on p because each p is tested for itself.

    :param p: shares in (0, 1).
    :param k, n: counts, also broken ones (effective shots); the arrays are broadcast.
    :param prior: r, in shots.
    """
    share, seen, shots = (np.asarray(x, dtype=np.float64) for x in (p, k, n))
    a, b = prior * share, prior * (1 - share)
    mixed = betaln(a + seen, b + shots - seen) - betaln(a, b)
    return np.asarray(mixed - seen * np.log(share) - (shots - seen) * np.log1p(-share), dtype=np.float64)


def confidence_sequence(k: ArrayLike, n: ArrayLike, prior: float, alpha: float = 0.05) -> tuple[Floats, Floats]:
    """The shares that the evidence has not ruled out: {p: M(p) < 1/alpha}.

    With a probability of 1 - alpha the share is inside for n = 1, 2, 3, … all together, whatever the rule by which one
    stops.  The set is an interval, because log M falls towards k/n from both sides.  No shot: [0, 1].

    :param k, n: counts (broadcast), as :func:`evidence_against`.
    :param prior: r, fixed before the first shot: see :func:`prior_for`.
    :returns: low, high, each of the common shape.
    :raises RefusedError: when a count does not lie between 0 and n, or the prior is not positive.
    """
    limit = -math.log(checked_alpha(alpha))
    seen, shots = np.broadcast_arrays(np.asarray(k, dtype=np.float64), np.asarray(n, dtype=np.float64))
    if (seen < 0).any() or (seen > shots).any() or not prior > 0:
        raise RefusedError("counts must lie between 0 and the number of shots, and the prior must be positive.")
    middle = np.clip(np.divide(seen, shots, out=np.full(seen.shape, 0.5), where=shots > 0), _EDGE, 1 - _EDGE)
    out = {"low": np.full(seen.shape, _EDGE), "high": np.full(seen.shape, 1 - _EDGE)}
    for side, far in out.items():
        near = middle.copy()
        for _ in range(_HALVINGS):
            half = (near + far) / 2
            ruled_out = evidence_against(half, seen, shots, prior) >= limit
            far = np.where(ruled_out, half, far)
            near = np.where(ruled_out, near, half)
        out[side] = far
    none, all_ = seen == 0, seen == shots
    low = np.where(none | (out["low"] <= 2 * _EDGE), 0.0, out["low"])
    high = np.where(all_ | (out["high"] >= 1 - 2 * _EDGE), 1.0, out["high"])
    return low, high


def prior_for(target_half_width: float, alpha: float = 0.05) -> float:
    """The prior r that makes the interval of a share of one half narrowest where its half-width is the target.

    After n shots, ρ = n / r: half-width^2 = p (1 - p) (1 + 1/ρ) (ln(1 + ρ) + 2 ln(1/alpha)) / n in the normal limit,
    least where ρ = ln(1 + ρ) + 2 ln(1/alpha) (tuned as by Howard et al. 2021).  So r = (1 + 1/ρ) / (4 target^2).
    Any r is valid; a factor of three costs about 2 % of width.  For a rare mode alone this r is too large: the interval
    is then 1.6 to 1.8 times as wide as Wilson's, that of a mode with a share of 0.1 to 0.5 1.3 to 1.4 times.

    :raises RefusedError: when the target does not lie between 0 and 1/2.
    """
    if not 0 < target_half_width < 0.5:
        raise RefusedError(f"a half-width must lie between 0 and 0.5 (shares, not percent), not {target_half_width}.")
    start = 2 * math.log(1 / checked_alpha(alpha))
    ratio = start + 1.0
    for _ in range(50):
        ratio = start + math.log1p(ratio)
    return (1 + 1 / ratio) / (4 * target_half_width**2)

"""Start states drawn anew: the spread of the shares over which start states the shots happened to have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...contract.errors import RefusedError
from .counting import Floats, Ints, Share, checked_alpha, columns

#: Below this, in weights drawn at once, a resampling stays small in memory.
_AT_ONCE = 2_000_000


def cluster_bootstrap(
    outcomes: Sequence[str],
    clusters: Sequence[int] | Ints,
    seed: int,
    modes: Sequence[str] = (),
    *,
    crossed_with: Sequence[int] | Ints | None = None,
    resamples: int = 2000,
    alpha: float = 0.05,
) -> list[Share]:
    """Shares with percentile intervals that respect that shots from one start state resemble each other.

    Whole clusters are drawn with replacement, as many as there are (Davison & Hinkley, Bootstrap Methods, 1997).
    With two crossed kinds of start states both are drawn and the weights multiply: the pigeonhole bootstrap (Owen, Ann.
    Appl. Stat. 2007, 1, 386), which counts the scatter of single shots three times and is wide when that dominates.

    Percentiles of ten clusters cover too little (81 to 90 % for nominal 95 %, see ``benchmarks/coverage.py``):
    :func:`.clustered_shares` is the interval to publish, this one shows the spread.  A mode that never occurs gets
    [0, 0] here: use :func:`.outcome_table` for its upper bound.

    :param clusters: (N,), which start state each shot came from.
    :param crossed_with: (N,), the start state of the second kind, e.g. of the molecule.
    :param seed: everything drawn descends from it.
    :raises RefusedError: when there are fewer than two clusters of a kind.
    """
    names, column = columns(outcomes, modes)
    checked_alpha(alpha)
    shares = _drawn(
        column, len(names), [clusters] if crossed_with is None else [clusters, crossed_with], seed, resamples
    )
    low, high = np.quantile(shares, [alpha / 2, 1 - alpha / 2], axis=0)
    total = np.bincount(column, minlength=len(names))
    return [
        Share(name, int(n), float(n / total.sum()), float(lo), float(hi))
        for name, n, lo, hi in zip(names, total, low, high, strict=True)
    ]


def labels_of(clusters: Sequence[int] | Ints, n: int) -> tuple[Ints, int]:
    """(N,), the start states numbered from 0, and how many there are.

    :raises RefusedError: when there are not ``n`` of them.
    """
    states, label = np.unique(np.asarray(clusters), return_inverse=True)
    if len(label) != n:
        raise RefusedError(f"{len(label)} start states were given for {n} outcomes.")
    return label.astype(np.int64), len(states)


def _drawn(column: Ints, k: int, factors: Sequence[Sequence[int] | Ints], seed: int, resamples: int) -> Floats:
    """(resamples, k), the shares of each resample; one without any shot is drawn anew."""
    numbered = [labels_of(clusters, len(column)) for clusters in factors]
    if any(levels < 2 for _, levels in numbered):
        raise RefusedError("all shots come from one start state, so their scatter between start states is unknown.")
    rng = np.random.default_rng(seed)
    first, n_first = numbered[0]
    second, n_second = numbered[1] if len(numbered) > 1 else (np.zeros(len(column), dtype=np.int64), 1)
    counts = np.zeros((n_first, n_second, k))
    np.add.at(counts, (first, second, column), 1.0)
    flat = counts.reshape(n_first, n_second * k)
    block = max(1, _AT_ONCE // max(flat.shape[1], n_first))
    parts: list[NDArray[np.float64]] = []
    while (have := sum(map(len, parts))) < resamples:
        size = min(block, resamples - have)
        drawn = _weights(rng, n_first, size) @ flat
        if n_second > 1:
            drawn = np.einsum("bs,bsk->bk", _weights(rng, n_second, size), drawn.reshape(size, n_second, k))
        drawn = drawn[drawn.sum(axis=1) > 0]
        parts.append(drawn / drawn.sum(axis=1, keepdims=True))
    return np.concatenate(parts)


def _weights(rng: np.random.Generator, n: int, size: int) -> Floats:
    """(size, n), how often each of ``n`` is drawn when n are drawn with replacement."""
    return rng.multinomial(n, np.full(n, 1 / n), size=size).astype(np.float64)

"""How shares settle with the number of shots, and how much small sets of shots scatter (row O6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import binom

from ...contract.errors import RefusedError
from .counting import Floats, Ints, Share, checked_alpha, columns
from .homogeneity import homogeneity
from .multinomial import outcome_table

#: Tables drawn to see how much sets scatter by chance; a thousand sets take two seconds.
_DRAWS: Final = 999


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


@dataclass(frozen=True)
class SubsetSpread:
    """Shares of one mode in random subsets of ``n`` of all shots.

    :param mean, sd: over the subsets.
    :param low, high: the middle 1 - alpha of the subsets lies between them.
    """

    mode: str
    n: int
    mean: float
    sd: float
    low: float
    high: float


@dataclass(frozen=True)
class SetRow:
    """One mode in several sets of equal size ([W] Table S2): counts side by side, and the scatter to expect.

    :param counts: shots of this mode, one number per set.
    :param p: share in all sets together.
    :param observed_sd: standard deviation of the sets' shares (divided by sets - 1).
    :param expected_sd: sqrt(p (1 - p) / size), what independent shots scatter.
    :param low, high: the counts between which a set of independent shots lies with a probability of 1 - alpha.
    """

    mode: str
    counts: tuple[int, ...]
    p: float
    observed_sd: float
    expected_sd: float
    low: int
    high: int


@dataclass(frozen=True)
class Scatter:
    """Several small sets against each other.

    :param p_value: how probable a scatter this large is when all sets have the same shares.
    :param test: the test it comes from: ``chi-squared`` or ``permutation``.
    """

    size: int
    rows: tuple[SetRow, ...]
    p_value: float
    test: str


def convergence(outcomes: Sequence[str], modes: Sequence[str] = ()) -> Convergence:
    """The shares after 1, 2, … N shots, in the order given."""
    names, column = columns(outcomes, modes)
    n = np.arange(1, len(column) + 1)
    seen = np.cumsum(column[:, None] == np.arange(len(names)), axis=0)
    return Convergence(tuple(names), n, seen / n[:, None])


def tables_at(
    outcomes: Sequence[str], modes: Sequence[str], at: Sequence[int], alpha: float = 0.05
) -> list[tuple[int, list[Share]]]:
    """The outcome table of the first n shots, for each n in ``at``, with the same modes in all of them.

    Each table's intervals hold for its own n if that was fixed beforehand; to stop by them, see :func:`.required`.

    :raises RefusedError: when an n is not between 1 and the number of shots.
    """
    names, column = columns(outcomes, modes)
    _check_sizes(at, len(column))
    words = [names[i] for i in column]
    return [(n, outcome_table(words[:n], names, alpha)) for n in at]


def random_subsets(
    outcomes: Sequence[str],
    modes: Sequence[str],
    at: Sequence[int],
    seed: int,
    *,
    subsets: int = 1000,
    alpha: float = 0.05,
) -> list[SubsetSpread]:
    """Shares of n shots drawn from all N without replacement, many times over; one row per n and mode.

    Shows the spread that an ensemble of n would have had.  It shrinks to nothing at n = N: by sqrt((N - n) / (N - 1)),
    it is less than the spread of n new shots, so read it where n is far below N.

    :param seed: everything drawn descends from it.
    :raises RefusedError: when an n is not between 1 and the number of shots.
    """
    names, column = columns(outcomes, modes)
    _check_sizes(at, len(column))
    checked_alpha(alpha)
    rng = np.random.default_rng(seed)
    counts = np.bincount(column, minlength=len(names))
    rows = []
    for n in at:
        shares = rng.multivariate_hypergeometric(counts, n, size=subsets, method="marginals") / n
        low, high = np.quantile(shares, [alpha / 2, 1 - alpha / 2], axis=0)
        columns_of = zip(names, shares.mean(axis=0), shares.std(axis=0, ddof=1), low, high, strict=True)
        rows += [SubsetSpread(m, int(n), *(float(x) for x in (mean, sd, lo, hi))) for m, mean, sd, lo, hi in columns_of]
    return rows


def scatter(
    outcomes: Sequence[str],
    modes: Sequence[str],
    size: int,
    seed: int,
    *,
    sets: int | None = None,
    alpha: float = 0.05,
) -> Scatter:
    """The first shots cut into sets of ``size`` in the order given: do they scatter more than independent shots would?

    :param sets: how many sets; None for as many as there are shots for.
    :param seed: of the permutation test, taken when counts are small.
    :raises RefusedError: when there are shots for fewer than two sets, or fewer than asked.
    """
    names, column = columns(outcomes, modes)
    checked_alpha(alpha)
    possible = len(column) // size if size > 0 else 0
    wanted = possible if sets is None else sets
    if not 2 <= wanted <= possible:
        raise RefusedError(
            f"{len(column)} shots make {possible} sets of {size}, not {wanted}; two are the least that can scatter."
        )
    cut = column[: wanted * size].reshape(wanted, size)
    counts = np.array([np.bincount(part, minlength=len(names)) for part in cut])
    p = counts.sum(axis=0) / cut.size
    observed = (counts / size).std(axis=0, ddof=1)
    expected = np.sqrt(p * (1 - p) / size)
    low, high = binom.interval(1 - alpha, size, np.clip(p, 1e-12, 1 - 1e-12))
    rows = tuple(
        SetRow(
            names[i],
            tuple(int(n) for n in counts[:, i]),
            float(p[i]),
            float(observed[i]),
            float(expected[i]),
            int(low[i]),
            int(high[i]),
        )
        for i in range(len(names))
    )
    test, p_value = homogeneity(counts, seed, _DRAWS)
    return Scatter(size, rows, p_value, test)


def _check_sizes(at: Sequence[int], total: int) -> None:
    for n in at:
        if not 1 <= n <= total:
            raise RefusedError(f"shares of {n} shots cannot be shown: there are {total}.")

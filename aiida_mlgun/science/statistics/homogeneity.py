"""One test for all modes together: do several ensembles have the same shares?"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.stats import chi2_contingency

from ...contract.errors import RefusedError
from .counting import Floats, Ints

#: Every expected count at least this: the chi-squared distribution is a good one (Cochran, Biometrics 1954, 10, 417).
_ENOUGH: Final = 5.0
#: Counts in the tables that are drawn at once.
_AT_ONCE: Final = 2_000_000


def homogeneity(table: Ints, seed: int, draws: int = 4999) -> tuple[str, float]:
    """Pearson's chi-squared test that all rows of a table of counts have the same shares.

    Where an expected count is below 5, the distribution of the statistic comes from tables drawn with the same sums of
    rows and columns, which is what dealing the shots out to the ensembles anew does; p = (1 + reached) / (1 + draws)
    (Phipson & Smyth, Stat. Appl. Genet. Mol. Biol. 2010, 9, 39).

    :param table: (ensembles, k), counts.
    :param seed: everything drawn descends from it.
    :returns: ``chi-squared`` or ``permutation``, and the p-value; 1 when there is a single mode.
    :raises RefusedError: when an ensemble has no shot.
    """
    rows = table.sum(axis=1)
    if len(table) < 2 or (rows == 0).any():
        raise RefusedError("a comparison needs two ensembles or more, each with a shot.")
    seen = table[:, table.sum(axis=0) > 0]
    if seen.shape[1] < 2:
        return "permutation", 1.0
    expected = np.outer(rows, seen.sum(axis=0)) / rows.sum()
    if expected.min() >= _ENOUGH:
        return "chi-squared", float(chi2_contingency(seen, correction=False).pvalue)
    found = float(_statistic(seen, expected)) * (1 - 1e-9)
    rng = np.random.default_rng(seed)
    block = max(1, _AT_ONCE // seen.size)
    sizes = [min(block, draws - done) for done in range(0, draws, block)]
    reached = sum(int(np.count_nonzero(_statistic(dealt_anew(seen, rng, n), expected) >= found)) for n in sizes)
    return "permutation", (1 + reached) / (1 + draws)


def dealt_anew(table: Ints, rng: np.random.Generator, draws: int) -> Ints:
    """(draws, ensembles, k): tables with the sums of ``table``, as if its shots were dealt out at random."""
    sizes = table.sum(axis=1)
    left = np.tile(table.sum(axis=0), (draws, 1))
    rows = []
    for i in range(len(sizes) - 1):
        rows.append(_hands(left, int(sizes[i]), rng))
        left = left - rows[-1]
    return np.stack([*rows, left], axis=1)


def _hands(left: Ints, size: int, rng: np.random.Generator) -> Ints:
    """(draws, k): ``size`` shots drawn without replacement from each row of ``left``, one class after the other."""
    open_, rest = np.full(len(left), size), left.sum(axis=1)
    hand = np.zeros_like(left)
    for i in range(left.shape[1]):
        rest = rest - left[:, i]
        hand[:, i] = rng.hypergeometric(left[:, i], rest, open_)
        open_ = open_ - hand[:, i]
    return hand


def _statistic(tables: Ints, expected: Floats) -> Floats:
    return np.asarray(((tables - expected) ** 2 / expected).sum(axis=(-2, -1)), dtype=np.float64)

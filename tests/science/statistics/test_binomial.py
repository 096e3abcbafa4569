from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, norm

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.statistics import clopper_pearson, never_seen, outcome_table, sticking, wilson


@pytest.mark.parametrize(("bound", "n"), [(0, 20), (13, 20), (20, 20)])
def test_sticking_is_wilsons_interval(bound: int, n: int) -> None:
    p, low, high = sticking(bound, n)
    z = norm.isf(0.025)
    for edge in (low, high):  # the edges solve (p - edge)^2 = z^2 edge (1 - edge) / n
        assert (p - edge) ** 2 == pytest.approx(z * z * edge * (1 - edge) / n, abs=1e-12)
    assert p == bound / n
    assert 0 <= low <= p <= high <= 1


@pytest.mark.parametrize(("k", "n"), [(0, 20), (3, 20), (20, 20)])
def test_clopper_pearson_ends_where_the_tails_hold_half_of_alpha(k: int, n: int) -> None:
    low, high = clopper_pearson(k, n)
    assert low == 0 if k == 0 else binom.sf(k - 1, n, low) == pytest.approx(0.025)
    assert high == 1 if k == n else binom.cdf(k, n, high) == pytest.approx(0.025)


def test_what_was_never_seen_has_the_exact_upper_bound() -> None:
    assert (1 - never_seen(100)) ** 100 == pytest.approx(0.05)
    assert never_seen(1000) == pytest.approx(3 / 1000, rel=0.01)  # rule of three
    assert never_seen(100) < outcome_table(["a"] * 60 + ["b"] * 40, ["a", "b", "c"])[2].high
    with pytest.raises(RefusedError, match="no shots"):
        never_seen(0)


def test_coverage_is_what_the_names_promise() -> None:
    n, counts = 40, np.arange(41)
    held = {}
    for method in (wilson, clopper_pearson):
        edges = np.array([method(int(k), n) for k in counts])
        shares = np.linspace(0.002, 0.998, 250)
        inside = (edges[:, :1] <= shares) & (shares <= edges[:, 1:])
        held[method] = (inside * binom.pmf(counts[:, None], n, shares)).sum(axis=0)
    assert held[clopper_pearson].min() >= 0.95  # exact: never less
    assert held[wilson].mean() == pytest.approx(0.953, abs=0.005)  # nominal on average, not everywhere
    assert held[wilson].min() < 0.95


def test_nothing_is_known_without_shots_and_nonsense_is_refused() -> None:
    assert wilson(0, 0) == clopper_pearson(0, 0) == (0, 1)
    for k, n in ((3, 2), (-1, 2)):
        for method in (sticking, wilson, clopper_pearson):
            with pytest.raises(RefusedError, match="makes no"):
                method(k, n)
    with pytest.raises(RefusedError, match="makes no probability"):
        sticking(0, 0)

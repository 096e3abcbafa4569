from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, chi2

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.statistics import doubt, exact, goodman, outcome_table, sison_glaz, wilson
from aiida_mlgun.science.statistics.simulation import coverage_fixed

MODES = ("on_top", "bridge", "intact", "never")
OUTCOMES = ["on_top"] * 60 + ["bridge"] * 30 + ["intact"] * 10
RARE = (0.9, 0.05, 0.03, 0.01, 0.005, 0.005)


def test_goodman_intervals_follow_their_closed_form() -> None:
    a = chi2.isf(0.05 / 4, 1)
    for row, n in zip(outcome_table(OUTCOMES, MODES, method="goodman"), (60, 30, 10, 0), strict=True):
        half = np.sqrt(a * (a + 4 * n * (100 - n) / 100))
        low, high = (a + 2 * n - half) / (2 * (100 + a)), (a + 2 * n + half) / (2 * (100 + a))
        assert (row.low, row.high) == pytest.approx((low, high), abs=1e-12)
        assert (row.n, row.p) == (n, n / 100)


def test_goodman_agrees_with_the_published_example() -> None:
    found = goodman([91, 49, 37, 43], 0.05)  # SAS and DescTools 0.99.49
    wanted = [[0.33420, 0.49783], [0.16086, 0.29989], [0.11455, 0.24011], [0.13747, 0.27024]]
    assert found == pytest.approx(np.array(wanted), abs=1e-5)


def test_sison_glaz_agrees_with_the_published_example() -> None:
    found = sison_glaz([56, 72, 73, 59, 62, 87, 58], 0.05)  # Sison & Glaz 1995, table 2; May & Johnson 2000
    p = np.array([56, 72, 73, 59, 62, 87, 58]) / 467
    assert (p - found[:, 0]).round(4).tolist() == [0.0407] * 7
    assert (found[:, 1] - p) == pytest.approx(np.full(7, 0.0444), abs=6e-4)
    assert found[0] == pytest.approx([0.079, 0.164], abs=6e-4)


def test_exact_intervals_end_where_the_tails_hold_alpha_over_2k() -> None:
    found = exact([60, 30, 10, 0])
    for (low, high), k in zip(found, (60, 30, 10, 0), strict=True):
        assert binom.cdf(k, 100, high) == pytest.approx(0.05 / 8)
        assert low == 0 if k == 0 else binom.sf(k - 1, 100, low) == pytest.approx(0.05 / 8)


@pytest.mark.parametrize("method", [goodman, exact])
def test_one_class_two_classes_and_no_shot(method) -> None:
    assert method([7]).tolist() == [[1, 1]]
    assert method([0, 0, 0]).tolist() == [[0, 1]] * 3
    low, high = method([3, 7])[0]
    assert method([3, 7])[1] == pytest.approx([1 - high, 1 - low])
    assert method([0, 10])[0, 0] == 0 and method([0, 10])[1, 1] == 1


def test_two_classes_are_one_binomial() -> None:
    assert tuple(goodman([3, 7])[0]) == wilson(3, 10)


@pytest.mark.parametrize("counts", [[0, 0, 1], [1000, 0, 0, 0], [0, 1, 2, 3, 100_000], [10**8, 1, 0]])
@pytest.mark.parametrize("method", [goodman, exact])
def test_intervals_stay_around_the_share_and_within_one(method, counts: list[int]) -> None:
    p = np.array(counts) / sum(counts)
    low, high = method(counts).T
    assert (low >= 0).all() and (low <= p).all() and (p <= high).all() and (high <= 1).all()
    assert (low[p == 0] == 0).all() and (high[p == 0] > 0).all()


def test_sison_glaz_would_shrink_to_a_point() -> None:
    with pytest.raises(RefusedError, match="shrink to a point"):
        sison_glaz([1000, 0, 0, 0, 0, 0, 0, 0])
    assert sison_glaz([6, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])[1, 1] > 0.3  # statsmodels 0.14 found none


def test_doubts_are_said() -> None:
    assert doubt([10, 10, 4], "goodman") == "1 of 3 classes have fewer than 5 shots: use exact intervals."
    assert doubt([10, 10, 4], "exact") is doubt([10, 10, 4]) is None
    assert doubt([10, 10, 10], "goodman") is None
    assert "7 classes" in str(doubt([10, 10, 10], "sison-glaz"))
    assert doubt([10] * 7, "sison-glaz") is None
    assert "nothing is known" in str(doubt([0, 0]))


def test_counts_that_are_none_are_refused() -> None:
    with pytest.raises(RefusedError, match="not negative"):
        goodman([1, -1, 3])
    with pytest.raises(RefusedError, match="whole"):
        exact(np.array([1.5, 2, 3]))  # type: ignore[arg-type]
    with pytest.raises(RefusedError, match="one number per class"):
        goodman([])
    with pytest.raises(RefusedError, match="alpha"):
        goodman([1, 2, 3], 5)


def test_unknown_outcomes_are_added_at_the_end() -> None:
    assert [row.mode for row in outcome_table(["b", "a", "on_top"], ["on_top"])] == ["on_top", "a", "b"]
    with pytest.raises(RefusedError, match="no outcomes"):
        outcome_table([], MODES)


def test_the_table_takes_each_method() -> None:
    for method, function in (("goodman", goodman), ("exact", exact), ("sison-glaz", sison_glaz)):
        rows = outcome_table(OUTCOMES, MODES, 0.1, method)
        assert [[row.low, row.high] for row in rows] == function([60, 30, 10, 0], 0.1).tolist()


@pytest.mark.parametrize("n", [50, 400])
def test_exact_intervals_cover_rare_classes_and_goodmans_do_not(n: int) -> None:
    repetitions = 2000  # the standard error is 0.5 % at 95 %
    assert coverage_fixed(RARE, n, repetitions, seed=1, interval=exact) > 0.95
    if n == 50:
        assert coverage_fixed(RARE, n, repetitions, seed=1, interval=goodman) < 0.93


def test_goodman_and_sison_glaz_cover_classes_that_are_alike() -> None:
    even = (0.125,) * 8
    assert 0.93 < coverage_fixed(even, 400, 2000, seed=2, interval=goodman) < 0.97
    assert coverage_fixed(even, 40, 30, seed=3, interval=sison_glaz) >= 0.85  # slow: see benchmarks/coverage.py

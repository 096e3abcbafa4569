from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2, norm

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.statistics import cluster_bootstrap, convergence, never_seen, outcome_table, sticking

MODES = ("on_top", "bridge", "intact", "never")
OUTCOMES = ["on_top"] * 60 + ["bridge"] * 30 + ["intact"] * 10


def test_goodman_intervals_follow_their_closed_form() -> None:
    a = chi2.isf(0.05 / 4, 1)
    for row, n in zip(outcome_table(OUTCOMES, MODES), (60, 30, 10, 0), strict=True):
        half = np.sqrt(a * (a + 4 * n * (100 - n) / 100))
        low, high = (a + 2 * n - half) / (2 * (100 + a)), (a + 2 * n + half) / (2 * (100 + a))
        assert (row.low, row.high) == pytest.approx((low, high), abs=1e-12)
        assert (row.n, row.p) == (n, n / 100)


def test_what_was_never_seen_has_the_exact_upper_bound() -> None:
    assert (1 - never_seen(100)) ** 100 == pytest.approx(0.05)
    assert never_seen(100) < outcome_table(OUTCOMES, MODES)[3].high
    with pytest.raises(RefusedError, match="no shots"):
        never_seen(0)


def test_unknown_outcomes_are_added_at_the_end() -> None:
    assert [row.mode for row in outcome_table(["b", "a", "on_top"], ["on_top"])] == ["on_top", "a", "b"]


def test_intervals_cover_all_shares_at_once() -> None:
    rng = np.random.default_rng(3)
    truth = np.array([0.6, 0.25, 0.15])
    names = np.array(["a", "b", "c"])
    held = 0
    for _ in range(300):
        rows = outcome_table(rng.choice(names, 200, p=truth).tolist(), names.tolist())
        held += all(row.low <= p <= row.high for row, p in zip(rows, truth, strict=True))
    assert held / 300 > 0.92


@pytest.mark.parametrize(("bound", "n"), [(0, 20), (13, 20), (20, 20)])
def test_sticking_is_wilsons_interval(bound: int, n: int) -> None:
    p, low, high = sticking(bound, n)
    z = norm.isf(0.025)
    for edge in (low, high):  # the edges solve (p - edge)^2 = z^2 edge (1 - edge) / n
        assert (p - edge) ** 2 == pytest.approx(z * z * edge * (1 - edge) / n, abs=1e-12)
    assert p == bound / n
    assert 0 <= low <= p <= high <= 1


def test_bootstrap_of_identical_clusters_has_no_scatter() -> None:
    rows = cluster_bootstrap(["a", "b"] * 5, np.repeat(np.arange(5), 2), seed=1)
    assert all((row.low, row.high) == (0.5, 0.5) for row in rows)


def test_bootstrap_over_two_start_states_that_differ_spans_all() -> None:
    rows = cluster_bootstrap(["a"] * 50 + ["b"] * 50, [0] * 50 + [1] * 50, seed=1)
    assert [(row.p, row.low, row.high) for row in rows] == [(0.5, 0.0, 1.0)] * 2


def test_bootstrap_of_independent_shots_is_binomial() -> None:
    outcomes = ["a"] * 100 + ["b"] * 300
    row = cluster_bootstrap(outcomes, np.arange(400), seed=1)[0]
    spread = 1.96 * np.sqrt(0.25 * 0.75 / 400)
    assert (row.low, row.high) == pytest.approx((0.25 - spread, 0.25 + spread), abs=0.006)
    assert row == cluster_bootstrap(outcomes, np.arange(400), seed=1)[0]


def test_convergence_ends_at_the_table() -> None:
    course = convergence(OUTCOMES, MODES)
    assert course.p[0].tolist() == [1, 0, 0, 0]
    assert course.p[-1] == pytest.approx([row.p for row in outcome_table(OUTCOMES, MODES)])
    assert course.p.sum(axis=1) == pytest.approx(np.ones(100)) and course.n[-1] == 100


def test_input_that_makes_no_share_is_refused() -> None:
    with pytest.raises(RefusedError, match="no outcomes"):
        outcome_table([], MODES)
    with pytest.raises(RefusedError, match="one start state"):
        cluster_bootstrap(["a", "b"], [7, 7], seed=1)
    with pytest.raises(RefusedError, match="2 start states"):
        cluster_bootstrap(["a", "b", "c"], [7, 8], seed=1)
    with pytest.raises(RefusedError, match="no probability"):
        sticking(3, 2)

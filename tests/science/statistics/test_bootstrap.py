from __future__ import annotations

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.statistics import cluster_bootstrap


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


def test_crossed_states_scatter_three_times_as_much_as_independent_shots() -> None:
    rng = np.random.default_rng(4)  # Owen 2007, theorem on the pigeonhole bootstrap: variance 3 σ²/N without states
    column = rng.integers(2, size=2000)
    slab, molecule = rng.integers(60, size=(2, 2000))
    names = np.array(["a", "b"])[column].tolist()
    row = cluster_bootstrap(names, slab, 1, ["a", "b"], crossed_with=molecule, alpha=0.32)[0]
    assert ((row.high - row.low) / 2) ** 2 == pytest.approx(3 * 0.25 / 2000, rel=0.2)


def test_crossing_with_states_that_agree_adds_nothing() -> None:
    outcomes, slab = ["a"] * 50 + ["b"] * 50, np.repeat(np.arange(10), 10)
    alike = np.tile(np.arange(10), 10)
    alone = cluster_bootstrap(outcomes, slab, 1, resamples=20_000)[0]
    crossed = cluster_bootstrap(outcomes, slab, 2, crossed_with=alike, resamples=20_000)[0]
    assert (crossed.low, crossed.high) == pytest.approx((alone.low, alone.high), abs=0.02)


def test_resamples_without_any_shot_are_drawn_anew() -> None:
    rows = cluster_bootstrap(["a", "b"], [0, 1], 1, crossed_with=[0, 1], resamples=200)
    assert [(row.low, row.high) for row in rows] == [(0, 1), (0, 1)]


def test_states_that_do_not_fit_are_refused() -> None:
    with pytest.raises(RefusedError, match="one start state"):
        cluster_bootstrap(["a", "b"], [7, 7], seed=1)
    with pytest.raises(RefusedError, match="one start state"):
        cluster_bootstrap(["a", "b"], [7, 8], seed=1, crossed_with=[1, 1])
    with pytest.raises(RefusedError, match="2 start states"):
        cluster_bootstrap(["a", "b", "c"], [7, 8], seed=1)

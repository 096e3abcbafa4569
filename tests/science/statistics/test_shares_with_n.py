from __future__ import annotations

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.statistics import convergence, outcome_table, random_subsets, scatter, tables_at

MODES = ("on_top", "bridge", "intact", "never")
OUTCOMES = ["on_top"] * 60 + ["bridge"] * 30 + ["intact"] * 10


def test_convergence_ends_at_the_table() -> None:
    course = convergence(OUTCOMES, MODES)
    assert course.p[0].tolist() == [1, 0, 0, 0]
    assert course.p[-1] == pytest.approx([row.p for row in outcome_table(OUTCOMES, MODES)])
    assert course.p.sum(axis=1) == pytest.approx(np.ones(100)) and course.n[-1] == 100


def test_tables_at_given_numbers_keep_all_modes() -> None:
    found = tables_at(OUTCOMES, ("on_top",), [10, 70, 100])
    assert [n for n, _ in found] == [10, 70, 100]
    assert [[row.n for row in rows] for _, rows in found] == [[10, 0, 0], [60, 10, 0], [60, 30, 10]]
    assert {row.mode for row in found[0][1]} == {"on_top", "bridge", "intact"}
    assert found[2][1] == outcome_table(OUTCOMES, ["on_top", "bridge", "intact"])
    with pytest.raises(RefusedError, match="there are 100"):
        tables_at(OUTCOMES, MODES, [101])


def test_random_subsets_scatter_as_drawing_without_replacement_does() -> None:
    rows = random_subsets(OUTCOMES, MODES, [10, 50, 100], seed=1, subsets=20_000)
    by = {(row.n, row.mode): row for row in rows}
    for n in (10, 50):
        row = by[n, "on_top"]
        assert row.mean == pytest.approx(0.6, abs=0.005)
        assert row.sd == pytest.approx(np.sqrt(0.6 * 0.4 / n * (100 - n) / 99), rel=0.03)
        assert row.low < 0.6 < row.high
    whole = by[100, "bridge"]
    assert (whole.sd, whole.low, whole.high) == pytest.approx((0, 0.3, 0.3))
    assert rows == random_subsets(OUTCOMES, MODES, [10, 50, 100], seed=1, subsets=20_000)


def test_four_sets_of_ten_in_their_own_order() -> None:
    words = (["a"] * 6 + ["b"] * 4) + (["a"] * 8 + ["b"] * 2) + (["b"] * 5 + ["a"] * 5) + (["a"] * 7 + ["b"] * 3)
    found = scatter([*words, "a"], ["a", "b", "c"], 10, seed=1)
    a, b, c = found.rows
    assert a.counts == (6, 8, 5, 7) and b.counts == (4, 2, 5, 3) and c.counts == (0, 0, 0, 0)
    assert a.p == 26 / 40
    assert a.observed_sd == pytest.approx(np.std([0.6, 0.8, 0.5, 0.7], ddof=1))
    assert a.expected_sd == pytest.approx(np.sqrt(0.65 * 0.35 / 10))
    assert (a.low, a.high) == (3, 9) and (c.low, c.high) == (0, 0)
    assert found.p_value > 0.3
    assert [row.counts for row in scatter(words, ["a"], 10, 1, sets=2).rows] == [(6, 8), (4, 2)]


def test_sets_that_differ_scatter_too_much() -> None:
    rng = np.random.default_rng(1)
    same = np.where(rng.random(40) < 0.5, "a", "b").tolist()
    assert scatter(same, ["a", "b"], 10, 1).p_value > 0.05
    apart = (["a"] * 9 + ["b"]) * 2 + (["b"] * 9 + ["a"]) * 2
    found = scatter(apart, ["a", "b"], 10, 1)
    assert found.p_value < 0.001 and found.rows[0].observed_sd > 2 * found.rows[0].expected_sd


def test_observed_scatter_of_independent_shots_is_the_expected_one() -> None:
    words = np.random.default_rng(2).choice(["a", "b", "c"], 20_000, p=[0.6, 0.3, 0.1]).tolist()
    found = scatter(words, ["a", "b", "c"], 10, seed=1)
    for row in found.rows:
        assert row.observed_sd == pytest.approx(row.expected_sd, rel=0.06)
        inside = np.mean([(row.low <= n <= row.high) for n in row.counts])
        assert inside >= 0.95
    assert found.test == "permutation" and found.p_value > 0.01


def test_too_few_shots_for_two_sets_are_refused() -> None:
    for size, sets in ((60, None), (10, 11), (10, 1), (0, None)):
        with pytest.raises(RefusedError, match="100 shots make"):
            scatter(OUTCOMES, MODES, size, 1, sets=sets)

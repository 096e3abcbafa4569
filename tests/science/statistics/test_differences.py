from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import boschloo_exact, chi2_contingency, fisher_exact
from statsmodels.stats.multitest import multipletests

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.strict import dump
from aiida_mlgun.science.statistics import compare, holm, homogeneity, total_variation, wilson

MODES = ("a", "b", "c", "never")


def test_newcombes_interval_is_built_from_wilsons() -> None:
    row = compare([30, 70], [50, 50], ("a", "b"), seed=1).differences[0]
    alpha = 0.05 / 2
    (l1, u1), (l2, u2) = wilson(30, 100, alpha), wilson(50, 100, alpha)
    assert row.difference == pytest.approx(0.2)
    assert row.low == pytest.approx(0.2 - np.hypot(0.5 - l2, u1 - 0.3))
    assert row.high == pytest.approx(0.2 + np.hypot(u2 - 0.5, 0.3 - l1))


def test_small_ensembles_are_tested_exactly() -> None:
    found = compare([3, 7, 0, 0], [9, 0, 1, 0], MODES, seed=1)
    assert found.differences[0].p_value == pytest.approx(boschloo_exact([[3, 9], [7, 1]]).pvalue)
    assert found.global_test == "permutation"
    assert found.differences[3].p_value == 1  # seen in neither
    many = compare([30, 70, 0, 0], [90, 0, 10, 0], MODES, seed=1)
    assert many.differences[0].p_value == pytest.approx(fisher_exact([[30, 90], [70, 10]]).pvalue)


def test_holm_multiplies_the_smallest_by_the_number_of_modes() -> None:
    rows = compare([30, 70, 10, 0], [50, 50, 12, 0], MODES, seed=1).differences
    smallest = min(rows, key=lambda row: row.p_value)
    assert smallest.p_adjusted == pytest.approx(4 * smallest.p_value)
    assert all(row.differs == (row.p_adjusted < 0.05) for row in rows)


@pytest.mark.parametrize("p_values", [[0.01, 0.04, 0.03, 1.0], [0.5], [0.02, 0.02, 0.001, 0.0], [0.9, 0.8, 0.7]])
def test_holm_is_statsmodels(p_values: list[float]) -> None:
    assert holm(np.array(p_values)) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_many_modes_alike_are_seldom_called_different() -> None:
    rng = np.random.default_rng(1)
    truth = [0.3, 0.2, 0.2, 0.1, 0.1, 0.05, 0.05]
    names = [str(i) for i in range(7)]
    wrong = 0
    for _ in range(150):
        a, b = rng.multinomial(200, truth), rng.multinomial(150, truth)
        wrong += any(row.differs for row in compare(a, b, names, 1, resamples=10).differences)
    assert wrong / 150 < 0.09  # 5 % at most, standard error 1.8 %


def test_intervals_of_differences_hold_together() -> None:
    rng = np.random.default_rng(2)
    p, q, held = np.array([0.6, 0.3, 0.08, 0.02]), np.array([0.5, 0.3, 0.15, 0.05]), 0
    for _ in range(200):
        rows = compare(rng.multinomial(150, p), rng.multinomial(250, q), MODES, 1, resamples=10).differences
        held += all(row.low <= d <= row.high for row, d in zip(rows, q - p, strict=True))
    assert held / 200 > 0.92


def test_a_design_effect_makes_the_same_counts_say_less() -> None:
    plain = compare([300, 700], [400, 600], ("a", "b"), 1)
    states = compare([300, 700], [400, 600], ("a", "b"), 1, design_effects=(10, 10))
    tenth = compare([30, 70], [40, 60], ("a", "b"), 1)
    assert plain.differences[0].differs and not states.differences[0].differs
    assert states.differences == tenth.differences
    assert (states.n_a, states.effective_a, states.p_global) == (1000, 100, tenth.p_global)


def test_homogeneity_is_pearsons_test_where_counts_are_large() -> None:
    table = np.array([[30, 70, 40], [60, 60, 30]])
    assert homogeneity(table, 1) == ("chi-squared", pytest.approx(chi2_contingency(table).pvalue))


def test_permutation_agrees_with_fishers_exact_test() -> None:
    table = np.array([[8, 2], [1, 5]])
    name, p_value = homogeneity(table, 1, draws=40_000)
    assert name == "permutation" and p_value == pytest.approx(fisher_exact(table).pvalue, abs=0.003)


def test_permutation_holds_its_level_with_rare_modes() -> None:
    rng = np.random.default_rng(3)
    truth = [0.85, 0.1, 0.03, 0.01, 0.01]
    p_values = [homogeneity(rng.multinomial(30, truth, size=3), i, draws=199)[1] for i in range(400)]
    assert np.mean(np.array(p_values) <= 0.05) < 0.08
    assert np.mean(np.array(p_values) <= 0.5) == pytest.approx(0.5, abs=0.12)  # not far too cautious either


def test_a_single_mode_cannot_differ() -> None:
    assert homogeneity(np.array([[5, 0], [7, 0]]), 1) == ("permutation", 1.0)


def test_distance_is_half_the_sum_of_differences() -> None:
    found = total_variation(np.array([60, 40, 0]), np.array([50, 30, 20]), 1)
    assert found.value == pytest.approx(0.2)
    assert 0 <= found.low < 0.2 < found.high <= 1 and found.by_chance < 0.2
    assert total_variation(np.array([10, 0]), np.array([0, 10]), 1).value == 1
    assert found == total_variation(np.array([60, 40, 0]), np.array([50, 30, 20]), 1)


@pytest.mark.parametrize("moved", [0.0, 0.1, 0.5])
def test_the_interval_of_the_distance_holds_it(moved: float) -> None:
    rng = np.random.default_rng(4)
    p = np.array([0.55, 0.2, 0.15, 0.05, 0.03, 0.02])
    q = p + moved * np.array([-1, 1, 0, 0, 0, 0])
    held = beyond = 0
    for i in range(200):
        found = total_variation(rng.multinomial(120, p), rng.multinomial(200, q), i, resamples=300)
        held += found.low <= moved + 1e-12 <= found.high + 1e-12
        beyond += found.value > found.by_chance
    assert held / 200 > 0.92
    if moved == 0:
        assert beyond / 200 < 0.1
    if moved == 0.5:
        assert beyond == 200


def test_the_result_goes_into_json() -> None:
    found = dump(compare([3, 7], [5, 5], ("a", "b"), 1))
    assert json.loads(json.dumps(found)) == found


def test_ensembles_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(RefusedError, match="do not belong together"):
        compare([1, 2], [1, 2, 3], ("a", "b"), 1)
    with pytest.raises(RefusedError, match="each with a shot"):
        compare([1, 2], [0, 0], ("a", "b"), 1)
    with pytest.raises(RefusedError, match="1 or more"):
        compare([1, 2], [1, 2], ("a", "b"), 1, design_effects=(0.5, 1))
    with pytest.raises(RefusedError, match="a shot in each"):
        total_variation(np.array([0, 0]), np.array([1, 0]), 1)

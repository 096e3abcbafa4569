from __future__ import annotations

import json

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.strict import dump
from aiida_mlgun.science.statistics import clopper_pearson, cluster_bootstrap, clustered_shares, never_seen
from aiida_mlgun.science.statistics.simulation import two_kinds_of_states

NAMES = np.array(["a", "b", "c"])
SHARES = np.array([0.6, 0.35, 0.05])


def words(column) -> list[str]:
    return NAMES[column].tolist()


def test_shots_that_follow_their_state_are_worth_one_shot_per_state() -> None:
    outcomes = ["a"] * 400 + ["b"] * 600
    found = clustered_shares(outcomes, np.repeat(np.arange(10), 100))
    row = found.shares[0]
    assert row.design_effect == pytest.approx(100 * 10 / 9)
    assert row.n_effective < 10
    assert row.low < 0.4 < row.high and row.high - row.low > 0.6
    assert found.degrees == 9 and found.remark == ""


def test_shots_of_their_own_states_are_independent() -> None:
    found = clustered_shares(["a"] * 100 + ["b"] * 300, np.arange(400))
    row = found.shares[0]
    assert row.design_effect == pytest.approx(1, abs=0.003)
    assert (row.low, row.high) == pytest.approx(clopper_pearson(100, 400), abs=1e-3)


def test_the_variance_is_that_of_the_ratio_by_hand() -> None:
    outcomes, states = ["a", "a", "b", "a", "b", "b"], [0, 0, 0, 1, 1, 2]
    sums = np.array([2 - 1.5, 1 - 1.0, 0 - 0.5])  # y - p summed over each state, p = 1/2
    variance = 3 / 2 * (sums**2).sum() / 36
    assert clustered_shares(outcomes, states).shares[0].design_effect == max(1, variance / (0.25 / 6))


def test_states_of_the_second_kind_count_as_those_of_the_first() -> None:
    column, slab, molecule = two_kinds_of_states(SHARES, 500, (8, 12), 0.2, np.random.default_rng(1))
    both = clustered_shares(words(column), slab, molecule, modes=NAMES)
    turned = clustered_shares(words(column), molecule, slab, modes=NAMES)
    assert [row.low for row in turned.shares] == pytest.approx([row.low for row in both.shares])
    assert both.n_states == (8, 12) and both.degrees == 7
    for kind in (slab, molecule):
        alone = clustered_shares(words(column), kind, modes=NAMES)
        assert all(x.design_effect >= y.design_effect for x, y in zip(both.shares, alone.shares, strict=True))


def test_one_start_state_leaves_all_unknown() -> None:
    found = clustered_shares(["a", "b"], [3, 3])
    assert [(row.low, row.high, row.design_effect) for row in found.shares] == [(0, 1, None)] * 2
    assert "unknown" in found.remark and found.inflation is None


def test_few_states_are_remarked() -> None:
    outcomes = ["a", "b"] * 50
    two = clustered_shares(outcomes, np.repeat([0, 1], 50))
    assert "2 start states" in two.remark
    assert two.shares[0].high - two.shares[0].low > 0.9  # t with one degree of freedom
    single = clustered_shares(outcomes, np.repeat(np.arange(10), 10), np.zeros(100, dtype=int))
    assert single.remark == "One kind of start state has a single one: the intervals hold for that one only."
    assert single.n_states == (10, 1) and single.degrees == 9


def test_a_mode_never_seen_has_an_upper_bound() -> None:
    column, slab, _ = two_kinds_of_states(SHARES, 500, (10, 1), 0.1, np.random.default_rng(2))
    row = clustered_shares(words(column), slab, modes=["a", "b", "c", "never"]).shares[3]
    assert row.low == 0 and row.high > never_seen(500)
    assert row.design_effect > 1
    all_alike = clustered_shares(["a"] * 100, np.repeat(np.arange(10), 10), modes=["a", "b"])
    assert all_alike.shares[0].high == 1 and 0.9 < all_alike.shares[0].low < clopper_pearson(100, 100)[0]


def test_intervals_that_hold_together_are_wider() -> None:
    column, slab, _ = two_kinds_of_states(SHARES, 500, (10, 1), 0.1, np.random.default_rng(3))
    alone = clustered_shares(words(column), slab, modes=NAMES)
    together = clustered_shares(words(column), slab, modes=NAMES, simultaneous=True)
    for one, all_ in zip(alone.shares, together.shares, strict=True):
        assert all_.low < one.low and one.high < all_.high


def test_the_result_goes_into_json() -> None:
    found = dump(clustered_shares(["a", "b"] * 5, np.repeat(np.arange(5), 2)))
    assert json.loads(json.dumps(found)) == found


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(RefusedError, match="one kind or of two"):
        clustered_shares(["a", "b"])
    with pytest.raises(RefusedError, match="3 start states"):
        clustered_shares(["a", "b"], [1, 2, 3])


@pytest.mark.parametrize(("second", "correlation"), [(1, 0.0), (1, 0.05), (10, 0.0), (10, 0.05)])
def test_ten_start_states_cover(second: int, correlation: float) -> None:
    rng, repetitions, held = np.random.default_rng(5), 400, np.zeros(3)
    for _ in range(repetitions):
        column, slab, molecule = two_kinds_of_states(SHARES, 300, (10, second), correlation, rng)
        rows = clustered_shares(words(column), slab, molecule, modes=NAMES).shares
        held += [row.low <= p <= row.high for row, p in zip(rows, SHARES, strict=True)]
    assert (held / repetitions > 0.92).all()


def test_percentiles_of_ten_states_cover_less() -> None:
    rng, repetitions, held = np.random.default_rng(6), 300, np.zeros((2, 3))
    for _ in range(repetitions):
        column, slab, _ = two_kinds_of_states(SHARES, 300, (10, 1), 0.05, rng)
        ours = clustered_shares(words(column), slab, modes=NAMES).shares
        theirs = cluster_bootstrap(words(column), slab, 1, NAMES, resamples=300)
        held += [[row.low <= p <= row.high for row, p in zip(rows, SHARES, strict=True)] for rows in (ours, theirs)]
    ours, theirs = held / repetitions
    assert (ours > 0.92).all() and theirs.min() < 0.92 and (theirs < ours).all()

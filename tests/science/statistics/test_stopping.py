from __future__ import annotations

import json

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.strict import dump
from aiida_mlgun.science.statistics import clustered_shares, confidence_sequence, goodman, prior_for, required
from aiida_mlgun.science.statistics.effective import worth
from aiida_mlgun.science.statistics.simulation import campaigns, coverage_fixed, two_kinds_of_states

MODES = ("a", "b", "c", "d")
TRUTHS = {
    "paper": (0.3, 0.25, 0.2, 0.15, 0.05, 0.03, 0.01, 0.01),
    "rare": (0.98, 0.012, 0.005, 0.003),
    "even": (0.25,) * 4,
    "impossible": (0.7, 0.3, 0.0),
}


@pytest.mark.parametrize("name", TRUTHS)
def test_shares_are_held_at_every_look_until_the_campaign_stops(name: str) -> None:
    run = campaigns(TRUTHS[name], 0.06, 20, 600, seed=1)
    assert run.throughout >= 0.96 and run.at_the_end >= run.throughout
    assert 1.0 < run.width_ratio < 1.75  # the price of looking; the larger ratios are those of rare modes


@pytest.mark.parametrize("name", ["paper", "even"])
def test_stopping_by_intervals_for_fixed_n_covers_too_little(name: str) -> None:
    naive = campaigns(TRUTHS[name], 0.06, 5, 150, seed=2, by=goodman)
    assert naive.throughout < 0.85
    ours = campaigns(TRUTHS[name], 0.06, 5, 150, seed=2)
    assert ours.throughout > 0.95 and ours.shots < 2.2 * naive.shots


def test_a_campaign_step_by_step_is_the_simulated_one() -> None:
    truth, target, batch = TRUTHS["even"], 0.1, 25
    run = campaigns(truth, target, batch, 1, seed=3)
    rng, counts = np.random.default_rng(3), np.zeros(4, dtype=np.int64)
    for _ in range(1000):
        counts += rng.multinomial(batch, truth, size=1)[0]
        decision = required(counts, target, MODES)
        if decision.stop:
            break
    assert decision.n == run.shots
    assert decision.half_width <= target and decision.more == 0 and decision.sentence.endswith("enough.")


def test_intervals_are_those_of_the_sequence_at_the_shared_level() -> None:
    decision = required([60, 30, 10, 0], 0.05, MODES)
    low, high = confidence_sequence([60, 30, 10, 0], 100, prior_for(0.05, 0.05 / 4), 0.05 / 4)
    assert [row.low for row in decision.intervals] == low.tolist()
    assert [row.high for row in decision.intervals] == high.tolist()
    assert decision.widest == "a" and not decision.stop
    two = required([60, 40], 0.05, ("a", "b"))
    assert two.intervals[0].low == confidence_sequence(60, 100, prior_for(0.05), 0.05)[0]


def test_the_estimate_of_what_is_missing_is_right_when_shares_stay() -> None:
    shares = np.array([50, 30, 15, 5])
    first = required(shares, 0.05, MODES)
    assert first.more is not None and f"about {first.more} more" in first.sentence
    n = 100 + first.more
    assert required(np.rint(shares * (n / 100)).astype(int), 0.0505, MODES, tuned_for=0.05).stop
    assert not required(np.rint(shares * (0.97 * n / 100)).astype(int), 0.05, MODES).stop


def test_only_watched_modes_count() -> None:
    counts = [500, 480, 15, 5]
    decision = required(counts, 0.02, MODES, watched=["c"])
    assert decision.stop and [row.mode for row in decision.intervals] == ["c"]
    assert not required(counts, 0.02, MODES).stop


def test_before_the_first_shot_the_worst_share_is_assumed() -> None:
    decision = required([0, 0, 0], 0.1, ("a", "b", "c"))
    assert [(row.low, row.high) for row in decision.intervals] == [(0, 1)] * 3
    assert not decision.stop and decision.n == 0
    assert decision.more == required([50, 50, 0], 0.1, ("a", "b", "c")).more + 100
    assert required([5], 0.1, ("a",)).stop  # the only mode there is


def test_a_design_effect_divides_the_shots() -> None:
    plain, fewer = required([60, 30, 10, 0], 0.05, MODES), required([240, 120, 40, 0], 0.05, MODES, design_effect=4)
    assert fewer.n_effective == 100 and fewer.half_width == pytest.approx(plain.half_width)
    assert fewer.more == pytest.approx(4 * plain.more, abs=4)


def test_start_states_can_be_too_few() -> None:
    counts = [600, 300, 100, 0]
    few = required(counts, 0.02, MODES, design_effect=50, n_states=10)
    assert few.more is None and "add start states" in few.sentence and "these 10" in few.sentence
    many = required(counts, 0.02, MODES, design_effect=1.02, n_states=400)
    assert many.more is not None and many.more > required(counts, 0.02, MODES).more


@pytest.mark.parametrize(("effect", "states"), [(1.0, None), (3.0, None), (1.0, 20), (1.2, 50), (5.0, 40)])
def test_worth_and_shots_are_inverse(effect: float, states: int | None) -> None:
    value = worth(500, effect, states, 0.05)
    for independent in (10.0, 0.3 * min(value.limit(), 1000)):
        assert value.of(value.shots(independent)) == pytest.approx(independent)
    assert value.of(500) <= 500 / effect
    if value.limit() < np.inf:
        assert value.of(1e12) == pytest.approx(value.limit()) and value.shots(1.01 * value.limit()) == np.inf


def test_campaigns_over_start_states_need_the_design_effect() -> None:
    rng, shares, names = np.random.default_rng(4), np.array([0.6, 0.35, 0.05]), ["a", "b", "c"]
    held, blind, repetitions = 0, 0, 60
    for _ in range(repetitions):
        column, slab, _ = two_kinds_of_states(shares, 1200, (30, 1), 0.1, rng)
        good = plain = True
        for n in range(300, 1201, 300):
            counts = np.bincount(column[:n], minlength=3)
            effect = clustered_shares([names[i] for i in column[:n]], slab[:n], modes=names).design_effect
            wide = required(counts, 0.2, names, design_effect=effect, n_states=30, tuned_for=0.05).intervals
            narrow = required(counts, 0.2, names, tuned_for=0.05).intervals
            good &= all(row.low <= p <= row.high for row, p in zip(wide, shares, strict=True))
            plain &= all(row.low <= p <= row.high for row, p in zip(narrow, shares, strict=True))
        held, blind = held + good, blind + plain
    assert held / repetitions > 0.93 and blind / repetitions < 0.9


def test_the_decision_goes_into_json() -> None:
    found = dump(required([6, 3, 1], 0.2, ("a", "b", "c")))
    assert json.loads(json.dumps(found)) == found


def test_simulated_states_have_the_shares_and_the_correlation_asked_for() -> None:
    rng, shares = np.random.default_rng(5), (0.5, 0.3, 0.2)
    column, slab, molecule = two_kinds_of_states(shares, 200_000, (2000, 1), 0.1, rng)
    assert np.bincount(column) / 200_000 == pytest.approx(shares, abs=0.015)
    effect = clustered_shares([str(i) for i in column], slab).shares[0].design_effect
    assert effect == pytest.approx(1 + 99 * 0.1, rel=0.15) and set(molecule) == {0}


def test_what_cannot_be_decided_is_refused() -> None:
    for counts, target, modes, more, words in (
        ([1, 2], 0.05, ("a",), {}, "names of modes"),
        ([1, 2], 0.05, ("a", "a"), {}, "different names"),
        ([1, 2], 5.0, ("a", "b"), {}, "not percent"),
        ([1, 2, 3], 0.05, ("a", "b", "c"), {"watched": ["d"]}, "watched modes"),
        ([1, 2, 3], 0.05, ("a", "b", "c"), {"watched": []}, "watched modes"),
        ([1, 2, 3], 0.05, ("a", "b", "c"), {"design_effect": 0.5}, "design effect"),
        ([1, 2, 3], 0.05, ("a", "b", "c"), {"n_states": 1}, "more start states"),
    ):
        with pytest.raises(RefusedError, match=words):
            required(counts, target, modes, **more)
    with pytest.raises(RefusedError, match="add up to 1"):
        coverage_fixed((0.5, 0.6), 10, 1, 1)
    with pytest.raises(RefusedError, match="after 2 looks"):
        campaigns((0.5, 0.3, 0.2), 0.01, 10, 2, 1, most_looks=2)

"""The decision loop of a campaign: look, size of the next wave, look again, until it stops."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from aiida_mlgun.contract.shooting import Chemistry, Mode, ReactiveGroup
from aiida_mlgun.science.outcomes.catalogue import UNDECIDED
from aiida_mlgun.science.statistics import required
from aiida_mlgun.science.statistics.simulation import two_kinds_of_states
from aiida_mlgun.science.tally import Tally
from aiida_mlgun.workflows.campaign import Precision
from aiida_mlgun.workflows.look import look_at, wave_size

NAMES = ("bound", "precursor", "intact")
SHARES = np.array([0.25, 0.15, 0.6])
CHEMISTRY = Chemistry((ReactiveGroup("CC", (0, 1)),), tuple(Mode(name, name != "intact", "") for name in NAMES))


def tally_of(column: Any, slab: Any, gas: Any) -> Tally:
    n = len(column)
    states = {"slab_state": slab, "molecule_state": gas, "drift": np.full(n, 0.01)}
    return Tally().plus({"shot": np.arange(n), "outcome": np.array(NAMES)[column], **states})


def fly(rng: np.random.Generator, precision: Precision, correlation: float, budget: int = 3000) -> list[dict[str, Any]]:
    """The looks of one campaign of jobs of 20 shots, 8 at once, from 30 start states of each kind."""
    column, slab, gas = two_kinds_of_states(SHARES, budget, (30, 30), correlation, rng)
    looks, n = [look_at(Tally(), CHEMISTRY, precision)], 0
    while not looks[-1]["stop"] and n < budget:
        n += wave_size(looks[-1]["more"], n == 0, 20, 8, budget - n)
        looks.append(look_at(tally_of(column[:n], slab[:n], gas[:n]), CHEMISTRY, precision))
    return looks


def held(looks: list[dict[str, Any]]) -> bool:
    truth = dict(zip(NAMES, SHARES, strict=True)) | {UNDECIDED: 0.0}
    return all(row["low"] <= truth[row["mode"]] <= row["high"] for found in looks for row in found["intervals"])


@pytest.mark.parametrize(
    ("correlation", "half_width", "watched"), [(0.0, 0.09, None), (0.03, 0.12, None), (0.05, 0.11, ("intact",))]
)
def test_the_loop_keeps_its_coverage_at_every_look(
    correlation: float, half_width: float, watched: tuple[str, ...] | None
) -> None:
    rng, repetitions = np.random.default_rng(7), 40
    runs = [fly(rng, Precision(half_width, watched), correlation) for _ in range(repetitions)]
    assert np.mean([held(looks) for looks in runs]) >= 0.95
    stopped = [looks for looks in runs if looks[-1]["stop"]]
    assert len(stopped) > 0.9 * repetitions
    assert all(looks[-1]["half_width"] <= half_width for looks in stopped)
    assert max(map(len, runs)) <= 25  # the estimate of what is missing leads there in a few waves


def test_start_states_that_differ_cost_shots() -> None:
    rng = np.random.default_rng(8)
    alike, unlike = (
        np.mean([fly(rng, Precision(0.15), correlation)[-1]["n"] for _ in range(6)]) for correlation in (0.0, 0.3)
    )
    assert unlike > 1.5 * alike


def test_a_look_says_what_it_stands_on() -> None:
    column, slab, gas = two_kinds_of_states(SHARES, 400, (12, 9), 0.02, np.random.default_rng(2))
    found = look_at(tally_of(column, slab, gas), CHEMISTRY, Precision(0.05, ("intact",)))
    assert json.loads(json.dumps(found)) == found
    assert found["n"] == 400 and sum(found["counts"].values()) == 400 and found["counts"][UNDECIDED] == 0
    assert found["n_states"] == 9 and found["design_effect"] >= 1 and found["n_effective"] < 400
    assert [row["mode"] for row in found["intervals"]] == ["intact"] == found["asked"]["watched"]
    assert "intact" in found["sentence"] and not found["stop"]


def test_a_tightened_target_keeps_the_sequence_of_the_first() -> None:
    column, slab, gas = two_kinds_of_states(SHARES, 300, (20, 1), 0.0, np.random.default_rng(2))
    tally = tally_of(column, slab, gas)
    first, later = (look_at(tally, CHEMISTRY, Precision(*given)) for given in ((0.1,), (0.03, None, 0.05, 0.1)))
    assert later["intervals"] == first["intervals"] and not later["stop"]
    assert look_at(tally, CHEMISTRY, Precision(0.03))["intervals"] != first["intervals"]


def test_one_start_state_says_nothing_of_others() -> None:
    column, slab, gas = two_kinds_of_states(SHARES, 300, (1, 1), 0.0, np.random.default_rng(2))
    found = look_at(tally_of(column, slab, gas), CHEMISTRY, Precision(0.1))
    plain = required([found["counts"][name] for name in (*NAMES, UNDECIDED)], 0.1, (*NAMES, UNDECIDED))
    assert (found["n_states"], found["design_effect"], found["half_width"]) == (None, 1.0, plain.half_width)
    assert found["remark"].startswith("All shots come from one start state")


def test_hopeless_is_believed_only_with_shots_enough() -> None:
    rng = np.random.default_rng(4)
    column, slab, gas = two_kinds_of_states(SHARES, 600, (6, 1), 0.4, rng)
    few, many = (look_at(tally_of(column[:n], slab[:n], gas[:n]), CHEMISTRY, Precision(0.03)) for n in (24, 600))
    assert (few["more"], few["hopeless"]) == (None, False)
    assert few["sentence"].endswith("): too few shots per start state yet to say how many more are needed.")
    assert (many["more"], many["hopeless"]) == (None, True)
    assert many["sentence"].endswith("more shots from these 6 start states cannot reach that; add start states.")


def test_an_outcome_that_no_catalogue_knows_is_counted() -> None:
    column, slab, gas = two_kinds_of_states(SHARES, 50, (6, 1), 0.0, np.random.default_rng(4))
    tally = tally_of(column, slab, gas)
    odd = Tally(tally.shots, {(s, g, "bound" if o == "bound" else "odd"): n for (s, g, o), n in tally.cells.items()})
    found = look_at(odd, CHEMISTRY, Precision(0.1))
    assert found["counts"]["odd"] > 0 and "odd" not in found["asked"]["watched"]


@pytest.mark.parametrize(
    ("more", "first", "at_once", "left", "wave"),
    [
        (300, True, 8, 1000, 100),  # a third of what the worst shares need
        (300, False, 8, 1000, 160),  # not more than run together
        (90, False, 8, 1000, 100),  # whole jobs
        (90, False, 8, 50, 50),  # the budget's rest
        (1, False, 8, 1000, 20),
        (300, False, None, 1000, 300),
        (None, False, 8, 1000, 160),
        (None, False, None, 1000, 1000),
    ],
)
def test_the_size_of_a_wave(more: int | None, first: bool, at_once: int | None, left: int, wave: int) -> None:
    assert wave_size(more, first, 20, at_once, left) == wave

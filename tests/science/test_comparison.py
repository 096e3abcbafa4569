from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.comparison import METRICS, difference, error_sums
from aiida_mlgun.science.errors import error_table


def test_the_difference_is_that_of_the_tables(make_frames) -> None:
    frames, rng = make_frames(30), np.random.default_rng(0)
    answers = [(frames.energy + rng.normal(size=30), frames.forces + rng.normal(scale=s, size=(60, 3))) for s in (1, 2)]
    one, other = (error_sums(frames, *answer) for answer in answers)
    tables = [error_table(frames, *answer)["all"] for answer in answers]
    for metric in METRICS:
        found = difference(one, other, metric)
        assert found is not None and found.low is not None and found.high is not None
        assert found.difference == pytest.approx(tables[0][metric] - tables[1][metric])
        assert found.low < found.difference < found.high
        assert (found.unit, found.units) == ("frame", 30)
    forces = difference(one, other, "rmse_forces")
    assert forces is not None and forces.high is not None and forces.high < 0


def test_equal_models_differ_by_nothing(make_frames) -> None:
    frames = make_frames(20)
    sums = error_sums(frames, frames.energy + 0.1, frames.forces + 0.1)
    found = difference(sums, sums, "mae_forces")
    assert found is not None
    assert (found.difference, found.low, found.high) == (0.0, 0.0, 0.0)


def test_the_interval_of_a_mean_is_that_of_students_t(make_frames) -> None:
    """The energies' absolute errors of one model against a model without any: the mean's own interval."""
    frames, rng = make_frames(400), np.random.default_rng(1)
    wrong = np.abs(rng.normal(loc=3.0, size=400))
    one = error_sums(frames, frames.energy + 2 * wrong, frames.forces)
    none = error_sums(frames, frames.energy, frames.forces)
    found = difference(one, none, "mae_energy")
    assert found is not None and found.low is not None and found.high is not None
    assert found.difference == pytest.approx(wrong.mean())
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * wrong.std() / 20, rel=0.1)


def test_frames_of_one_run_are_drawn_together(make_frames) -> None:
    frames = make_frames(50).with_tag("run", np.repeat(list("abcde"), 10))
    shift = np.repeat([0.0, 0.2, 0.4, 0.6, 0.8], 10)
    one = error_sums(frames, frames.energy + shift, frames.forces)
    none = error_sums(frames, frames.energy, frames.forces)
    by_run = difference(one, none, "mae_energy")
    assert by_run is not None and (by_run.unit, by_run.units) == ("run", 5)
    loose = frames.with_tag("run", [""] * 50)
    assert by_run.low is not None and by_run.high is not None
    single = difference(
        error_sums(loose, loose.energy + shift, loose.forces),
        error_sums(loose, loose.energy, loose.forces),
        "mae_energy",
    )
    assert single is not None and single.low is not None and single.high is not None
    assert by_run.high - by_run.low > 2 * (single.high - single.low)


def test_what_has_no_answer(make_frames) -> None:
    frames = make_frames(4)
    bare = replace(frames, energy=None)
    sums = error_sums(bare, frames.energy, frames.forces)
    assert difference(sums, sums, "rmse_energy") is None
    one = make_frames(1)
    alone = error_sums(one, one.energy + 0.2, one.forces)
    found = difference(alone, alone, "rmse_energy")
    assert found is not None and (found.low, found.units) == (None, 1)
    with pytest.raises(RefusedError, match="scored on different frames"):
        difference(error_sums(frames, frames.energy, frames.forces), alone, "rmse_energy")

"""Which frames remain of a shot: a coarse grid, all around events, the last; and no more memory than that."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aiida_mlgun.contract.shooting import Output
from aiida_mlgun.remote.engine.frame_keeper import FrameKeeper

POLICY = Output(frame_every_fs=200.0, event_window_fs=50.0)


def _at(t_fs: float) -> Any:
    """Two atoms; x of the first tells the time, 0.001 Å per fs."""
    return np.array([[1e-3 * t_fs, 0, 0], [0, 2.0, -3.0]])


def _keep(end_fs: float, events: list[float], policy: Output = POLICY, every: float = 10.0) -> FrameKeeper:
    keeper = FrameKeeper(policy)
    for t in np.arange(0, end_fs + 0.5 * every, every):
        keeper.look(float(t), _at(t), sum(e <= t for e in events))
    return keeper


def test_a_quiet_shot_leaves_a_grid_and_its_end() -> None:
    times, frames = _keep(930.0, []).frames()
    np.testing.assert_array_equal(times, [0, 200, 400, 600, 800, 930])
    np.testing.assert_array_equal(frames[:, 0, 0], times)
    np.testing.assert_array_equal(frames[:, 1], np.tile([0, 2000, -3000], (6, 1)))


def test_looks_around_an_event_are_kept_on_both_sides() -> None:
    times, frames = _keep(1000.0, [503.0]).frames()  # noticed at the look at 510 fs
    np.testing.assert_array_equal(times, [0, 200, 400, *range(460, 561, 10), 600, 800, 1000])
    np.testing.assert_array_equal(frames[:, 0, 0], times)


@pytest.mark.parametrize(
    ("events", "kept"),
    [
        ([510.0, 540.0], range(460, 591, 10)),
        ([510.0, 600.0], [*range(460, 561, 10), *range(550, 651, 10)]),
        ([0.0], range(0, 51, 10)),
        ([1000.0], range(950, 1001, 10)),
        ([210.0, 210.0, 210.0], range(160, 261, 10)),
    ],
)
def test_windows_that_meet_hold_each_frame_once(events: list[float], kept: Any) -> None:
    times = _keep(1000.0, events).frames()[0]
    assert times.tolist() == sorted({0, 200, 400, 600, 800, 1000, *kept})


def test_no_window_keeps_the_look_at_the_event_alone() -> None:
    policy = Output(frame_every_fs=400.0, event_window_fs=0.0)
    assert _keep(900.0, [333.0], policy).frames()[0].tolist() == [0, 340, 400, 800, 900]


def test_looks_farther_apart_than_the_grid_are_all_kept() -> None:
    assert _keep(900.0, [], POLICY, every=300.0).frames()[0].tolist() == [0, 300, 600, 900]


def test_odd_time_steps_stay_on_the_grid() -> None:
    times = _keep(2000.0, [], POLICY, every=20 * 0.3).frames()[0]
    assert len(times) == 11  # ten slots of 200 fs and the end
    assert (np.diff(times[:-1]) > 190).all()


def test_memory_is_bounded_by_the_policy() -> None:
    """20 000 looks, three events: what the class says at most, and the ring never longer than its window."""
    keeper = FrameKeeper(POLICY)
    for i in range(20_000):
        t = 10.0 * i
        keeper.look(t, _at(t), sum(t >= e for e in (5e4, 1e5, 1.5e5)))
        held = len(keeper.state()["times"]) if i % 997 == 0 else 0
        assert held <= t / 200 + 2 + 3 * 11 + 6
    assert len(keeper.frames()[0]) <= 2e5 / 200 + 2 + 3 * 11


@pytest.mark.parametrize("stop", [0.0, 190.0, 200.0, 500.0, 510.0, 530.0, 990.0])
def test_a_restored_keeper_goes_on_as_if_nothing_had_happened(stop: float) -> None:
    events = [503.0, 770.0]
    first, second = _keep(stop, events), FrameKeeper(POLICY)
    second.restore(first.state())
    for t in np.arange(stop + 10.0, 1000.5, 10.0):
        second.look(float(t), _at(t), sum(e <= t for e in events))
    whole = _keep(1000.0, events)
    for a, b in zip(second.frames(), whole.frames(), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype
    for name, array in whole.state().items():
        np.testing.assert_array_equal(second.state()[name], array)


def test_nothing_yet() -> None:
    times, frames = FrameKeeper(POLICY).frames()
    assert (len(times), len(frames)) == (0, 0)

"""One bond of 1 Å: made below 1.25, broken above 1.5 Å, to be held for 20 fs; looks are 10 fs apart."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_mlgun.science.outcomes.bonds import Limits
from aiida_mlgun.science.outcomes.memory import BondMemory

SHORT, BETWEEN, LONG = 1.0, 1.4, 2.0
LIMITS = Limits(np.full((1, 1), 1.25), np.full((1, 1), 1.5))


def shown(lengths: list[float], start: bool = False, every: float = 10.0) -> tuple[BondMemory, list[bool]]:
    memory = BondMemory(LIMITS, 20.0, np.array([[start]]))
    counted = []
    for k, length in enumerate(lengths):
        before = memory.counted.copy()
        due = memory.look(every * k, np.array([[length]]))
        assert (due is None) == np.array_equal(before, memory.counted)
        counted.append(bool(memory.counted[0, 0]))
    return memory, counted


def test_a_bond_counts_after_it_has_been_held_and_began_when_it_was_first_seen() -> None:
    memory, counted = shown([LONG, SHORT, SHORT, SHORT, SHORT])
    assert counted == [False, False, False, True, True]
    assert memory.since[0, 0] == 10.0


def test_a_touch_shorter_than_that_never_counts() -> None:
    memory, counted = shown([LONG, SHORT, SHORT, LONG, LONG, LONG, SHORT, LONG])
    assert not any(counted) and not memory.waiting().any()


def test_between_the_limits_a_touch_goes_on() -> None:
    assert shown([LONG, SHORT, BETWEEN, BETWEEN])[1] == [False, False, False, True]


def test_a_bond_that_opens_for_a_moment_is_not_broken() -> None:
    assert all(shown([SHORT, SHORT, SHORT, LONG, LONG, SHORT, LONG, SHORT], start=True)[1])
    assert shown([SHORT, LONG, LONG, LONG], start=True)[1] == [True, True, True, False]


def test_the_first_look_counts_by_itself() -> None:
    assert shown([SHORT])[1] == [True]


@pytest.mark.parametrize(("every", "expected"), [(20.0, [True, False, True]), (19.0, [True, True, True])])
def test_looks_that_are_far_apart_count_by_themselves(every: float, expected: list[bool]) -> None:
    assert shown([SHORT, LONG, SHORT], every=every)[1] == expected


def test_a_stretched_bond_is_doubtful_after_a_while_and_no_more_once_it_was_short() -> None:
    memory, _ = shown([SHORT, SHORT, BETWEEN, BETWEEN, BETWEEN])
    assert memory.stretched_since[0, 0] == 20.0
    assert memory.doubtful(40.0, 20.0).all() and not memory.doubtful(40.0, 21.0).any()
    memory.look(50.0, np.array([[SHORT]]))
    assert not memory.doubtful(50.0, 0.0).any()
    never, _ = shown([LONG, BETWEEN, BETWEEN, BETWEEN])
    assert not never.doubtful(30.0, 0.0).any()  # never made: no bond, and no doubt


def test_state_goes_round_in_the_middle_of_a_wait() -> None:
    lengths = [LONG, SHORT, BETWEEN, BETWEEN, LONG, LONG, LONG, BETWEEN]
    whole, counted = shown(lengths)
    first, begun = shown(lengths[:3])
    second = BondMemory(LIMITS, 20.0, np.array([[True]]))
    second.restore(first.state())
    for k, length in enumerate(lengths[3:], start=3):
        second.look(10.0 * k, np.array([[length]]))
        begun.append(bool(second.counted[0, 0]))
    assert begun == counted
    for name, array in whole.state().items():
        assert np.array_equal(array, second.state()[name], equal_nan=True), name

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aiida_mlgun.science.shot_ranges import cut, joined, ranges_of, size, spelled, without

NUMBERS = st.sets(st.integers(0, 60))


def numbers(ranges: list[list[int]]) -> list[int]:
    return [n for first, stop in ranges for n in range(first, stop)]


@given(NUMBERS, NUMBERS, st.integers(0, 70))
def test_ranges_are_sets_of_numbers(one: set[int], other: set[int], n: int) -> None:
    a, b = ranges_of(one), ranges_of(other)
    assert numbers(a) == sorted(one) and size(a) == len(one)
    assert numbers(joined(a, b)) == sorted(one | other)
    assert numbers(without(a, b)) == sorted(one - other)
    front, rest = cut(a, n)
    assert numbers(front) == sorted(one)[:n] and numbers(front) + numbers(rest) == sorted(one)
    for found in (a, joined(a, b), without(a, b), front, rest):
        assert found == ranges_of(numbers(found)) or not found  # none empty, none touching the next


def test_touching_ranges_become_one() -> None:
    assert joined([[0, 5]], [[5, 7], [9, 10]]) == [[0, 7], [9, 10]]
    assert ranges_of([3, 1, 2, 2, 7]) == [[1, 4], [7, 8]]


def test_ranges_as_people_write_them() -> None:
    assert spelled([[0, 100], [120, 121]]) == "0-99, 120"
    assert spelled([]) == "none"

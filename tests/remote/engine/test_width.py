"""How many shots fly side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch

from aiida_mlgun.remote.engine import width
from aiida_mlgun.remote.engine.width import find_width

from ..toys import Energies, Late, free

STARTS = torch.randn((32, 3, 3), generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class Costs:
    """Takes ``seconds(rows)`` per call, on its own clock."""

    def __init__(self, seconds: Callable[[int], float]) -> None:
        self.seconds, self.rows = seconds, [0]
        self.keys: set[int] = set()
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def __call__(self, positions: torch.Tensor, keys: Sequence[int] = ()) -> Energies:
        self.rows.append(len(positions))
        self.keys |= set(keys)
        self.now += self.seconds(len(positions))
        return free(positions)


class Card:
    """A device of so many bytes on which a call takes so many, per row and once."""

    def __init__(self, total: float, per_row: float, once: float, rows: Callable[[], int]) -> None:
        self.total, self.per_row, self.once, self.rows = total, per_row, once, rows

    def peak(self, work: Callable[[], object]) -> float:
        work()
        return self.once + self.per_row * self.rows()

    def free(self) -> float:
        return self.total


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (lambda rows: 0.02, 32),  # the same for any number
        (lambda rows: 0.01 * rows, 1),  # the same for each row: none is gained by more
        (lambda rows: 0.004 * max(rows, 8), 8),  # free up to eight
        (lambda rows: 0.01 * rows**1.5, 1),  # ever worse
    ],
)
def test_a_cpu_takes_the_smallest_that_is_as_good_as_the_best(seconds: Callable[[int], float], expected: int) -> None:
    costs = Costs(seconds)
    found = find_width(costs, STARTS, 100, clock=costs.clock)
    assert found.rows == expected
    assert [line["rows"] for line in found.table] == [1, 2, 4, 8, 16, 32][: len(found.table)]
    for line in found.table:
        assert line["seconds"] == pytest.approx(seconds(line["rows"]), rel=1e-9)
        assert line["seconds_per_row"] == line["seconds"] / line["rows"]
    assert max(costs.keys) < 0  # no shot's own lists are touched


def test_what_gets_worse_is_not_tried_further() -> None:
    costs = Costs(lambda rows: 0.01 * rows**1.5)
    find_width(costs, STARTS, 100, clock=costs.clock)
    assert max(costs.rows) == 2


def test_a_slow_model_is_not_measured_for_ever() -> None:
    costs = Costs(lambda rows: 1.0 + 0.5 * rows)  # more is better, and takes longer and longer
    found = find_width(costs, STARTS, 100, clock=costs.clock)
    assert costs.now < 1.5 * width.BUDGET
    assert found.rows == max(costs.rows) == 8


def test_no_more_than_there_are_shots() -> None:
    costs = Costs(lambda rows: 0.001)
    assert find_width(costs, STARTS, 5, clock=costs.clock).rows == 4
    assert find_width(costs, STARTS[:1], 1, clock=costs.clock).rows == 1


def test_the_real_clock_is_the_machines() -> None:
    found = find_width(free, STARTS, 2)
    assert all(0 < line["seconds"] < 1 for line in found.table)


@pytest.mark.parametrize(
    ("total", "per_row", "once", "expected"),
    [
        (100e9, 1e9, 2e9, 83),  # 85 GB, less 2, at 1 GB each
        (100e9, 1e8, 0.0, 500),  # as many as there are
        (1e9, 1e9, 0.0, 1),  # not even one: one is tried
    ],
)
def test_a_gpu_is_filled(total: float, per_row: float, once: float, expected: int) -> None:
    costs = Costs(lambda rows: 0.0)
    found = find_width(costs, STARTS, 500, Card(total, per_row, once, lambda: costs.rows[-1]))
    assert found.rows == expected
    assert found.table == ({"rows": 2, "bytes": once + 2 * per_row}, {"rows": 4, "bytes": once + 4 * per_row})


def test_a_gpu_too_small_for_four_begins_with_one() -> None:
    def small(positions: torch.Tensor, keys: Sequence[int] = ()) -> Energies:
        if len(positions) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return free(positions)

    assert find_width(small, STARTS, 500, Card(1e9, 1e9, 0.0, lambda: 4)).rows == 1


def test_the_lists_of_the_trial_are_forgotten() -> None:
    late = Late(1.0)
    find_width(late, STARTS, 100)
    assert late.refreshed > 0 and not late.made

"""Tables of shots put together."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.shot_merge import Arrays, as_shard, from_shards, join_columns

SHARED = {"numbers": np.array([14, 6]), "cell": np.eye(3) * 8, "n_slab": np.array(1)}


def offsets(counts: list[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def table(shots: list[int]) -> Arrays:
    """Shot i has i % 3 events, named after it, and a final frame if i is even."""
    events = [(10.0 * i + k, f"event {k} of {i}") for i in shots for k in range(i % 3)]
    even = [i for i in shots if i % 2 == 0]
    return {
        "shot": np.array(shots, dtype=np.int64),
        "outcome": np.array([f"mode {10 ** (i % 4)}" for i in shots], dtype=np.str_) if shots else np.empty(0, "<U1"),
        "xy": np.array([[i, -i] for i in shots], dtype=np.float64).reshape(-1, 2),
        "event_offsets": offsets([i % 3 for i in shots]),
        "event_time": np.array([time for time, _ in events]),
        "event_text": np.array([text for _, text in events], dtype=np.str_) if events else np.empty(0, "<U1"),
        "final_offsets": offsets([1 - i % 2 for i in shots]),
        "positions": np.array([np.full((2, 3), i) for i in even], dtype=np.float64).reshape(-1, 2, 3),
        "velocities": np.array([np.full((2, 3), -i) for i in even], dtype=np.float64).reshape(-1, 2, 3),
        **SHARED,
    }


def same(a: Arrays, b: Arrays) -> None:
    assert sorted(a) == sorted(b)
    for name, array in a.items():
        assert (array.dtype, array.shape) == (b[name].dtype, b[name].shape), name
        np.testing.assert_array_equal(array, b[name], err_msg=name)


@pytest.mark.parametrize(
    "cuts", [[[3, 0], [4], [2, 1, 5]], [[], [5, 4, 3, 2, 1, 0]], [[0, 1, 2, 3, 4, 5]], [[5, 0, 1, 2, 3, 4], []]]
)
def test_parts_in_any_order_give_the_table_of_all(cuts: list[list[int]]) -> None:
    same(join_columns([table(shots) for shots in cuts]), table([0, 1, 2, 3, 4, 5]))


def test_no_shots_at_all_are_a_table_too() -> None:
    same(join_columns([table([]), table([])]), table([]))


def test_shards_hold_both_tables_apart() -> None:
    shards = [as_shard(table([2, 0]), table([0])), as_shard(table([1]), table([]))]
    shots, kept = from_shards(shards)
    same(shots, table([0, 1, 2]))
    same(kept, table([0]))


def test_a_shot_that_stands_twice_is_refused() -> None:
    with pytest.raises(RefusedError, match="shot 4 stands twice"):
        join_columns([table([3, 4]), table([4])])


def test_tables_of_other_atoms_are_refused() -> None:
    with pytest.raises(RefusedError, match="their cell differs"):
        join_columns([table([1]), {**table([2]), "cell": np.eye(3)}])

"""The rows of shots.npz: what the output policy keeps, and that every column is of a known kind."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_mlgun.remote.shot_table import PER_SHOT, RAGGED, SHARED, is_named, shot_columns, thinned, trajectory_columns
from aiida_mlgun.science.shot_arrays import final_frame, paths, trajectory
from tests.nodes import shot_rows

OUTCOMES = ["on_top CC", "intact", "on_top CC"]


def test_outcomes_are_named_in_full_or_without_their_group() -> None:
    assert is_named("on_top CC", ("on_top",)) and is_named("on_top CC", ("on_top CC",))
    assert is_named("explosion", ("*",)) and not is_named("bridge CC", ("on_top",))
    assert not is_named("on_top CC", ())


@pytest.mark.parametrize("n", [0, 3])
def test_every_column_is_per_shot_ragged_or_shared(n: int) -> None:
    rows, target = shot_rows(range(n), OUTCOMES[:n], without_final=["intact"])
    columns = shot_columns(rows, target)
    pieces = {name for names in RAGGED.values() for name in names}
    for arrays, count in ((columns, n), (trajectory_columns(rows, target), n)):
        for name, array in arrays.items():
            kinds = [name in PER_SHOT, name in RAGGED, name in pieces, name in SHARED]
            assert sum(kinds) == 1, name
            if name in PER_SHOT:
                assert len(array) == count, name
            if name in RAGGED:
                assert len(array) == count + 1
                assert all(len(arrays[piece]) == array[-1] for piece in RAGGED[name] if piece in arrays), name
    assert set(PER_SHOT) <= set(columns)


def test_frames_of_the_named_outcomes_alone() -> None:
    rows, target = shot_rows((4, 5, 6), OUTCOMES, without_final=["intact"])
    columns = shot_columns(rows, target)
    np.testing.assert_array_equal(columns["final_offsets"], [0, 1, 1, 2])
    assert columns["positions"].shape == (2, 28, 3)
    assert final_frame(columns, 1) is None
    last = final_frame(columns, 2)
    assert last is not None
    np.testing.assert_array_equal(last[0], rows[2].landed.positions)
    kept = trajectory_columns(rows, target)
    found = trajectory(kept, 5)
    assert found is not None
    np.testing.assert_array_equal(found[0], [0.0, 20.0])
    np.testing.assert_allclose(found[1][1], rows[1].landed.positions + 0.1, atol=0.5001e-3)
    assert [len(path.time_fs) for path in paths(columns)] == [2, 2, 2]


def _looks(k: int, every: float) -> np.ndarray:
    """The path of two groups at k looks, group by group as the tracker notes them."""
    t = every * np.repeat(np.arange(k), 2)
    return np.column_stack([t, np.tile([0.0, 1.0], k), t + 1, t + 2, t + 3 + np.tile([0.0, 100.0], k)])


@pytest.mark.parametrize(
    ("every", "step", "times"),
    [
        (10.0, 10.0, [0, 10, 20, 30, 40, 50, 60]),
        (10.0, 20.0, [0, 20, 40, 60]),
        (10.0, 25.0, [0, 30, 50, 60]),
        (10.0, 1000.0, [0, 60]),
        (10.0, 5.0, [0, 10, 20, 30, 40, 50, 60]),
    ],
)
def test_paths_are_thinned_to_a_point_per_interval_and_the_last(every: float, step: float, times: list[int]) -> None:
    path = thinned(_looks(7, every), 2, step)
    np.testing.assert_array_equal(path.time_fs, times)
    np.testing.assert_array_equal(path.points[:, 1], np.column_stack([path.time_fs + i for i in (1, 2, 103)]))


def test_a_path_without_a_look() -> None:
    path = thinned(np.empty((0, 5)), 2, 10.0)
    assert path.points.shape == (0, 2, 3)

from __future__ import annotations

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.sampling import NOBODY, LowestMap, SideView, lowest_z_map, pooled


def test_lowest_point_of_each_bin() -> None:
    points = np.array([[0.1, 0.1, 3.0], [0.2, 0.3, 1.0], [0.1, 0.2, 2.0], [1.5, 0.5, -0.5]])
    lowest = lowest_z_map(points, np.diag([2.0, 2.0]), 2)
    assert lowest[0, 0] == 1.0 and lowest[1, 0] == -0.5
    assert np.isnan(lowest[:, 1]).all()


def test_points_outside_are_folded_in() -> None:
    cell = np.array([[7.7, 0.0], [3.85, 6.7]])
    inside = np.array([[4.0, 2.0, 1.5]])
    shifted = inside + np.append([-3, 4] @ cell, 0.0)
    assert np.array_equal(lowest_z_map(inside, cell, 5), lowest_z_map(shifted, cell, 5), equal_nan=True)


def test_rounding_at_the_boundary_stays_inside() -> None:
    lowest = lowest_z_map(np.array([[-1e-18, 0.0, 1.0]]), np.eye(2), (3, 4))
    assert lowest.shape == (3, 4) and np.isfinite(lowest).sum() == 1


def test_no_points_give_an_empty_map() -> None:
    assert np.isnan(lowest_z_map(np.empty((0, 3)), np.eye(2), 2)).all()


@pytest.mark.parametrize(
    ("points", "cell"), [(np.array([[0, 0, np.nan]]), np.eye(2)), (np.zeros((1, 3)), np.ones((2, 2)))]
)
def test_bad_input_is_refused(points: np.ndarray, cell: np.ndarray) -> None:
    with pytest.raises(RefusedError):
        lowest_z_map(points, cell, 2)


def test_shots_added_one_by_one_make_the_map_of_all() -> None:
    rng = np.random.default_rng(4)
    cell = np.array([[7.7, 0.0], [3.85, 6.7]])
    shots = [rng.uniform(-20, 20, (30, 3)) for _ in range(12)]
    found = LowestMap(cell, (6, 5))
    for i, points in enumerate(shots):
        found.add(points, i)
    every = np.concatenate(shots)
    assert np.array_equal(found.heights(), lowest_z_map(every, cell, (6, 5)), equal_nan=True)
    assert found.n_points == 360 and found.visited() == np.isfinite(found.heights()).mean()
    for (i, j), owner in np.ndenumerate(found.owners()):
        if owner == NOBODY:
            assert np.isnan(found.heights()[i, j])
        else:
            assert found.heights()[i, j] in shots[owner][:, 2]


def test_of_two_equally_low_the_first_stays() -> None:
    found = LowestMap(np.eye(2), 1)
    for owner in (3, 5):
        found.add(np.array([[0.5, 0.5, 1.0]]), owner)
    assert found.owners().tolist() == [[3]]


def test_the_side_view_counts_folded_points_within_its_heights() -> None:
    cell = np.array([[4.0, 0.0], [2.0, 3.0]])
    points = np.array([[1.0, 0.0, 0.5], [1.0, 0.0, 0.6], [5.0, 0.0, 1.5], [1.0, 0.0, 2.0], [1.0, 0.0, -0.1]])
    view = SideView(cell, 0, (4, 2), 0.0, 2.0)
    view.add(points)
    assert view.counts().tolist() == [[0, 0], [2, 1], [0, 0], [0, 0]]
    other = SideView(cell, 1, (3, 1), 0.0, 2.0)
    other.add(np.array([[0.0, 1.5, 1.0]]))  # half of b up
    assert other.counts()[:, 0].tolist() == [0, 1, 0]


@pytest.mark.parametrize(("bins", "low", "high"), [((0, 2), 0.0, 1.0), ((2, 2), 1.0, 1.0)])
def test_a_side_view_without_room_is_refused(bins: tuple[int, int], low: float, high: float) -> None:
    with pytest.raises(RefusedError, match="side view"):
        SideView(np.eye(2), 0, bins, low, high)


def test_pooling_keeps_the_lowest_and_whose_it_is() -> None:
    heights = np.array([[3.0, 1.0, np.nan], [2.0, 4.0, np.nan], [5.0, np.nan, 7.0]])
    owners = np.arange(9, dtype=np.int32).reshape(3, 3)
    lowest, whose, k = pooled(heights, owners, 2)
    assert k == 2 and whose.tolist()[0][0] == 1 and whose.tolist()[1] == [6, 8]
    np.testing.assert_array_equal(lowest, [[1.0, np.nan], [5.0, 7.0]])
    same, _, one = pooled(heights, owners, 3)
    assert one == 1
    np.testing.assert_array_equal(same, heights)

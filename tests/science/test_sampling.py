from __future__ import annotations

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.sampling import lowest_z_map


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

from __future__ import annotations

import numpy as np
import pytest

from aiida_mlgun.science.coverage import (
    PERCENTILE,
    Coverage,
    coverage,
    nearest,
    neighbour_radius,
    random_coverage,
    within,
)

LINE = np.arange(100.0)[:, None]
GRID = np.stack(np.meshgrid(np.arange(30.0), np.arange(30.0), indexing="ij"), axis=-1).reshape(-1, 2)


def seeded(seed: int = 3) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("pool", [LINE, GRID, 0.25 * GRID + 40])
def test_the_radius_of_a_grid_is_its_spacing(pool: np.ndarray) -> None:
    spacing = float(np.abs(pool[1] - pool[0]).max())
    assert neighbour_radius(pool, seeded()) == pytest.approx(spacing, rel=1e-9)


def test_the_radius_is_a_percentile_of_leave_one_out_distances() -> None:
    """On x = i², the nearest other point of i is i − 1, 2i − 1 away (1 for i = 0)."""
    pool = (np.arange(101.0) ** 2)[:, None]
    gaps = np.concatenate([[1.0], 2 * np.arange(1, 101) - 1])
    assert neighbour_radius(pool, seeded()) == pytest.approx(np.percentile(gaps, PERCENTILE))


def test_every_third_point_of_a_line_covers_it() -> None:
    found = coverage(LINE, LINE[1::3], 1.0)  # 1, 4 … 97; the last point, 99, is 2 away
    assert found == Coverage(0.99, 1.0, pytest.approx(0.68), 2.0)


def test_a_cross_of_five_covers_five_points_of_a_grid() -> None:
    centre = coverage(GRID, np.array([[10.0, 10.0]]), 1.0)
    assert centre.fraction == pytest.approx(5 / 900)  # the point and its four neighbours, each just at the radius
    assert centre.max_distance == pytest.approx(np.hypot(19, 19))
    corner = coverage(GRID, np.array([[0.0, 0.0]]), 1.0)
    assert corner.fraction == pytest.approx(3 / 900)
    assert corner.mean_distance == pytest.approx(np.linalg.norm(GRID, axis=1).mean())


def test_in_many_dimensions_rounding_decides_nothing() -> None:
    """Over fifteen dimensions distances come from products of large numbers; equal points are still covered."""
    pool = 50 + seeded().normal(size=(300, 40))
    distances = nearest(pool, pool)
    assert within(distances, 0.0, pool).all()
    assert coverage(pool, pool, neighbour_radius(pool, seeded())).fraction == 1.0
    np.testing.assert_allclose(
        nearest(pool, pool[:7]), np.linalg.norm(pool[:, None] - pool[:7], axis=2).min(axis=1), rtol=1e-6, atol=1e-5
    )


def test_random_points_cover_what_chance_gives() -> None:
    """k random points of a long line: a point is missed if it and both neighbours are, (1 − k/n)³."""
    pool = np.arange(20_000.0)[:, None]
    found = random_coverage(pool, 4000, 1.0, seeded())
    assert found.fraction == pytest.approx(1 - 0.8**3, abs=0.01)
    assert found == random_coverage(pool, 4000, 1.0, seeded())


def test_as_many_random_points_as_there_are_cover_all() -> None:
    assert random_coverage(GRID, 5000, 1.0, seeded()) == Coverage(1.0, 1.0, 0.0, 0.0)

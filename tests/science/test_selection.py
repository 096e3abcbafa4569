from __future__ import annotations

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.selection import farthest_points, shares, steps, stratified

LINE = np.arange(9.0)[:, None]
GRID = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0), indexing="ij"), axis=-1).reshape(-1, 2)


def seeded(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_farthest_points_on_a_line() -> None:
    """0…8: the middle; both ends (the lower index first); the middles of the halves; then what lies between."""
    chosen = farthest_points(LINE, 9)
    assert chosen.tolist() == [4, 0, 8, 2, 6, 1, 3, 5, 7]
    np.testing.assert_allclose(steps(LINE, chosen), [np.nan, 4, 4, 2, 2, 1, 1, 1, 1])


def test_farthest_points_on_a_grid() -> None:
    """5 × 5: the centre, the four corners by index, then the middles of the edges."""
    chosen = farthest_points(GRID, 9)
    assert GRID[chosen].tolist() == [[2, 2], [0, 0], [0, 4], [4, 0], [4, 4], [0, 2], [2, 0], [2, 4], [4, 2]]
    np.testing.assert_allclose(steps(GRID, chosen)[1:], [8**0.5] * 4 + [2.0] * 4)


def test_farthest_points_are_those_of_the_plain_rule() -> None:
    points = seeded().normal(size=(120, 7)) + 1e3  # far from the origin: differences of large squares
    chosen = [int(np.linalg.norm(points - points.mean(axis=0), axis=1).argmin())]
    while len(chosen) < 30:
        gaps = np.linalg.norm(points[:, None] - points[chosen][None], axis=2).min(axis=1)
        chosen.append(int(gaps.argmax()))
    assert farthest_points(points, 30).tolist() == chosen
    gaps = [np.linalg.norm(points[chosen[:i]] - points[chosen[i]], axis=1).min() for i in range(1, 30)]
    np.testing.assert_allclose(steps(points, np.array(chosen))[1:], gaps, rtol=1e-9)


def test_fewer_points_are_the_beginning_of_more() -> None:
    points = seeded().normal(size=(80, 3))
    assert farthest_points(points, 10).tolist() == farthest_points(points, 50)[:10].tolist()


@pytest.mark.parametrize("how", ["farthest", "stratified"])
def test_repeats_come_last(how: str) -> None:
    """Ten places in 5 dimensions, each thirty times: the first ten chosen are the ten places."""
    places = seeded().normal(size=(10, 5))
    where = seeded(1).permutation(np.repeat(np.arange(10), 30))
    points = places[where]

    def choose(k: int) -> np.ndarray:
        return farthest_points(points, k) if how == "farthest" else stratified(points, k, seeded())

    for k in (7, 10):
        assert len(set(where[choose(k)].tolist())) == k
    more = choose(25)
    assert set(where[more[:10]].tolist()) == set(range(10))
    assert len(set(more.tolist())) == 25
    assert sorted(choose(300).tolist()) == list(range(300))
    assert (steps(points, more)[10:] == 0).all()


@pytest.mark.parametrize("choose", [farthest_points, lambda points, k: stratified(points, k, seeded())])
@pytest.mark.parametrize("k", [0, 10])
def test_more_than_there_are_is_refused(choose, k: int) -> None:
    with pytest.raises(RefusedError, match=f"{k} frames cannot be chosen from 9"):
        choose(LINE, k)


def test_points_that_are_all_the_same() -> None:
    assert farthest_points(np.ones((4, 2)), 3).tolist() == [0, 1, 2]
    assert len(set(stratified(np.ones((4, 2)), 3, seeded()).tolist())) == 3


def test_each_stratum_gives_an_equal_share() -> None:
    """Three far groups of 300, 60 and 5 points: 12 of each large group and all of the small one."""
    centres = np.array([[0.0, 0], [100, 0], [0, 100]])
    group = np.repeat([0, 1, 2], [300, 60, 5])
    points = centres[group] + seeded().normal(size=(365, 2))
    chosen = stratified(points, 29, seeded(), clusters=3)
    assert np.bincount(group[chosen]).tolist() == [12, 12, 5]
    assert len(set(chosen.tolist())) == 29
    assert sorted(group[chosen[:3]].tolist()) == [0, 1, 2]  # one of each comes first
    assert chosen.tolist() == stratified(points, 29, seeded(), clusters=3).tolist()
    assert chosen.tolist() != stratified(points, 29, seeded(6), clusters=3).tolist()


@pytest.mark.parametrize(
    ("sizes", "k", "wanted"),
    [
        ([10, 10, 10], 9, [3, 3, 3]),
        ([10, 10, 10], 11, [4, 4, 3]),
        ([1, 100, 3], 20, [1, 16, 3]),
        ([0, 2, 2], 4, [0, 2, 2]),
        ([5, 6, 7], 1, [0, 0, 1]),
    ],
)
def test_shares(sizes: list[int], k: int, wanted: list[int]) -> None:
    assert shares(np.array(sizes), k).tolist() == wanted

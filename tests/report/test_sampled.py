"""Sampling maps: what is binned, in which order, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.report.figures import sampling
from aiida_mlgun.report.inputs import Ensemble
from aiida_mlgun.report.sampled import bins_for, sample, stage_sizes
from aiida_mlgun.science.shot_arrays import Path, encode_path

MakeEnsemble = Callable[..., Ensemble]


def _paths(*points: list[list[list[float]]]) -> dict[str, Any]:
    """One shot per argument: looks × groups × (x, y, height)."""
    codes = [encode_path(Path(np.arange(len(shot), dtype=float), np.array(shot, dtype=float))) for shot in points]
    return {"path": np.concatenate(codes), "path_offsets": np.cumsum([0, *map(len, codes)])}


def test_the_map_shows_the_lowest_point(make_ensemble: MakeEnsemble) -> None:
    arrays = _paths([[[1.0, 1.0, 5.0]], [[1.01, 1.01, 2.0]], [[1.01 + 7.734, 1.0, 3.0]]])
    found = sample(make_ensemble(outcomes=["precursor"], arrays=arrays))
    assert found is not None and found.n_points == 3
    (stage,) = found.stages
    assert np.isfinite(stage.heights).sum() == 1 and np.nanmin(stage.heights) == 2.0
    np.testing.assert_allclose(found.ends, [[8.744, 1.0, 3.0]])
    maps = sampling.plates(make_ensemble(outcomes=["precursor"], arrays=arrays))
    assert [plate.name for plate in maps] == ["sampling", "sampling_outcomes", "sampling_side"]
    shown = maps[0].figure.axes[0].images[1].get_array()
    assert shown is not None and shown.count() == 1 and shown.min() == 2.0
    assert "centre of CC0" in maps[0].caption and "after 1 shot." in maps[0].caption and "3 points" in maps[0].caption


def test_stages_follow_shot_numbers(make_ensemble: MakeEnsemble) -> None:
    n = 25
    points = [[[[0.1 + 0.3 * i, 0.1, 10.0 - 0.1 * i]]] for i in range(n)]
    backwards = np.arange(n)[::-1]
    arrays = _paths(*points) | {"shot": backwards}
    found = sample(make_ensemble(outcomes=["precursor"] * n, arrays=arrays))
    assert found is not None and [stage.n_shots for stage in found.stages] == [10, 25]
    assert np.nanmin(found.stages[0].heights) == pytest.approx(10.0 - 0.1 * 24)
    assert np.nanmax(found.stages[0].heights) == pytest.approx(10.0 - 0.1 * 15)
    assert found.stages[0].visited < found.stages[1].visited


def test_owners_are_rows_of_the_lowest_shot(make_ensemble: MakeEnsemble) -> None:
    arrays = _paths([[[1.0, 1.0, 4.0]]], [[[1.0, 1.0, 2.0]]], [[[1.0, 1.0, 3.0]]])
    found = sample(make_ensemble(outcomes=["intact", "precursor", "intact"], arrays=arrays))
    assert found is not None and sorted(set(found.owners.ravel().tolist())) == [-1, 1]


def test_the_named_group_is_mapped(make_ensemble: MakeEnsemble) -> None:
    arrays = _paths([[[1.0, 1.0, 4.0], [2.0, 2.0, 3.0]]])
    one = {"outcomes": ["precursor"], "arrays": arrays, "groups": ("CY", "ET")}
    first, second = (sample(make_ensemble(**one, mapped=name)) for name in (None, "ET"))
    assert first is not None and second is not None
    assert (first.group, second.group) == ("CY", "ET")
    assert (np.nanmin(first.stages[0].heights), np.nanmin(second.stages[0].heights)) == (4.0, 3.0)
    with pytest.raises(RefusedError, match=r"no group 'OH' to map\. Known: CY, ET"):
        make_ensemble(**one, mapped="OH")


def test_nothing_to_map(make_ensemble: MakeEnsemble) -> None:
    assert sample(make_ensemble(2, arrays={"path": None})) is None
    empty = [np.empty((0, 1, 3)).tolist()] * 2
    codes = [encode_path(Path(np.empty(0), np.empty((0, 1, 3)))) for _ in empty]
    arrays = {"path": np.concatenate(codes), "path_offsets": np.cumsum([0, *map(len, codes)])}
    assert sample(make_ensemble(2, arrays=arrays)) is None
    assert sampling.plates(make_ensemble(2, arrays=arrays)) == []


@pytest.mark.parametrize(
    ("n", "sizes"),
    [(1, (1,)), (19, (19,)), (20, (10, 20)), (250, (10, 100, 250)), (10_000, (10, 100, 1000, 10_000))],
)
def test_maps_after_more_and_more_shots(n: int, sizes: tuple[int, ...]) -> None:
    assert stage_sizes(n) == sizes


def test_at_most_four_maps() -> None:
    assert stage_sizes(1_000_000) == (1000, 10_000, 100_000, 1_000_000)


def test_bins_get_finer_with_points_down_to_a_thousandth() -> None:
    cell = np.diag([15.0, 30.0])
    assert bins_for(cell, 10) == (50, 100)
    assert bins_for(cell, 10**9) == (1000, 1000)
    few, many = bins_for(cell, 10_000), bins_for(cell, 100_000)
    assert few[0] < many[0] and few[1] == pytest.approx(2 * few[0], abs=1)


def test_an_oblique_cell_is_a_parallelogram(make_ensemble: MakeEnsemble) -> None:
    cell = np.array([[7.7, 0, 0], [3.9, 6.7, 0], [0, 0, 40]])
    middle = 0.5 * (cell[0] + cell[1])
    arrays = _paths([[[middle[0], middle[1], 2.0]]]) | {"cell": cell, "positions": None}
    plate = sampling.plates(make_ensemble(outcomes=["precursor"], arrays=arrays))[0]
    image = plate.figure.axes[0].images[1]
    corner = image.get_transform().transform([(1.0, 1.0)]) - plate.figure.axes[0].transData.transform([(11.6, 6.7)])
    np.testing.assert_allclose(corner, 0.0, atol=1e-6)
    values = image.get_array()
    assert values is not None
    row, column = np.argwhere(~values.mask)[0]  # rows go along b, columns along a
    assert (column + 0.5) / values.shape[1] == pytest.approx(0.5, abs=0.05)
    assert (row + 0.5) / values.shape[0] == pytest.approx(0.5, abs=0.05)

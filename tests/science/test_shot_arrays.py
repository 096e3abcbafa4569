"""How shots.npz and trajectories.npz are read; what was written comes back."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.shot_arrays import (
    PER_SHOT,
    RAGGED,
    SHARED,
    Path,
    count_points,
    decode_path,
    encode_path,
    final_frame,
    paths,
    row_of,
    trajectory,
)
from aiida_mlgun.science.trajectory_codec import encode, quantise


def _path(k: int, groups: int = 2, seed: int = 0) -> Path:
    steps = np.random.default_rng(seed).normal(0, 0.05, (k, groups, 3))
    return Path(10.0 * np.arange(k), np.cumsum(steps, axis=0))


@pytest.mark.parametrize("k", [0, 1, 2, 500])
def test_a_path_comes_back(k: int) -> None:
    path = _path(k)
    back = decode_path(encode_path(path))
    np.testing.assert_allclose(back.time_fs, path.time_fs, atol=1e-9)
    assert back.points.shape == (k, 2, 3)
    np.testing.assert_allclose(back.points, path.points, atol=0.5001e-3)


def test_a_smooth_path_takes_little_room() -> None:
    """A centre that flies straight and trembles by 0.02 Å: under a byte per coordinate, times for nothing."""
    t = np.arange(1000.0)[:, None] * 10.0
    points = t * [0.001, 0.002, -0.003] + 0.02 * np.sin(t * [0.03, 0.04, 0.05])
    assert len(encode_path(Path(t[:, 0], points[:, None]))) < 2600


def test_paths_are_cut_by_their_bytes() -> None:
    codes = [encode_path(_path(k, seed=k)) for k in (3, 0, 7)]
    arrays = {"path": np.concatenate(codes), "path_offsets": np.cumsum([0, *map(len, codes)])}
    assert [len(path.time_fs) for path in paths(arrays)] == [3, 0, 7]
    assert count_points(arrays) == 10
    np.testing.assert_allclose(list(paths(arrays))[2].points, _path(7, seed=7).points, atol=0.5001e-3)


def test_final_frames_of_those_that_kept_one() -> None:
    rng = np.random.default_rng(4)
    x, v = rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 5, 3))
    arrays = {"final_offsets": np.array([0, 1, 1, 2]), "positions": x, "velocities": v}
    assert final_frame(arrays, 1) is None
    for row, i in ((0, 0), (2, 1)):
        found = final_frame(arrays, row)
        assert found is not None
        np.testing.assert_array_equal(found[0], x[i])
        np.testing.assert_array_equal(found[1], v[i])


def test_a_trajectory_is_found_by_the_shots_number() -> None:
    rng = np.random.default_rng(5)
    frames = [rng.normal(size=(k, 4, 3)) for k in (2, 5)]
    codes = [encode(quantise(x)) for x in frames]
    kept = {
        "shot": np.array([11, 17]),
        "offsets": np.array([0, 2, 7]),
        "time_fs": np.arange(7.0),
        "code_offsets": np.cumsum([0, *map(len, codes)]),
        "code": np.concatenate(codes),
    }
    found = trajectory(kept, 17)
    assert found is not None
    np.testing.assert_array_equal(found[0], [2, 3, 4, 5, 6])
    np.testing.assert_allclose(found[1], frames[1], atol=0.5001e-3)
    assert trajectory(kept, 12) is None and trajectory({}, 17) is None


def test_rows_by_number() -> None:
    assert row_of({"shot": np.array([7, 9])}, 9) == 1
    for held, which in (([7, 9], "7 to 9"), ([], "none")):
        with pytest.raises(RefusedError, match=f"shot 8 is not in this batch, which holds {which}."):
            row_of({"shot": np.array(held)}, 8)


def test_every_array_is_of_one_kind() -> None:
    names = [*PER_SHOT, *RAGGED, *(name for names in RAGGED.values() for name in names), *SHARED]
    assert len(set(names)) == len(names)

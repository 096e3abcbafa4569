"""The verb ``shoot``: what the output policy leaves in the files, and the heights that it finds by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.build import molecule

from aiida_mlgun.contract import files
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.shooting import Aim, Decision, Dynamics, Output
from aiida_mlgun.remote import shoot
from aiida_mlgun.remote.mace import save_model
from aiida_mlgun.science.npz import unpack
from aiida_mlgun.science.shot_arrays import final_frame, paths, trajectory

from .shots import N_ATOMS, N_SLAB, shots_of, small_job, write_starts

R_MAX = 4.0  # of the small model


@pytest.fixture
def folder(tmp_path: Path, small_mace: Callable[[str], torch.nn.Module]) -> Path:
    write_starts(tmp_path)
    save_model(small_mace("float64"), tmp_path / files.MODEL)
    return tmp_path


def test_final_frames_of_other_outcomes_are_not_kept(folder: Path) -> None:
    shoot.run(small_job(output=Output(final_frames=("intact",), path_every_fs=10.0)), folder)
    table = shots_of(folder)
    np.testing.assert_array_equal(table["outcome"], "undecided")
    assert table["positions"].shape == (0, N_ATOMS, 3) and not table["final_offsets"].any()
    assert final_frame(table, 2) is None
    for path in paths(table):
        np.testing.assert_allclose(path.time_fs, [0.0, 10.0, 15.0])
    assert not (folder / files.TRAJECTORIES).exists()


def test_a_kept_trajectory_ends_where_the_final_frame_is(folder: Path) -> None:
    shoot.run(small_job(output=Output(trajectories=("undecided",), frame_every_fs=10.0)), folder)
    table, kept = shots_of(folder), unpack((folder / files.TRAJECTORIES).read_bytes())
    for row in range(5):
        found, last = trajectory(kept, row), final_frame(table, row)
        assert found is not None and last is not None
        np.testing.assert_array_equal(found[0], [0.0, 10.0, 15.0])
        np.testing.assert_allclose(found[1][-1], last[0], atol=0.5001e-3, rtol=0)


def test_the_path_is_that_of_the_groups_centre(folder: Path) -> None:
    shoot.run(small_job(), folder)
    table = shots_of(folder)
    for row, path in enumerate(paths(table)):
        last = final_frame(table, row)
        assert last is not None
        centre = last[0][N_SLAB : N_SLAB + 2].mean(axis=0) - [0, 0, float(table["surface_z"])]
        np.testing.assert_allclose(path.points[-1, 0], centre, atol=0.5001e-3, rtol=0)


def test_a_height_is_found_and_told(folder: Path) -> None:
    job = small_job(n_shots=2, aim=Aim(height=None), decision=Decision(leave_height=None, max_drift=1e3))
    height = shoot.run(job, folder).numbers["aim_height"]
    radius = np.linalg.norm(molecule("C2H2").positions, axis=1).max()
    assert R_MAX + 0.5 + radius < height < R_MAX + 0.5 + radius + 0.6  # buckled dimers and some heat on top
    table = shots_of(folder)
    start = float(next(paths(table)).points[0, 0, 2])
    assert start == pytest.approx(height, abs=0.05)


def test_a_time_step_too_long_is_refused_here_too(folder: Path) -> None:
    with pytest.raises(RefusedError, match=r"dynamics.timestep_fs is 1.5 fs, too long for H"):
        shoot.run(small_job(dynamics=Dynamics(timestep_fs=1.5, max_steps=30)), folder)
    assert not (folder / files.SHOTS).exists()

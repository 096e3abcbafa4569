from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiida_mlgun.science.errors import error_table
from aiida_mlgun.science.frames import concatenate


def test_errors_in_total_and_per_stratum(make_frames) -> None:
    frames = concatenate([make_frames(2, stratum="a"), make_frames(3, stratum="b", seed=1)])
    energy = frames.energy + np.array([0.2, -0.2, 0.4, 0.4, 0.4])  # two atoms each
    forces = frames.forces.copy()
    forces[:4] += 0.3
    table = error_table(frames, energy, forces)
    assert table["a"] == pytest.approx(
        {
            "n_frames": 2,
            "mae_energy": 0.1,
            "rmse_energy": 0.1,
            "mae_forces": 0.3,
            "rmse_forces": 0.3,
            "bias_energy": 0.0,
        },
        abs=1e-12,
    )
    assert table["b"]["bias_energy"] == pytest.approx(0.2)
    assert table["all"]["mae_forces"] == pytest.approx(0.3 * 4 / 10)


def test_frames_without_labels_count_as_unknown(make_frames) -> None:
    frames = replace(make_frames(2), energy=None)
    table = error_table(frames, np.zeros(2), frames.forces)
    assert table["all"]["rmse_energy"] is None
    assert table["all"]["rmse_forces"] == 0.0

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms

from aiida_mlgun.science.errors import error_table
from aiida_mlgun.science.frames import Frames, concatenate, from_atoms


def test_errors_in_total_and_per_stratum(make_frames) -> None:
    frames = concatenate([make_frames(2, stratum="a"), make_frames(3, stratum="b", seed=1)])
    energy = frames.energy + np.array([0.2, -0.2, 0.4, 0.4, 0.4])  # two atoms each
    forces = frames.forces.copy()
    forces[:4] += 0.3
    table = error_table(frames, energy, forces)
    assert set(table) == {"all", "a", "b", "element:H"}
    assert table["a"] == pytest.approx(
        {
            "n_frames": 2,
            "n_atoms": 4,
            "mae_energy": 0.1,
            "rmse_energy": 0.1,
            "p95_energy": 0.1,
            "mae_forces": 0.3,
            "rmse_forces": 0.3,
            "p95_forces": 0.3,
            "bias_energy": 0.0,
        },
        abs=1e-12,
    )
    assert table["b"]["bias_energy"] == pytest.approx(0.2)
    assert table["all"]["mae_forces"] == pytest.approx(0.3 * 4 / 10)


def test_frames_without_labels_count_as_unknown(make_frames) -> None:
    frames = replace(make_frames(2), energy=None)
    table = error_table(frames, np.zeros(2), frames.forces)
    assert table["all"]["rmse_energy"] is table["all"]["p95_energy"] is table["all"]["bias_energy"] is None
    assert table["all"]["rmse_forces"] == table["all"]["p95_forces"] == 0.0


def test_a_percentile_is_that_of_single_components(make_frames) -> None:
    frames = make_frames(50)
    wrong = np.arange(300.0)
    wrong[::2] *= -1
    table = error_table(frames, frames.energy + 2 * np.arange(50.0), frames.forces + wrong.reshape(-1, 3))
    assert table["all"]["p95_forces"] == pytest.approx(0.95 * 299)
    assert table["all"]["p95_energy"] == pytest.approx(0.95 * 49)


def test_elements_have_the_errors_of_their_own_atoms() -> None:
    frames = from_atoms([Atoms("HO", [(0, 0, 0), (1, 0, 0)]), Atoms("H", [(0, 0, 0)])])
    frames = replace(frames, energy=np.zeros(2), forces=np.zeros((3, 3)))
    forces = np.array([[0.1] * 3, [0.5] * 3, [-0.3] * 3])
    table = error_table(frames, np.zeros(2), forces)
    assert [table[name]["mae_forces"] for name in ("element:H", "element:O")] == pytest.approx([0.2, 0.5])
    assert [table[name]["n_frames"] for name in ("element:H", "element:O")] == [2, 1]
    assert [table[name]["n_atoms"] for name in ("element:H", "element:O")] == [2, 1]
    assert table["element:O"]["rmse_energy"] is None


def test_an_unlabelled_component_is_left_out(make_frames) -> None:
    frames = make_frames(2)
    frames.forces[0, 0] = np.nan
    frames.energy[1] = np.nan
    table = error_table(frames, frames.energy + 1.0, frames.forces + 0.2)
    assert table["all"]["mae_forces"] == pytest.approx(0.2)
    assert table["all"]["mae_energy"] == pytest.approx(0.5)


def test_a_stratum_cannot_take_the_place_of_a_total(make_frames) -> None:
    frames = concatenate([make_frames(1, stratum="all"), make_frames(2, stratum="element:H"), make_frames(4)])
    table = error_table(frames, frames.energy, frames.forces)
    counts = {name: row["n_frames"] for name, row in table.items()}
    assert counts == {"all": 7, "stratum:all": 1, "stratum:element:H": 2, "element:H": 7}


def test_a_large_set_takes_seconds_at_most() -> None:
    n, size = 4000, 150
    rng = np.random.default_rng(0)
    numbers = np.tile(np.repeat([1, 6, 14], size // 3), n)
    frames = Frames(
        np.arange(n + 1) * size,
        numbers,
        np.zeros((n * size, 3)),
        np.zeros((n, 3, 3)),
        np.zeros((n, 3), dtype=bool),
        np.zeros(n),
        np.zeros((n * size, 3)),
        tags={"stratum": rng.choice(list("abcdefgh"), n)},
    )
    forces = rng.normal(size=(n * size, 3))
    table = error_table(frames, np.zeros(n), forces)
    assert table["all"]["rmse_forces"] == pytest.approx(1.0, abs=0.01)
    assert table["all"]["p95_forces"] == pytest.approx(1.960, abs=0.01)
    strata = [table[name] for name in "abcdefgh"]
    assert sum(row["n_atoms"] * row["mae_forces"] for row in strata) == pytest.approx(
        n * size * table["all"]["mae_forces"]
    )

"""Where a flight begins and when it is over for good, from geometry alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.data import atomic_masses

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.shooting import Aim, Chemistry, Decision, ReactiveGroup, Velocity
from aiida_mlgun.science.aim import place
from aiida_mlgun.science.flight_height import MARGIN, is_free, start_height, with_height
from aiida_mlgun.science.frames import Frames, from_atoms
from aiida_mlgun.science.outcomes import ShotTracker, load_catalogue
from aiida_mlgun.science.slabs import analyse_states

R_MAX = 4.5


def _states(atoms: Atoms, count: int, heat: float) -> Frames:
    rng = np.random.default_rng(3)
    images = []
    for _ in range(count):
        image = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        image.positions += rng.normal(0, heat, image.positions.shape)
        image.arrays["velocities_A_fs"] = rng.normal(0, 0.01, image.positions.shape)
        images.append(image)
    return from_atoms(images)


@pytest.fixture
def slab_states(si001: Any) -> Frames:
    return _states(Atoms(si001.numbers, si001.positions, cell=si001.cell, pbc=[True, True, False]), 5, 0.15)


@pytest.mark.parametrize("orientation", ["random", "snapshot"])
@pytest.mark.parametrize("name", ["C2H2", "C6H6", "H2O"])
def test_no_start_feels_the_slab_and_one_comes_close(orientation: Any, name: str, slab_states: Frames) -> None:
    """Over 300 shots the gap between molecule and topmost slab atom is never below r_max + margin, but nearly so."""
    slab, gas = analyse_states(slab_states), _states(molecule(name), 4, 0.05)
    height = start_height(orientation, slab_states, gas, slab, R_MAX)
    top = slab_states.positions[:, 2].max()
    aim = Aim(height, orientation)
    shots = [place(aim, Velocity(), 7, i, slab_states, gas, slab) for i in range(300)]
    gaps = np.array([shot.positions[len(slab.layer) :, 2].min() - top for shot in shots])
    assert gaps.min() >= R_MAX + MARGIN - 1e-9
    assert gaps.min() <= R_MAX + MARGIN + 0.1


def test_an_explicit_height_stays(slab_states: Frames) -> None:
    slab, gas = analyse_states(slab_states), _states(molecule("C2H2"), 2, 0.0)
    aim = Aim(height=20.0)
    assert with_height(aim, Decision(), slab_states, gas, slab, R_MAX) is aim


def test_a_found_height_below_an_explicit_leave_height_is_refused(slab_states: Frames) -> None:
    slab, gas = analyse_states(slab_states), _states(molecule("C2H2"), 2, 0.0)
    with pytest.raises(RefusedError, match=r"decision.leave_height is 15 Å, and shots start \d\.\d Å high"):
        with_height(Aim(height=None), Decision(leave_height=15.0), slab_states, gas, slab, R_MAX)
    found = with_height(Aim(height=None), Decision(early=False, leave_height=15.0), slab_states, gas, slab, R_MAX)
    assert found.height == start_height("random", slab_states, gas, slab, R_MAX)


def test_free_for_ever_needs_room_to_turn_and_a_way_up() -> None:
    masses = atomic_masses[[6, 6, 1, 1]]
    upright = molecule("C2H2").positions
    lying = upright[:, [2, 1, 0]]
    up = np.tile([0, 0, 0.004], (4, 1))
    radius = float(np.linalg.norm(upright, axis=1).max())
    height = 10.0 + R_MAX + MARGIN + radius
    for shape in (upright, lying):  # lying, it has its lowest atom higher, and may still turn
        assert is_free(shape + np.array([0, 0, height + 1e-6]), up, masses, 10.0, R_MAX)
        assert not is_free(shape + np.array([0, 0, height - 1e-6]), up, masses, 10.0, R_MAX)
        assert not is_free(shape + np.array([0, 0, height + 1e-6]), -up, masses, 10.0, R_MAX)


def test_a_turning_molecule_that_is_free_never_comes_back_within_reach() -> None:
    """A rigid rotor released at the limit: no atom is within r_max of the slab at any later time."""
    atoms = molecule("C2H2")
    masses = atoms.get_masses()
    shape = atoms.positions[:, [2, 1, 0]]
    radius = float(np.linalg.norm(shape, axis=1).max())
    centre = np.array([0, 0, 10.0 + R_MAX + MARGIN + radius])
    assert is_free(shape + centre, np.tile([0, 0, 1e-4], (4, 1)), masses, 10.0, R_MAX)
    for t in np.arange(0, 5000.0, 5.0):
        angle = 0.003 * t
        c, s = np.cos(angle), np.sin(angle)
        turned = shape @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) + centre + [0, 0, 1e-4 * t]
        assert turned[:, 2].min() - 10.0 > R_MAX


def _tracker(si001: Any, r_max: float, **decision: Any) -> tuple[ShotTracker, Any]:
    shape = molecule("C2H2").positions[:, [2, 1, 0]]
    place_at = si001.positions[12] + [0, 0, 12.0]
    numbers = np.concatenate([si001.numbers, [6, 6, 1, 1]])
    chemistry = Chemistry((ReactiveGroup("CC", (0, 1)),), load_catalogue())
    rule = Decision(leave_height=None, **decision)

    def at(height: float, h_gone: bool = False) -> Any:
        x = shape + si001.positions[12] + [0, 0, height]
        if h_gone:
            x[3] = si001.positions[12] + [0, 0, 1.5]
        return np.concatenate([si001.positions, x])

    start = np.concatenate([si001.positions, shape + place_at])
    args = (si001.slab, numbers, 24, si001.cell, si001.pbc, chemistry, rule, start, r_max)
    return ShotTracker(*args), at


def test_the_tracker_lets_go_where_the_molecule_is_free(si001: Any) -> None:
    tracker, at = _tracker(si001, R_MAX)
    top = si001.positions[:, 2].max() - si001.positions[12, 2]
    radius = float(np.linalg.norm(molecule("C2H2").positions, axis=1).max())
    limit = top + R_MAX + MARGIN + radius
    v = np.zeros((28, 3))
    v[24:, 2] = -0.005
    assert tracker.update(0.0, at(limit + 1.0), v) is None  # still falling
    v[24:, 2] = 0.005
    assert tracker.update(100.0, at(limit - 0.01), v) is None
    assert tracker.update(110.0, at(limit + 0.01), v) == "left"
    assert tracker.final(110.0).mode == "intact"


def test_a_hydrogen_that_stays_behind_reaches_higher_than_the_slab(si001: Any) -> None:
    tracker, at = _tracker(si001, R_MAX)
    v = np.zeros((28, 3))
    v[24:, 2] = 0.005
    top = si001.positions[:, 2].max() - si001.positions[12, 2]
    heights = np.arange(3.0, 14.0, 0.05)
    ends = [tracker.update(10.0 * i, at(h, True), v) for i, h in enumerate(heights)]
    left = float(heights[ends.index("left")])
    lowest = at(left, True)[24:27, 2].min() - si001.positions[12, 2]
    assert lowest >= max(top, 1.5) + R_MAX + MARGIN - 1e-9


def test_without_a_cutoff_nothing_counts_as_left(si001: Any) -> None:
    tracker, at = _tracker(si001, float("inf"))
    v = np.zeros((28, 3))
    v[24:, 2] = 0.005
    assert [tracker.update(10.0 * i, at(20.0 + i), v) for i in range(5)] == [None] * 5

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.shooting import Chemistry, Decision
from aiida_mlgun.science.outcomes import ShotTracker, find_groups, load_catalogue
from aiida_mlgun.science.slabs import analyse

from .flights import UP, astride, upright


def test_a_molecule_that_turns_round(flight: Any, si001: Any) -> None:
    tracker, show = flight()
    heights = [14, 9, 6, 3.5, 3.2, 3.5, 6, 7.5]
    speeds = [-0.01] * 5 + [0.01] * 3
    ends = [show(20.0 * i, h, v) for i, (h, v) in enumerate(zip(heights, speeds, strict=True))]
    assert ends == [None] * 8
    assert show(160.0, 9.0, 0.01) == "left"
    assert tracker.verdict.mode == "intact" and tracker.final(160.0).mode == "intact"
    assert tracker.contact_fs == 60.0 and np.isnan(tracker.bond_fs) and tracker.left_fs == 160.0
    assert tracker.events == [(60.0, "contact"), (160.0, "left")]
    offset = si001.positions[12, 2] - si001.slab.surface_z
    assert tracker.min_height == pytest.approx(3.2 + offset)
    path = tracker.path()
    assert path.shape == (9, 5) and path[:, 0].tolist() == [20.0 * i for i in range(9)]
    assert path[0] == pytest.approx([0, 0, *si001.positions[12, :2], 14 + offset])


def test_a_late_early_decision_is_only_told_if_wanted(flight: Any) -> None:
    tracker, show = flight(early=False)
    assert show(0, 9.0, 0.01) is None and show(20, 20.0, 0.01) is None
    assert tracker.left_fs == 0.0 and tracker.final(20).mode == "intact"
    assert [text for _, text in tracker.events] == ["left"]


def test_falling_molecule_has_not_left(flight: Any) -> None:
    tracker, show = flight()
    assert show(0, 14.0, -0.01) is None and np.isnan(tracker.left_fs)
    verdict = tracker.final(0)
    assert verdict.mode == "undecided" and "not reached" in verdict.reason and not verdict.productive


def test_bonds_that_hop_within_one_mode_are_one_outcome(flight: Any, si001: Any) -> None:
    """A hot precursor exchanges its bond every 60 fs, and is at its end what it was all the time."""
    tracker, show = flight()
    first, other = upright(0.8), upright(0.8) + si001.positions[13] - si001.positions[12]
    show(0, 10.0)
    for k, t in enumerate(range(20, 800, 20)):
        assert show(t, 1.9, 0.0, other if k // 3 % 2 else first) is None
    made = [time for time, text in tracker.events if "made" in text]
    assert len(made) > 8 and max(np.diff(made)) <= 80.0
    assert [text for _, text in tracker.events if text.startswith("mode")] == ["mode precursor"]
    assert tracker.final(780.0).mode == "precursor"


def test_a_product_that_hops_between_dimers_settles_in_its_mode(flight: Any, si001: Any) -> None:
    tracker, show = flight()
    here = astride(si001)
    there = here + si001.positions[13] - si001.positions[12]
    show(0, 10.0)
    ends = [show(t, 1.75, 0.0, there if t // 60 % 2 else here) for t in range(20, 140, 20)]
    assert ends == [None] * 5 + ["settled"]  # on top since 20 fs
    made = {text for _, text in tracker.events if "made" in text}
    assert made >= {f"bond made C{i}-Si{j}" for i, pair in ((0, (12, 13)), (1, (14, 15))) for j in pair}
    assert tracker.final(120.0).mode == "on_top CC"


def test_a_mode_that_comes_and_goes_needs_half_of_the_time(flight: Any, si001: Any) -> None:
    tracker, show = flight(settle_fs=200.0)
    both = astride(si001)
    show(0, 10.0)
    for t in range(20, 420, 20):
        show(t, 1.9, 0.0, upright(0.8))
    for t in range(420, 500, 20):
        show(t, 1.75, 0.0, both)
    for t in range(500, 540, 20):
        show(t, 1.9, 0.0, upright(0.8))
    verdict = tracker.final(540.0)  # since 340 fs: 80 as precursor, 80 on top, 40 as precursor
    assert verdict.mode == "precursor"
    for t in range(540, 600, 20):
        show(t, 1.75, 0.0, both)
    verdict = tracker.final(580.0)  # since 380 fs: 40, 80 on top, 40, 40 on top
    assert verdict.mode == "on_top CC"
    for t in range(600, 660, 20):
        show(t, 1.9, 0.0, upright(0.8))
    verdict = tracker.final(640.0)  # since 440 fs: 60 on top, 40, 60 on top, 40
    assert verdict.mode == "undecided" and verdict.reason.startswith("precursor for 80 of the last 200 fs;")


def test_precursor_then_on_top_settles(flight: Any, si001: Any) -> None:
    both = astride(si001)
    tracker, show = flight()
    assert show(0, 10.0) is None
    for t in range(20, 400, 20):  # a precursor is a stage on the way: it never settles
        assert show(t, 1.9, 0.0, upright(0.8)) is None
    assert (tracker.verdict.mode, tracker.bond_fs, tracker.contact_fs) == ("precursor", 20.0, 20.0)
    assert tracker.final(390).mode == "precursor"
    assert show(400, 1.75, 0.0, both) is None
    assert tracker.verdict.mode == "on_top CC" and tracker.final(440).mode == "undecided"
    assert tracker.final(450).mode == "on_top CC"
    assert show(480, 1.75, 0.0, both) is None and show(500, 1.75, 0.0, both) == "settled"
    assert tracker.events == [
        (20.0, "contact"),
        (20.0, "bond made C0-Si12"),
        (20.0, "mode precursor"),
        (400.0, "bond made C1-Si14"),
        (400.0, "mode on_top CC"),
    ]


def test_a_break_starts_the_clock_anew(flight: Any, si001: Any) -> None:
    both = astride(si001)
    tracker, show = flight()
    show(0, 10.0)
    show(20, 1.75, 0.0, both)
    show(100, 4.5, 0.01, both)
    assert tracker.verdict.mode == "intact"
    assert show(120, 1.75, 0.0, both) is None and show(200, 1.75, 0.0, both) is None
    assert show(220, 1.75, 0.0, both) == "settled"
    assert sum("broken" in text for _, text in tracker.events) == 2


def test_vibration_between_the_two_limits_is_one_bond(flight: Any) -> None:
    tracker, show = flight()
    for i, height in enumerate([4.0, 2.2, 2.6, 2.2, 2.7, 2.3]):  # make 2.34, break 2.81 Å
        show(20.0 * i, height, 0.0, upright(0.8))
    assert [text for _, text in tracker.events if "bond" in text] == ["bond made C0-Si12"]


@pytest.mark.parametrize(
    ("position", "velocity", "why"),
    [(np.nan, 0.0, "not finite"), (0.0, np.inf, "not finite"), (0.0, 1e200, "temperature"), (1e300, 0.0, "pieces")],
)
def test_explosion_is_told_and_stays(flight: Any, position: float, velocity: float, why: str) -> None:
    tracker, show = flight(early=False)
    show(0, 10.0)
    good = tracker.path().copy()
    positions = np.zeros((28, 3))
    positions[:24, 2] = np.arange(24)
    positions[24:] += np.outer([1, -2, 3, 4], np.full(3, position)) + 50.0 * UP
    if not position:
        positions[24:] += [[-0.6, 0, 0], [0.6, 0, 0], [-1.67, 0, 0], [1.67, 0, 0]]
    velocities = np.zeros((28, 3))
    velocities[24, 0] = velocity
    assert tracker.update(20, positions, velocities) == "exploded"
    assert tracker.verdict.mode == "explosion" and why in tracker.verdict.reason
    assert show(40, 10.0) == "exploded" and tracker.final(40).mode == "explosion"
    assert tracker.events[-1] == (20.0, "mode explosion") and np.isfinite(good).all()


def test_molecule_that_leaves_a_hydrogen_behind(flight: Any, si001: Any) -> None:
    molecule = np.array([[0, 0, 12.0], [1.2, 0, 12.0], [0, 0, 1.5], [2.27, 0, 12.0]])
    tracker, show = flight()
    show(0, 14.0)
    assert show(20, 0.0, 0.01, molecule) == "left"
    assert tracker.verdict.mode == "h_abstraction" and tracker.features.h_on_slab == 1
    assert (20.0, "bond made H2-Si12") in tracker.events and (20.0, "bond broken C0-H2") in tracker.events


def test_a_faulty_catalogue_is_refused_at_the_start(si001: Any, acetylene: Any, chemistry: Chemistry) -> None:
    faulty = replace(chemistry, catalogue=chemistry.catalogue[:-1])
    numbers = np.concatenate([si001.numbers, acetylene[0]])
    positions = np.concatenate([si001.positions, acetylene[1] + 25 * UP])
    with pytest.raises(RefusedError, match="the last mode"):
        ShotTracker(si001.slab, numbers, 24, si001.cell, si001.pbc, faulty, Decision(), positions)


REAL = {
    "si001_2x2_c2h2_sublayer": "sublayer",
    "si001_2x2_c2h4_intact": "intact",
    "si001_4x4_c8h12_precursor": "precursor",
}


@pytest.mark.parametrize("name", REAL)
def test_real_trajectories(trajectory: Callable[[str], Any], name: str) -> None:
    run = trajectory(name)
    n, numbers, positions = run["n_slab"], run["numbers"], run["positions"]
    slab = analyse(numbers[:n], positions[0][:n], run["cell"], run["pbc"])
    chemistry = Chemistry(find_groups(numbers[n:], positions[0][n:]), load_catalogue())
    tracker = ShotTracker(slab, numbers, n, run["cell"], run["pbc"], chemistry, Decision(), positions[0])
    for t, x, v in zip(run["time_fs"], positions, run["velocities"], strict=True):
        assert tracker.update(t, x, v) is None
    assert tracker.verdict.mode == REAL[name]
    assert tracker.temperature_max < 5000 and tracker.features.h_lost == 0

    shifts = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1], [0]), axis=-1).reshape(-1, 3) @ run["cell"]
    vectors = positions[-1][n:, None, None] - positions[-1][None, :n, None] - shifts
    lengths = np.linalg.norm(vectors, axis=-1).min(axis=-1)
    carbon_silicon = lengths[numbers[n:] == 6][:, numbers[:n] == 14]
    assert (carbon_silicon.min() < 2.3) == (REAL[name] != "intact")
    assert np.isnan(tracker.bond_fs) == (REAL[name] == "intact")


def test_a_look_is_cheap(trajectory: Callable[[str], Any]) -> None:
    run = trajectory("si001_2x2_c2h2_sublayer")
    n, numbers, positions = 24, run["numbers"], run["positions"]
    slab = analyse(numbers[:n], positions[0][:n], run["cell"], run["pbc"])
    chemistry = Chemistry(find_groups(numbers[n:], positions[0][n:]), load_catalogue())
    tracker = ShotTracker(slab, numbers, n, run["cell"], run["pbc"], chemistry, Decision(), positions[0])
    spent = []
    for t, x, v in zip(run["time_fs"], positions, run["velocities"], strict=True):
        begin = time.process_time()
        tracker.update(t, x, v)
        spent.append(time.process_time() - begin)
    assert np.median(spent) < 2e-3  # 0.06 ms on one core; generous for busy machines


def test_half_a_shot_restored_is_the_whole_shot(trajectory: Callable[[str], Any]) -> None:
    run = trajectory("si001_2x2_c2h2_sublayer")
    n, numbers, positions = run["n_slab"], run["numbers"], run["positions"]
    slab = analyse(numbers[:n], positions[0][:n], run["cell"], run["pbc"])
    chemistry = Chemistry(find_groups(numbers[n:], positions[0][n:]), load_catalogue())

    def new() -> ShotTracker:
        return ShotTracker(slab, numbers, n, run["cell"], run["pbc"], chemistry, Decision(), positions[0])

    whole = new()
    looks = list(zip(run["time_fs"], positions, run["velocities"], strict=True))
    for look in looks:
        whole.update(*look)
    for cut in (len(looks) // 2, len(looks) * 3 // 4):
        first, second = new(), new()
        for look in looks[:cut]:
            first.update(*look)
        second.restore(first.state())
        for look in looks[cut:]:
            second.update(*look)
        assert second.events == whole.events and second.verdict == whole.verdict
        assert second.final(1e4) == whole.final(1e4)
        for name, array in whole.state().items():
            assert np.array_equal(array, second.state()[name], equal_nan=array.dtype.kind == "f"), name

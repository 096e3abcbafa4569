"""Single figures: what is drawn from numbers that are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from ase.data import covalent_radii
from matplotlib.figure import Figure

from aiida_mlgun.report.figures import (
    convergence,
    distribution,
    energy,
    sampling,
    structures,
    timeline,
    training,
)
from aiida_mlgun.report.figures.atoms import Scene, connected, draw, scene
from aiida_mlgun.report.figures.plate import colours
from aiida_mlgun.report.inputs import Ensemble, Stage

MakeEnsemble = Callable[..., Ensemble]


def test_bars_are_the_shares(make_ensemble: MakeEnsemble) -> None:
    one = make_ensemble(outcomes=["on_top CC0"] * 3 + ["intact"])
    (axis,) = distribution.plate(one).figure.axes
    widths = dict(zip(one.order, (bar.get_width() for bar in axis.patches), strict=False))
    assert widths["on_top CC0"] == pytest.approx(75) and widths["intact"] == pytest.approx(25)
    assert [tick.get_text() for tick in axis.get_yticklabels()][3] == "on-top CC0"


def test_reference_and_highlight_are_told(make_ensemble: MakeEnsemble) -> None:
    plate = distribution.plate(
        make_ensemble(5, highlight="double", reference={"double": 0.4}, reference_name="ten runs")
    )
    assert "Green: ten runs." in plate.caption and "Yellow: double" in plate.caption
    assert any(bar.get_width() == pytest.approx(40) for bar in plate.figure.axes[0].patches)


def test_convergence_ends_at_the_shares(make_ensemble: MakeEnsemble) -> None:
    plate = convergence.plate(make_ensemble(outcomes=["on_top CC0", "intact", "on_top CC0", "on_top CC0"]))
    assert plate is not None
    lines = {line.get_label(): line.get_ydata() for line in plate.figure.axes[0].lines}
    np.testing.assert_allclose(lines["on-top CC0"], [100, 50, 200 / 3, 75])
    np.testing.assert_allclose(lines["all that bind"], [100, 50, 200 / 3, 75])
    assert convergence.plate(make_ensemble(1)) is None


def test_convergence_follows_shot_numbers_not_batches(make_ensemble: MakeEnsemble) -> None:
    one = make_ensemble(outcomes=["intact", "on_top CC0"], arrays={"shot": np.array([7, 3])})
    plate = convergence.plate(one)
    assert plate is not None
    lines = {line.get_label(): line.get_ydata() for line in plate.figure.axes[0].lines}
    np.testing.assert_allclose(lines["intact"], [0, 50])


@pytest.mark.parametrize(("n", "panels"), [(29, 1), (30, 2), (250, 2)])
def test_small_sets_need_three_of_them(make_ensemble: MakeEnsemble, n: int, panels: int) -> None:
    plate = convergence.plate(make_ensemble(n))
    assert plate is not None and len(plate.figure.axes) == panels
    assert ("separate sets" in plate.caption) == (panels == 2)


def test_the_map_shows_the_lowest_point(make_ensemble: MakeEnsemble) -> None:
    points = np.array([[0.0, 0, 1.0, 1.0, 5.0], [10.0, 0, 1.01, 1.01, 2.0], [20.0, 0, 1.01 + 7.734, 1.0, 3.0]])
    arrays = {"path": points, "path_offsets": np.array([0, 3])}
    plate = sampling.plate(make_ensemble(outcomes=["precursor"], arrays=arrays))
    assert plate is not None
    shown = plate.figure.axes[0].collections[1].get_array()
    assert shown is not None and shown.count() == 1 and shown.min() == 2.0
    assert "centre of CC0" in plate.caption and "(1 shot, 3 points)" in plate.caption


def test_other_groups_have_their_own_map(make_ensemble: MakeEnsemble) -> None:
    assert sampling.plate(make_ensemble(3), group=1) is None


def test_few_shots_get_a_bar_each_and_many_histograms(make_ensemble: MakeEnsemble) -> None:
    few, many = timeline.plate(make_ensemble(60)), timeline.plate(make_ensemble(61))
    assert few is not None and len(few.figure.axes) == 1
    assert many is not None and len(many.figure.axes) == 3


def test_shots_above_the_energy_limit_are_counted(make_ensemble: MakeEnsemble) -> None:
    drift = np.array([0.1, -0.7, 0.2, np.nan])
    plate = energy.plate(make_ensemble(4, arrays={"drift": drift}, max_drift=0.5))
    assert plate is not None
    assert "1 shot of 3 above it" in plate.caption and "1 shot too short" in plate.caption


def test_training_is_in_milli_units(stages: list[Stage]) -> None:
    plate = training.plate(stages)
    assert plate is not None and len(plate.figure.axes) == 4
    forces = plate.figure.axes[2].lines[0].get_ydata()
    np.testing.assert_allclose(forces, 1000 * np.array(stages[0].history["rmse_forces"]))
    assert all(axis.get_yscale() == "log" for axis in plate.figure.axes)
    assert training.plate([]) is None


def test_one_pair_of_pictures_per_outcome(make_ensemble: MakeEnsemble) -> None:
    one = make_ensemble(outcomes=["on_top CC0", "intact", "on_top CC0", "precursor", "sublayer", "bridge CC0"])
    plate = structures.plate(one)
    assert plate is not None
    titles = [axis.get_title(loc="center").strip() for axis in plate.figure.axes]
    assert [title for title in titles if title] == ["sublayer", "on-top CC0", "bridge CC0", "precursor", "intact"]


def test_a_scene_brings_the_molecule_into_the_cell_and_its_slab_with_it(make_ensemble: MakeEnsemble) -> None:
    one = make_ensemble(outcomes=["on_top CC0"])
    positions = one.arrays["positions"][0]
    moved = positions.copy()
    moved[one.n_slab :] += 3 * one.arrays["cell"][0] - 2 * one.arrays["cell"][1]
    here, there = (scene(one, p, reach=5.0) for p in (positions, moved))
    np.testing.assert_allclose(here.positions, there.positions, atol=1e-9)
    lateral = np.abs(here.positions - here.positions[here.molecule].mean(axis=0))[:, :2]
    assert (lateral[~here.molecule] <= 5.0).all() and here.molecule.sum() == 4


@pytest.mark.parametrize(("factor", "solid", "dashed"), [(1.1, 1, 0), (1.4, 0, 1), (1.6, 0, 0)])
def test_bonds_are_solid_kept_ones_dashed(factor: float, solid: int, dashed: int) -> None:
    apart = factor * float(covalent_radii[14] + covalent_radii[6])
    pair = Scene(np.array([14, 6]), np.array([[0.0, 0, 0], [apart, 0, 0]]), np.array([False, True]))
    axis = Figure().subplots()
    draw(axis, pair, "along y")
    styles = [line.get_linestyle() for line in axis.lines]
    assert (styles.count("-"), styles.count("--")) == (2 * solid, dashed)


def test_slab_atoms_without_neighbours_are_not_drawn(make_ensemble: MakeEnsemble) -> None:
    one = make_ensemble(outcomes=["intact"])
    whole = scene(one, one.arrays["positions"][0], reach=4.0)
    alone = replace(whole, positions=whole.positions * 5.0)
    assert connected(alone).molecule.all() and len(connected(alone).numbers) == 4


def test_colours_are_told_apart(make_ensemble: MakeEnsemble) -> None:
    one = make_ensemble(400)
    palette = colours(one)
    assert set(palette) == set(one.seen) and len(set(palette.values())) == len(palette)

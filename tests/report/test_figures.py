"""Single figures: what is drawn from numbers that are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ase.data import covalent_radii
from matplotlib.figure import Figure

from aiida_mlgun.report.figures import (
    convergence,
    distribution,
    energy,
    precursor,
    small_sets,
    structures,
    timeline,
    times,
    training,
)
from aiida_mlgun.report.figures.atoms import Scene, connected, draw, scene
from aiida_mlgun.report.figures.plate import colours
from aiida_mlgun.report.inputs import Ensemble, Stage
from aiida_mlgun.report.reference import Reference
from aiida_mlgun.report.tables import shares
from aiida_mlgun.report.words import label

MakeEnsemble = Callable[..., Ensemble]


def _courses(figure: Figure) -> dict[str, Any]:
    """Label → shares drawn after each shot."""
    return {str(line.get_label()): line.get_ydata() for axis in figure.axes for line in axis.lines}


def test_bars_are_the_shares(make_ensemble: MakeEnsemble) -> None:
    one = make_ensemble(outcomes=["on_top CC0"] * 3 + ["intact"])
    (axis,) = distribution.plate(one).figure.axes
    widths = dict(zip(one.order, (bar.get_width() for bar in axis.patches), strict=False))
    assert widths["on_top CC0"] == pytest.approx(75) and widths["intact"] == pytest.approx(25)
    assert [tick.get_text() for tick in axis.get_yticklabels()][3] == "on-top CC0"


def test_reference_and_highlight_are_told(make_ensemble: MakeEnsemble) -> None:
    reference = Reference("ten runs", {"double": 0.4}, source="a paper")
    plate = distribution.plate(make_ensemble(5, highlight="double", reference=reference))
    assert "Green: ten runs (a paper)." in plate.caption and "no intervals" in plate.caption
    assert "Yellow: double" in plate.caption
    assert any(bar.get_width() == pytest.approx(40) for bar in plate.figure.axes[0].patches)


def test_a_reference_with_shots_has_intervals(make_ensemble: MakeEnsemble) -> None:
    plates = [
        distribution.plate(make_ensemble(5, reference=Reference("ten", {"double": 0.4, "intact": 0.6}, n)))
        for n in (None, 10)
    ]
    lines = [len(plate.figure.axes[0].collections) for plate in plates]
    assert lines[1] > lines[0] and "10 shots" in plates[1].caption and "no intervals" not in plates[1].caption


def test_a_mode_highlights_all_its_groups(make_ensemble: MakeEnsemble) -> None:
    axis = distribution.plate(make_ensemble(5, highlight="on_top")).figure.axes[0]
    bold = [tick.get_text() for tick in axis.get_yticklabels() if tick.get_fontweight() == "bold"]
    assert bold == ["on-top CC0"]


def test_convergence_ends_at_the_shares(make_ensemble: MakeEnsemble) -> None:
    plate = convergence.plate(make_ensemble(outcomes=["on_top CC0", "intact", "on_top CC0", "on_top CC0"]))
    assert plate is not None
    lines = _courses(plate.figure)
    np.testing.assert_allclose(lines["on-top CC0"], [100, 50, 200 / 3, 75])
    np.testing.assert_allclose(lines["all that bind"], [100, 50, 200 / 3, 75])
    assert convergence.plate(make_ensemble(1)) is None


def test_convergence_follows_shot_numbers_not_batches(make_ensemble: MakeEnsemble) -> None:
    one = make_ensemble(outcomes=["intact", "on_top CC0"], arrays={"shot": np.array([7, 3])})
    plate = convergence.plate(one)
    assert plate is not None
    np.testing.assert_allclose(_courses(plate.figure)["intact"], [0, 50])


def test_bands_end_at_the_intervals_of_the_table(make_ensemble: MakeEnsemble) -> None:
    one = make_ensemble(64)
    plate = convergence.plate(one)
    assert plate is not None
    final = {label(row.mode): row for row in shares(one)}
    for axis in plate.figure.axes[1:]:
        if name := axis.get_title(loc="left"):
            corners = axis.collections[0].get_paths()[0].vertices
            last = corners[corners[:, 0] == 64, 1]
            np.testing.assert_allclose([last.min(), last.max()], [100 * final[name].low, 100 * final[name].high])


@pytest.mark.parametrize(("n", "thin"), [(10, 0), (29, 2), (250, 4)])
def test_the_first_sets_of_ten_are_thin_lines(make_ensemble: MakeEnsemble, n: int, thin: int) -> None:
    plate = convergence.plate(make_ensemble(n))
    assert plate is not None and (f"first {thin} sets" in plate.caption) == (thin > 0)
    lines = [
        line for line in plate.figure.axes[0].lines if line.get_label().startswith("_") and len(line.get_xdata()) == 10
    ]
    assert len(lines) == thin


@pytest.mark.parametrize(("n", "there"), [(29, False), (30, True), (250, True)])
def test_small_sets_need_three_of_them(make_ensemble: MakeEnsemble, n: int, there: bool) -> None:
    plate = small_sets.plate(make_ensemble(n))
    assert (plate is not None) == there
    if plate is not None:
        dots = [len(line.get_xdata()) for line in plate.figure.axes[0].lines]
        assert set(dots) == {n // 10} and f"{n // 10} separate sets of 10" in plate.caption


def test_few_shots_get_a_line_each_and_many_histograms_too(make_ensemble: MakeEnsemble) -> None:
    few, many = make_ensemble(60), make_ensemble(61)
    assert times.plate(few) is None
    histograms = times.plate(many)
    assert histograms is not None and len(histograms.figure.axes) == 3
    lines = timeline.plate(few)
    assert lines is not None and "Dots mark the contact" in lines.caption


def test_of_very_many_shots_some_lines_are_drawn(make_ensemble: MakeEnsemble) -> None:
    plate = timeline.plate(make_ensemble(500))
    assert plate is not None and "Of 500 shots every 1.25th" in plate.caption
    assert plate.figure.axes[0].get_ylim()[0] == pytest.approx(399.6)


def test_precursors_need_some_lives(make_ensemble: MakeEnsemble) -> None:
    assert precursor.plate(make_ensemble(outcomes=["on_top CC0"] * 4)) is None
    plate = precursor.plate(make_ensemble(outcomes=["on_top CC0"] * 6 + ["precursor"]))
    assert plate is not None and "7 lives of precursors (precursor) in 7 shots" in plate.caption


def test_half_of_the_precursors_are_gone_at_the_median(make_ensemble: MakeEnsemble) -> None:
    one = make_ensemble(outcomes=["on_top CC0"] * 5)
    offsets = np.arange(6) * 2
    waited = np.array([10.0, 20.0, 30.0, 40.0, 50.0])
    start = np.full(5, 100.0)
    arrays = {
        "contact_fs": start,
        "bond_fs": start,
        "end_fs": start + 1000,
        "event_offsets": offsets,
        "event_time": np.column_stack([start, start + waited]).ravel(),
        "event_text": np.array(["mode precursor", "mode on_top CC0"] * 5),
    }
    plate = precursor.plate(replace(one, arrays={**one.arrays, **arrays}))
    assert plate is not None and "gone after 30 fs" in plate.caption


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

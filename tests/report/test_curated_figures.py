"""Figures of a curation: what is drawn from numbers that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiida_mlgun.report.curated import Coverage, Curation, Histogram
from aiida_mlgun.report.figures import coverage, curation, histograms

from .accounts import map_of


def test_bars_go_down_to_the_split(curations: list[Curation]) -> None:
    plate = curation.plate(curations[:1])
    assert plate is not None
    (axis,) = plate.figure.axes
    widths = [bar.get_width() for bar in axis.patches]
    assert widths[0] == 701 and widths[-3:] == [500, 50, 100]
    assert "larger scale" not in plate.caption
    assert curation.plate([Curation("only atoms", 3, 3)]) is None


def test_a_small_rest_has_a_scale_of_its_own(curations: list[Curation]) -> None:
    plate = curation.plate(curations)
    assert plate is not None and "larger scale" in plate.caption
    _, steps, sides = plate.figure.axes
    assert [bar.get_width() for bar in sides.patches] == [11_452, 603, 10_000]
    assert steps.get_xlim()[1] > 327_000 and 22_055 < sides.get_xlim()[1] < 44_000
    assert [text.get_text().replace("\u202f", " ") for text in sides.texts] == ["11 452 / 603 / 10 000"]


def test_frames_without_a_side_are_shown(curations: list[Curation]) -> None:
    plate = curation.plate([replace(curations[0], counts={"train": 500, "test": 100})])
    assert plate is not None
    (axis,) = plate.figure.axes
    assert axis.patches[-1].get_width() == 50
    assert axis.get_yticklabels()[-1].get_text() == "train / validation / test / in no set"


def test_histograms_show_counts_and_the_limit(curations: list[Curation]) -> None:
    plate = histograms.plate(curations)
    assert plate is not None and len(plate.figure.axes) == 2  # the second dataset has none
    energy, force = plate.figure.axes
    assert energy.patches[0].get_data().values.tolist() == [400, 250, 31]
    assert energy.get_yscale() == "log" and energy.get_xlabel() == "E − ΣE0 per atom / eV"
    assert [line.get_xdata()[0] for line in force.lines] == [50.0]
    assert histograms.plate(curations[1:]) is None


def test_bins_of_equal_ratios_get_a_logarithmic_axis(curations: list[Curation]) -> None:
    bins = {"energy_per_atom": None, "max_force": Histogram((0.1, 1.0, 10.0, 100.0), (1, 0, 5), (0, 0, 5))}
    plate = histograms.plate([replace(curations[0], histograms=bins)])
    assert plate is not None
    energy, force = plate.figure.axes
    assert force.get_xscale() == "log" and energy.texts[0].get_text() == "no labels"


def test_the_map_shows_full_set_and_subset() -> None:
    one = Coverage.of(*map_of(60, 20))
    plate = coverage.plate(one, "coverage", "")
    assert plate is not None
    full, subset = plate.figure.axes[0].collections
    assert len(full.get_offsets()) == 59 and len(subset.get_offsets()) == 20  # the isolated atom has no place
    coloured = plate.figure.axes[2].collections[0]
    assert coloured.get_clim() == pytest.approx(np.nanpercentile(one.pool_energy, (1, 99)))
    for words in ("Full set of 59 frames", "subset of 20, chosen by farthest points", "97 %", "0.123", "(93 % for"):
        assert words in plate.caption


def test_a_map_without_energies_is_one_panel() -> None:
    plate = coverage.plate(Coverage.of(*map_of(energies=False)), "coverage", "a")
    assert plate is not None and len(plate.figure.axes) == 1 and "Coloured" not in plate.caption
    assert coverage.plate(replace(Coverage.of(*map_of()), pool_pca=np.zeros((0, 2))), "coverage", "") is None

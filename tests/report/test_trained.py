"""Tables, sentences and figures of training, from numbers that are known."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.report.figures import calibration, comparison, forgetting, learning_curve, parity
from aiida_mlgun.report.inputs import Forgetting, Report, Stage
from aiida_mlgun.report.page import write
from aiida_mlgun.report.tables import error_rows, terminal_table
from aiida_mlgun.report.trained import Comparison, LearningCurve, Parity, Trained
from aiida_mlgun.report.trained_answer import trained_answer, trained_cautions, verdict_sentences
from aiida_mlgun.report.trained_rows import (
    COMPARISON_COLUMNS,
    calibration_rows,
    comparison_rows,
    fit_rows,
    forgetting_rows,
    marked,
    method_rows,
)

from . import scores

MATRIX = Forgetting(
    ["small", "broad", "target"],
    ["broad", "target"],
    [[0.3, 0.5], [0.08, 0.4], [0.12, 0.03]],
    [[0.02, 0.03], [0.004, None], [0.003, 0.002]],
    (1, 2),
)


def test_the_best_of_each_column_is_marked() -> None:
    rows = comparison_rows(Comparison(scores.rows()))
    assert [(row["test"], row["who"]) for row in rows[:4]] == [
        ("target", "zero-shot"),
        ("target", "from scratch"),
        ("target", "fine-tuned"),
        ("target", "continual"),
    ]
    assert [len(row["best"]) for row in rows] == [0, 0, 0, 6, 0, 0, 3, 0]
    assert rows[3]["rmse_forces"] == pytest.approx(40.0) and rows[7]["rmse_energy"] is None
    text = terminal_table(marked(rows), COMPARISON_COLUMNS)
    assert [line.count("*") for line in text.splitlines()[2:]] == [0, 0, 0, 6, 0, 0, 3, 0]
    every = comparison_rows(Comparison(scores.rows()), groups=True)
    assert [row["group"] for row in every[:12:4]] == ["all", "gun", "Si atoms"]
    assert comparison_rows(Comparison(scores.rows()[:1]))[0]["best"] == []


def test_verdicts_are_sentences() -> None:
    first, second = verdict_sentences(scores.verdict())
    assert first == (
        "On target, the continual model from small has the lowest force RMSE, 40 meV/Å; next comes the fine-tuned model"
        " from small, 4 meV/Å more (95 % interval 1 … 7, 12 runs drawn anew), which is beyond chance."
    )
    assert second == (
        "On target, the broad stage between small and the target lowers the force RMSE by 4 meV/Å (95 % interval of the"
        " change −9 … 1), perhaps by chance."
    )
    assert verdict_sentences({}) == []
    alone = {"test": "a", "metric": "rmse_energy", "strategy": "scratch", "start_model": None, "value": 0.001}
    assert verdict_sentences({"lowest": [alone]}) == [
        "On a, the from-scratch model has the lowest energy RMSE, 1 meV/atom."
    ]


def test_a_curve_s_slope_and_a_committee_s_factor() -> None:
    (row,) = fit_rows(scores.curve())
    assert row["metric"] == "force MAE" and row["slope"] == pytest.approx(-0.5) and row["seed_se"] == 0.0
    assert trained_answer(Trained(curve=scores.curve())) == (
        "The force MAE goes with the size of the training set to the power −0.50 ± 0.00 (R² = 1.00), from 100 to 800"
        " training frames."
    )
    rows = calibration_rows(scores.uncertainties())
    assert [(r["quantity"], r["stratum"]) for r in rows] == [
        ("energy", "all"),
        ("energy", "gun"),
        ("force", "all"),
        ("force", "gun"),
    ]
    assert rows[2]["factor"] == pytest.approx(2.0, abs=0.1)
    told = trained_answer(Trained(uncertainties=scores.uncertainties()))
    assert re.match(r"On target, the force error is (1\.9|2\.0)\d times what the committee of 4 predicts; ", told)
    assert (
        "A committee of 4 gives rough deviations" in trained_cautions(Trained(uncertainties=scores.uncertainties()))[0]
    )
    short = replace(scores.curve(), points=scores.curve().points[:3:2])
    assert [words.split(":")[0] for words in trained_cautions(Trained(curve=short))] == [
        "The slope rests on 2 sizes",
        "There is one seed",
    ]


def test_methods_and_checks(stages: list[Stage]) -> None:
    checks = [{"check": "e0s", "passed": True, "detail": ""}, {"check": "heads", "passed": False, "detail": "two"}]
    settings = {"method": "replay", "readout": "keep", "epochs": 9, "lr": 1e-3}
    settings |= {"energy_weight": 1.0, "forces_weight": 100.0}
    run = {"effective_batch": 32, "resumed_from": 4, "attempts": ["once more"], "wall_seconds": 90.0}
    first, second = method_rows([replace(stages[0], settings=settings, checks=checks, run=run), stages[1]])
    assert (first["method"], first["readout"], first["weights"], first["batch"]) == ("replay", "kept", "1 : 100", 32)
    assert (first["checks"], first["failed"], first["wall"]) == ("1 of 2", checks[1:], 1.5)
    assert first["told"] == ["resumed after epoch 4", "once more"]
    assert (second["method"], second["epochs"], second["checks"]) == (None, 12, None)


def test_elements_come_after_strata(stages: list[Stage]) -> None:
    table = {"element:Si": {"n_frames": 1}, "slab": {"n_frames": 1}, "all": {"n_frames": 1, "p95_forces": 0.1}}
    rows = error_rows([replace(stages[0], errors={"test": table})])
    assert [(row["stratum"], row["whole"]) for row in rows] == [("all", True), ("slab", False), ("Si atoms", False)]
    assert rows[0]["p95_forces"] == pytest.approx(100.0)


def test_parities_show_many_as_hexagons_and_count_what_is_outside() -> None:
    plate = parity.plate([scores.parity(), scores.parity("zero-shot", n=30, k=100)])
    assert plate is not None and len(plate.figure.axes) == 4
    energy, _, forces, few = plate.figure.axes
    assert len(energy.collections[0].get_offsets()) == 40
    assert energy.collections[0].get_offsets()[:, 0].mean() == pytest.approx(0.0, abs=1e-9)
    counted = forces.collections[0].get_array().sum()
    outside = int(re.search(r"(\d+) outside", forces.texts[-1].get_text())[1])  # type: ignore[index]
    assert counted + outside == 5000 and outside > 0 and "points outside count" in plate.caption
    assert len(few.collections[0].get_offsets()) == 100
    assert parity.plate([Parity("a", "b", np.empty((0, 2)), np.empty((0, 2)))]) is None
    with pytest.raises(RefusedError, match="pairs are needed"):
        Parity("a", "b", np.empty(3), np.empty((0, 2)))


def test_the_curve_is_drawn_where_it_lies() -> None:
    plate = learning_curve.plate(scores.curve())
    assert plate is not None
    (axis,) = plate.figure.axes
    x, y = axis.lines[0].get_data()
    np.testing.assert_allclose(y, 400.0 * np.asarray(x) ** -0.5)
    assert axis.texts[0].get_text() == "slope −0.50 ± 0.00\nR² = 1.000"
    assert learning_curve.plate(LearningCurve([], {})) is None


def test_bars_are_strong_where_errors_are_lowest() -> None:
    plate = comparison.plate(Comparison(scores.rows()))
    assert plate is not None and len(plate.figure.axes) == 4
    bars = plate.figure.axes[1].patches
    assert [bar.get_width() for bar in bars] == pytest.approx([160, 60, 44, 40])
    assert [bar.get_facecolor() == bars[3].get_facecolor() for bar in bars] == [False, False, False, True]
    assert plate.figure.axes[2].texts[0].get_text() == "no labels"
    assert comparison.plate(Comparison([])) is None


def test_forgetting_is_told_against_the_own_model() -> None:
    plate = forgetting.plate(MATRIX)
    assert plate is not None
    words = [text.get_text() for text in plate.figure.axes[0].texts]
    assert "×1.50" in words and "80" in words
    colours = plate.figure.axes[0].images[0].get_array()
    assert np.ma.getmaskarray(colours).tolist() == [[True, True], [False, True], [False, False]]
    assert colours[2, 0] == pytest.approx(np.log(1.5) / np.log(4)) and colours[1, 0] == 0
    rows, columns = forgetting_rows(MATRIX)
    assert rows[2] == {"model": "target", "set_0": "120 (×1.50)", "set_1": "30"}
    assert list(columns.values()) == ["force RMSE after", "on broad", "on target"]
    assert forgetting.plate(Forgetting(["a"], ["b"], [[0.1]], [[0.1]])) is None


def test_calibration_has_its_bins() -> None:
    plate = calibration.plate(scores.uncertainties()[::2])
    assert plate is not None and len(plate.figure.axes) == 2
    assert len(plate.figure.axes[0].lines[-1].get_xdata()) == 10
    assert calibration.plate([]) is None


def test_everything_is_on_one_page(stages: list[Stage], tmp_path: Path) -> None:
    checks = [{"check": "e0s_kept", "passed": True, "detail": "<3 elements>"}]
    many = [replace(stage, checks=checks) for stage in stages * 3]
    page = write(Report("t", "", stages=many, forgetting=MATRIX, trained=scores.trained()), tmp_path)
    names = {path.stem for path in (tmp_path / "figures").glob("*.png")}
    drawn = {"comparison", "learning_curve", "calibration", "parity", "parity_2", "training", "training_2"}
    assert names == drawn | {"forgetting"}
    content = re.sub(r"base64,[^\"]*", "", page.read_text(encoding="utf-8"))
    assert {name for name in names if f'<figure id="{name}">' in content} == names
    for words in ("Per stratum and element", "Si atoms", "e0s kept: yes (&lt;3 elements&gt;)", 'class="n best">40<'):
        assert words in content
    assert "On target, the continual model" in content.split("<section")[0] or "committee of 4" in content

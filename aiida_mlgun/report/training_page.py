"""What the page shows of training: its figures, its tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from .figures import calibration, comparison, forgetting, learning_curve, parity, training
from .figures.plate import Plate
from .inputs import Report
from .trained import ALL
from .trained_answer import uncertainty_sentences
from .trained_rows import calibration_rows, comparison_rows, fit_rows, method_rows

#: Stages in one figure of training, and figures at most.
_STAGES: Final = 4
_FIGURES: Final = 3


def training_plates(report: Report) -> Iterator[Plate | None]:
    """The figures, in the order of the page."""
    found = report.trained
    if found.comparison is not None:
        yield comparison.plate(found.comparison)
    if found.curve is not None:
        yield learning_curve.plate(found.curve)
    for i, (test, quantities) in enumerate(_calibrated(report)):
        del test
        yield calibration.plate(quantities, numbered("calibration", i))
    for i, test in enumerate(dict.fromkeys(one.test for one in found.parities)):
        yield parity.plate([one for one in found.parities if one.test == test], numbered("parity", i))
    drawn = [stage for stage in report.stages if stage.history]
    for i in range(min(_FIGURES, -(-len(drawn) // _STAGES))):
        yield training.plate(drawn[_STAGES * i : _STAGES * (i + 1)], numbered("training", i))
    if report.forgetting is not None:
        yield forgetting.plate(report.forgetting)


def training_tables(report: Report) -> dict[str, Any]:
    """The tables' rows and the names of figures that come in numbers."""
    found = report.trained
    compared = comparison_rows(found.comparison) if found.comparison else []
    return {
        "comparison": compared,
        "groups": [row for row in comparison_rows(found.comparison, groups=True) if not row["whole"]]
        if found.comparison
        else [],
        "verdicts": list(found.comparison.verdicts) if found.comparison else [],
        "starts": any(row["start"] for row in compared),
        "fits": fit_rows(found.curve) if found.curve else [],
        "calibration": calibration_rows(found.uncertainties),
        "uncertainty": [s for one in found.uncertainties if one.stratum == ALL for s in uncertainty_sentences(one)],
        "methods": method_rows(report.stages),
        "calibrations": [numbered("calibration", i) for i in range(len(_calibrated(report)))],
        "parities": [numbered("parity", i) for i in range(len({one.test for one in found.parities}))],
        "curves": [numbered("training", i) for i in range(_FIGURES)],
    }


def numbered(name: str, i: int) -> str:
    """``parity``, ``parity_2``, …"""
    return f"{name}_{i + 1}" if i else name


def _calibrated(report: Report) -> list[tuple[str, list[Any]]]:
    whole = [one for one in report.trained.uncertainties if one.stratum == ALL]
    tests = dict.fromkeys(one.test for one in whole)
    return [(test, [one for one in whole if one.test == test]) for test in tests]

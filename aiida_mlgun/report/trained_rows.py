"""The rows of tables about training: models side by side, methods and checks, fits, calibrations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from .inputs import Forgetting, Stage
from .tables import text
from .trained import ALL, Comparison, LearningCurve, Uncertainty
from .words import group_label, strategy_label

Rows = list[dict[str, Any]]

METRICS: Final = ("mae_energy", "rmse_energy", "p95_energy", "mae_forces", "rmse_forces", "p95_forces")
_FIGURES: Final = {
    "mae_energy": "E MAE",
    "rmse_energy": "E RMSE",
    "p95_energy": "E 95 %",
    "mae_forces": "F MAE",
    "rmse_forces": "F RMSE",
    "p95_forces": "F 95 %",
}
#: Column → heading, for the terminal; energies in meV/atom, forces in meV/Å.
COMPARISON_COLUMNS: Final = {"test": "test", "who": "model", "start": "from", "n_frames": "frames", **_FIGURES}
METHOD_COLUMNS: Final = {
    "stage": "stage",
    "method": "method",
    "readout": "readouts",
    "epochs": "epochs",
    "lr": "lr",
    "batch": "batch",
    "seed": "seed",
    "n_train": "frames",
    "wall": "wall / min",
    "checks": "checks",
}
ERROR_COLUMNS: Final = {"stage": "stage", "set": "set", "n_frames": "frames", **_FIGURES}
FIT_COLUMNS: Final = {"metric": "metric", "slope": "slope", "se": "± s.e.", "seed_se": "± between seeds", "r2": "R²"}
CALIBRATION_COLUMNS: Final = {
    "test": "set",
    "quantity": "quantity",
    "stratum": "of",
    "n": "values",
    "rmse": "RMSE / meV",
    "rmv": "deviation / meV",
    "factor": "RMSE / deviation",
    "spearman": "rank corr.",
    "ence": "ENCE",
    "within": "within 1σ, 2σ",
}
_NAMES: Final = {"energy": "energy", "forces": "force"}
_KINDS: Final = {"mae": "MAE", "rmse": "RMSE", "p95": "95th percentile"}


def comparison_rows(comparison: Comparison, groups: bool = False) -> Rows:
    """One row per test and model, and with ``groups`` one per stratum and element too.

    :returns: dicts with ``test``, ``group`` (as read), ``whole`` (the group is all), ``who``, ``start``, ``n_frames``,
        the metrics in meV, and ``best``: the metrics in which no model is better on this test and group.
    """
    kept = [row for row in comparison.rows if groups or row.get("group", ALL) == ALL]
    places = list(dict.fromkeys((row["test"], row.get("group", ALL)) for row in kept))
    tests = list(dict.fromkeys(test for test, _ in places))
    places.sort(key=lambda place: (tests.index(place[0]), place[1] != ALL, place[1].startswith("element:"), place[1]))
    found: Rows = []
    for test, group in places:
        mine = [row for row in kept if (row["test"], row.get("group", ALL)) == (test, group)]
        values = [{key: _milli(row.get(key)) for key in METRICS} for row in mine]
        lowest = {key: min([v for value in values if (v := value[key]) is not None], default=None) for key in METRICS}
        for row, value in zip(mine, values, strict=True):
            best = [key for key in METRICS if len(mine) > 1 and value[key] is not None and value[key] == lowest[key]]
            found.append(
                {
                    "test": test,
                    "group": group_label(group),
                    "whole": group == ALL,
                    "who": strategy_label(row["strategy"]),
                }
                | {"start": row.get("start_model") or None, "n_frames": row.get("n_frames"), **value, "best": best}
            )
    return found


def marked(rows: Rows) -> Rows:
    """The metrics as text, the best with a star, for the terminal."""
    return [
        row | {key: text(row[key]) + (" *" if key in row["best"] else "  ") for key in METRICS if key in row}
        for row in rows
    ]


def method_rows(stages: Sequence[Stage]) -> Rows:
    """How each stage was trained: what was asked for, how it ran, whether the product is what was asked for."""
    rows: Rows = []
    for stage in stages:
        asked, run = stage.settings, stage.run
        epochs = stage.history.get("epoch") or []
        batch = run.get("effective_batch", asked.get("batch_size"))
        passed = sum(bool(check.get("passed")) for check in stage.checks)
        told = [f"resumed after epoch {run['resumed_from']}"] if run.get("resumed_from") is not None else []
        told += [str(sentence) for sentence in run.get("attempts") or []]
        seconds = run.get("wall_seconds")
        rows.append(
            {
                "stage": stage.name,
                "level": stage.level,
                "method": asked.get("method"),
                "readout": {"reinitialise": "anew", "keep": "kept"}.get(asked.get("readout", ""), asked.get("readout")),
                "epochs": asked.get("epochs", len(epochs) or None),
                "lr": asked.get("lr"),
                "scheduler": asked.get("scheduler"),
                "weights": _weights(asked),
                "batch": batch,
                "seed": asked.get("seed"),
                "e0s": asked.get("e0s"),
                "n_train": asked.get("n_train"),
                "wall": None if seconds is None else seconds / 60.0,
                "checks": f"{passed} of {len(stage.checks)}" if stage.checks else None,
                "failed": [check for check in stage.checks if not check.get("passed")],
                "details": list(stage.checks),
                "told": told,
            }
        )
    return rows


def stage_error_rows(stages: Sequence[Stage]) -> Rows:
    """Errors of each stage's model on its own sets, for the terminal; meV."""
    return [
        {"stage": stage.name, "set": name, "n_frames": table[ALL].get("n_frames")}
        | {key: _milli(table[ALL].get(key)) for key in METRICS}
        for stage in stages
        for name, table in stage.errors.items()
        if ALL in table
    ]


def forgetting_rows(matrix: Forgetting) -> tuple[Rows, dict[str, str]]:
    """Force RMSE (meV/Å) of each model on each set, for the terminal, and the columns; in brackets, times the own."""
    columns = {"model": "force RMSE after"} | {f"set_{j}": f"on {name}" for j, name in enumerate(matrix.sets)}
    rows: Rows = []
    for i, model in enumerate(matrix.models):
        row: dict[str, Any] = {"model": model}
        for j in range(len(matrix.sets)):
            value = matrix.rmse_forces[i][j]
            own = matrix.own[j] if matrix.own else None
            base = matrix.rmse_forces[own][j] if own is not None else None
            more = f" (×{value / base:.2f})" if own is not None and i > own and value is not None and base else ""
            row[f"set_{j}"] = text(_milli(value)) + more
        rows.append(row)
    return rows, columns


def fit_rows(curve: LearningCurve) -> Rows:
    """The fitted power laws."""
    rows: Rows = []
    for metric, fit in curve.fits.items():
        kind, _, label = metric.partition("_")
        row: dict[str, Any] = {"metric": f"{_NAMES.get(label, label)} {_KINDS.get(kind, kind)}"}
        row |= {"slope": fit.get("slope"), "se": fit.get("slope_se"), "r2": fit.get("r2"), "n": fit.get("n")}
        between = curve.seed_fits.get(metric, {})
        rows.append(row | {"low": fit.get("low"), "high": fit.get("high"), "seed_se": between.get("se")})
    return rows


def calibration_rows(uncertainties: Sequence[Uncertainty]) -> Rows:
    """Deviations against errors, per set, quantity and stratum; meV/atom and meV/Å."""
    rows: Rows = []
    for one in uncertainties:
        found = one.calibration
        row: dict[str, Any] = {"test": one.test, "quantity": _NAMES.get(one.quantity, one.quantity)}
        row |= {"stratum": group_label(one.stratum), "whole": one.stratum == ALL, "n": found.get("n")}
        row |= {key: _milli(found.get(key)) for key in ("rmse", "rmv")}
        row |= {key: found.get(key) for key in ("factor", "scale", "spearman", "ence")}
        within = found.get("within")
        row["within"] = f"{100 * within[0]:.0f} %, {100 * within[1]:.0f} %" if within else None
        rows.append(row)
    return rows


def _weights(asked: dict[str, Any]) -> str | None:
    if "energy_weight" not in asked or "forces_weight" not in asked:
        return None
    return f"{asked['energy_weight']:g} : {asked['forces_weight']:g}"


def _milli(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else 1000.0 * float(value)

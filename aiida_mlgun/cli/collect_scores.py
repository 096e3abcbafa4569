"""From comparisons, learning curves and committees to what a report shows of scores and predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from aiida import orm

from ..data.frames import FramesData
from ..report.trained import ALL, Comparison, LearningCurve, Parity, Trained, Uncertainty
from ..report.trained_answer import verdict_sentences
from ..report.words import strategy_label
from ..science.frames import Floats
from .collect_training import COMMITTEE, COMPARE, CURVE, FINETUNE

#: Models in one parity figure, and test sets with a figure.
_MODELS: Final = 4
_TESTS: Final = 4


def trained_of(process: orm.ProcessNode) -> Trained:
    """What there is to show of ``process`` beside its stages; empty for other workflows and while nothing came out."""
    kind, outputs = process.process_label, process.outputs
    if kind == COMPARE and "table" in outputs:
        rows = outputs.table["rows"]
        verdicts = verdict_sentences(outputs.verdict.get_dict()) if "verdict" in outputs else []
        return Trained(Comparison(rows, verdicts), parities=_compared(process, rows))
    if kind == CURVE and "curve" in outputs:
        curve = outputs.curve.get_dict()
        title = process.inputs.test.label
        return Trained(curve=LearningCurve(curve["points"], curve["fits"], title, curve.get("seed_fits", {})))
    if kind == COMMITTEE and "calibration" in outputs:
        reports = {name: outputs.calibration[name].get_dict() for name in sorted(outputs.calibration)}
        rows = [row for name, report in reports.items() for row in _member_rows(name, report)]
        uncertainties = [one for name, report in reports.items() for one in _uncertainties(name, report)]
        parities = [_committee(process, name, len(reports[name]["members"])) for name in list(reports)[:_TESTS]]
        return Trained(Comparison(rows) if rows else None, [p for p in parities if p], uncertainties=uncertainties)
    if kind == FINETUNE and "errors" in outputs:
        return Trained(parities=_finetuned(process))
    return Trained()


def pairs(model: str, test: str, frames: FramesData, energy: Floats, forces: Floats, chosen: Any = None) -> Parity:
    """Labels beside predictions, without isolated atoms and what has no label.

    :param energy: (n,), eV; ``forces``: (m, 3), eV/Å, of all ``frames``; ``chosen``: (n,), the frames to keep.
    """
    held = frames.frames()
    keep = ~held.is_isolated if chosen is None else ~held.is_isolated & chosen
    atoms = keep.repeat(held.n_atoms)
    e_pairs, f_pairs = np.empty((0, 2)), np.empty((0, 2))
    if held.energy is not None:
        per_atom = np.stack([held.energy, energy], axis=1)[keep] / held.n_atoms[keep, None]
        e_pairs = per_atom[np.isfinite(per_atom).all(axis=1)]
    if held.forces is not None:
        both = np.stack([held.forces[atoms].ravel(), forces[atoms].ravel()], axis=1)
        f_pairs = both[np.isfinite(both).all(axis=1)]
    return Parity(model, test, e_pairs, f_pairs)


def _compared(process: orm.ProcessNode, rows: Sequence[dict[str, Any]]) -> list[Parity]:
    """Per test set the best model of each strategy, worst first."""
    if "predictions" not in process.outputs:
        return []
    scored = {job.outputs.predictions.pk: job for job in process.called if "predictions" in job.outputs}
    about = process.outputs.table.creator.inputs.about["scores"]
    error = {(r["test"], r["strategy"], r["start_model"]): r.get("rmse_forces") for r in rows if r["group"] == ALL}
    found: list[Parity] = []
    for test in list(dict.fromkeys(who["test"] for who in about.values()))[:_TESTS]:
        best: dict[str, tuple[float, str]] = {}
        for key, who in about.items():
            value = error.get((test, who["strategy"], who["start_model"]))
            if who["test"] == test and key in process.outputs.predictions:
                rank = (np.inf if value is None else float(value), key)
                best[who["strategy"]] = min(rank, best.get(who["strategy"], rank))
        for _, key in sorted(best.values(), reverse=True)[:_MODELS]:
            node = process.outputs.predictions[key]
            start = f"\n{about[key]['start_model']}" if about[key]["start_model"] else ""
            name = strategy_label(about[key]["strategy"]) + start
            frames = scored[node.pk].inputs.frames if node.pk in scored else process.inputs.tests[test]
            found.append(pairs(name, test, frames, node.get_array("energy"), node.get_array("forces")))
    return found


def _finetuned(process: orm.ProcessNode) -> list[Parity]:
    """The models on each stage's test set, the start model first; of many the last ones."""
    jobs = {name: process.outputs.errors[name].creator for name in process.outputs.errors}
    order = sorted(jobs, key=lambda name: (name != "foundation", name))
    order = order[:1] + order[1:][-(_MODELS - 1) :]
    models = process.outputs.models if "models" in process.outputs else {}
    found: list[Parity] = []
    for label in [name for name in sorted(process.inputs.stages) if "test" in process.inputs.stages[name]][:_TESTS]:
        for name in order:
            job = jobs[name]
            if job is None or "predictions" not in job.outputs:
                continue
            frames, given = job.inputs.frames, job.outputs.predictions
            chosen = frames.frames().tag("set") == label
            title = models[label].name if label in models else label
            arrays = given.get_array("energy"), given.get_array("forces")
            found.append(pairs(job.inputs.model.name, title, frames, *arrays, chosen))
    return found


def _committee(process: orm.ProcessNode, name: str, members: int) -> Parity | None:
    if "disagreement" not in process.outputs or name not in process.outputs.disagreement:
        return None
    arrays, frames = process.outputs.disagreement[name], process.inputs.frames[name]
    title = f"mean of {members} members"
    found = pairs(title, name, frames, arrays.get_array("energy_mean"), arrays.get_array("forces_mean"))
    return found if len(found.energy) or len(found.forces) else None


def _member_rows(test: str, report: dict[str, Any]) -> list[dict[str, Any]]:
    """The error rows of the members and of their mean, where the set has labels."""
    rows = []
    for who, row in report.get("errors", {}).items():
        if row.get("rmse_energy") is not None or row.get("rmse_forces") is not None:
            rows.append({"strategy": "mean of all" if who == "committee" else who, "start_model": None, **row})
    return [{"test": test, "group": ALL, **row} for row in rows]


def _uncertainties(test: str, report: dict[str, Any]) -> list[Uncertainty]:
    members = len(report["members"])
    parts = {ALL: report, **report.get("strata", {})}
    found = []
    for stratum, part in parts.items():
        if stratum != ALL and len(parts) <= 2:
            continue  # the one stratum is the whole set
        for quantity in ("energy", "forces"):
            if part.get(quantity):
                found.append(Uncertainty(test, quantity, members, part[quantity], stratum))
    return found

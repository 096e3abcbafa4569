"""What came out of a training, in sentences: which model is best, how errors fall, whether a committee knows itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .trained import ALL, LearningCurve, Trained, Uncertainty
from .words import big, strategy_label

_UNITS: Final = {"energy": ("energy", "meV/atom"), "forces": ("force", "meV/Å")}


def trained_answer(trained: Trained) -> str:
    """One or two sentences; empty if there is nothing to tell."""
    sentences = list(trained.comparison.verdicts[:2]) if trained.comparison else []
    if trained.curve is not None:
        sentences += curve_sentences(trained.curve)[:1]
    told = [one for one in trained.uncertainties if one.stratum == ALL and one.quantity == "forces"]
    sentences = [sentence for one in told[:2] for sentence in uncertainty_sentences(one)] or sentences
    return " ".join(sentences)


def verdict_sentences(verdict: Mapping[str, Any]) -> list[str]:
    """From ``lowest`` and ``continual_against_finetuned`` of a comparison's verdict; force RMSE first."""
    rows = sorted(
        (row for row in verdict.get("lowest", []) if row["metric"].startswith("rmse")),
        key=lambda row: row["metric"] != "rmse_forces",
    )
    found = [_lowest(row) for row in rows]
    pairs = [row for row in verdict.get("continual_against_finetuned", []) if row["metric"] == "rmse_forces"]
    return found + [_pair(row) for row in pairs]


def curve_sentences(curve: LearningCurve) -> list[str]:
    """How the errors fall, forces first."""
    found = []
    sizes = sorted({int(point.get("n_train", point.get("size", 0))) for point in curve.points})
    for metric in ("mae_forces", "mae_energy"):
        fit = curve.fits.get(metric)
        if not fit or fit.get("slope") is None:
            continue
        what = _UNITS[metric.partition("_")[2]][0]
        error = f" ± {fit['slope_se']:.2f}" if fit.get("slope_se") is not None else ""
        r2 = f" (R² = {fit['r2']:.2f})" if fit.get("r2") is not None else ""
        exponent = f"{fit['slope']:.2f}".replace("-", "−")
        span = f"from {big(sizes[0])} to {big(sizes[-1])} training frames"
        found.append(
            f"The {what} MAE goes with the size of the training set to the power {exponent}{error}{r2}, {span}."
        )
    return found


def uncertainty_sentences(one: Uncertainty) -> list[str]:
    """Whether the committee's deviation tells its error."""
    factor, rank = one.calibration.get("factor"), one.calibration.get("spearman")
    what = _UNITS.get(one.quantity, (one.quantity, ""))[0]
    if factor is None:
        return []
    order = "" if rank is None else f"; deviation and error have the rank correlation {rank:.2f}".replace("-", "−")
    return [
        f"On {one.test}, the {what} error is {factor:.2f} times what the committee of {one.members} predicts{order}."
    ]


def trained_cautions(trained: Trained) -> list[str]:
    """What a reader must know before believing the numbers."""
    found = []
    if trained.curve is not None:
        seeds = {point.get("seed") for point in trained.curve.points}
        sizes = {point.get("n_train", point.get("size")) for point in trained.curve.points}
        if len(sizes) < 4:
            found.append(f"The slope rests on {len(sizes)} sizes: more sizes, over a wider range, would pin it down.")
        if len(seeds) == 1:
            found.append("There is one seed: how much trainings differ by chance is not known.")
        else:
            found.append("Subsets of one seed lie within each other: the spread between seeds is the safer error.")
    members = [one.members for one in trained.uncertainties]
    if members and min(members) < 5:
        found.append(
            f"A committee of {min(members)} gives rough deviations: they scatter by chance and come out too small."
        )
    return found


def _lowest(row: Mapping[str, Any]) -> str:
    what, unit = _UNITS[row["metric"].partition("_")[2]]
    sentence = f"On {row['test']}, {_who(row)} has the lowest {what} RMSE, {_milli(row['value'])} {unit}"
    if not row.get("next"):
        return f"{sentence}."
    sentence += f"; next comes {_who(row['next'])}, {_milli(row['difference'])} {unit} more"
    if row.get("low") is None:
        return f"{sentence}."
    span = f"95 % interval {_milli(row['low'])} … {_milli(row['high'])}, {big(row['units'])} {row['unit']}s drawn anew"
    return f"{sentence} ({span}), {'which is beyond chance' if row['clear'] else 'which may be chance'}."


def _pair(row: Mapping[str, Any]) -> str:
    change = row["difference"]
    verb = "lowers" if change < 0 else "raises"
    sentence = (
        f"On {row['test']}, the broad stage between {row['start_model']} and the target {verb} the force RMSE by"
        f" {_milli(abs(change))} meV/Å"
    )
    if row.get("low") is None:
        return f"{sentence}."
    doubt = "beyond chance" if row["clear"] else "perhaps by chance"
    return f"{sentence} (95 % interval of the change {_milli(row['low'])} … {_milli(row['high'])}), {doubt}."


def _who(row: Mapping[str, Any]) -> str:
    start = f" from {row['start_model']}" if row.get("start_model") else ""
    return f"the {strategy_label(str(row['strategy'])).replace('from scratch', 'from-scratch')} model{start}"


def _milli(value: float) -> str:
    return f"{1000 * value:.3g}".replace("-", "−")

"""The sentence at the top of the page, the few numbers beside it, and what to be careful about."""

from __future__ import annotations

from typing import Final

import numpy as np

from ..science.outcomes import UNDECIDED
from .curated_answer import curation_answer
from .inputs import Ensemble, Report
from .tables import binding, outcome_rows, text
from .trained_answer import trained_answer
from .words import big, count, finite, formula, interval, label, percent, time_text

#: Fewer start states than this make intervals over them unreliable.
_FEW_STATES: Final = 5
#: Intervals of outcomes wider than this share are called out.
_WIDE: Final = 0.20


def answer(report: Report) -> str:
    """What came out: a sentence or two, for curations one per dataset."""
    if report.ensemble is not None:
        return ensemble_answer(report.ensemble)
    if told := trained_answer(report.trained):
        return told
    for stage in reversed(report.stages):
        for name in ("test", *reversed(stage.errors)):
            figures = stage.errors.get(name, {}).get("all", {})
            if figures.get("rmse_forces") is not None:
                force = text(1000 * figures["rmse_forces"])
                return f"The model of stage {stage.name} reproduces forces of the {name} set to {force} meV/Å (RMSE)."
    if report.curations:
        return curation_answer(report.curations)
    return "There is nothing to report yet."


def ensemble_answer(ensemble: Ensemble) -> str:
    """``C₂H₂ binds in 71 % (95 % confidence interval 48–87 %) of 17 shots; most often …``."""
    total = binding(ensemble)
    what = f"{formula(ensemble)} binds in {percent(total['share'])}"
    what = what[0].upper() + what[1:]
    spread = interval(total["low"], total["high"])
    sentence = f"{what} (95 % confidence interval {spread}) of {count(total['n'], 'shot')}"
    rows = [row for row in outcome_rows(ensemble) if row["n"]]
    bound = [row for row in rows if row["productive"]]
    best = max(bound or rows, key=lambda row: row["n"])
    how = "most often" if bound else "which most often end"
    return f"{sentence}, {how} {best['label']}: {percent(best['share'])} ({interval(best['low'], best['high'])})."


def facts(ensemble: Ensemble) -> list[tuple[str, str]]:
    """(number, what it is), for the tiles under the answer."""
    total = binding(ensemble)
    tiles = [(str(total["n"]), "shots"), (percent(total["share"]), f"bind ({total['n_bound']} of {total['n']})")]
    tiles.append((str(len(ensemble.seen)), "different outcomes"))
    bond = finite(ensemble.column("bond_fs"))
    if len(bond):
        tiles.append((time_text(float(np.median(bond))), "median time to the first bond"))
    steps = finite(ensemble.column("n_steps"))
    if len(steps):
        tiles.append((big(int(steps.sum())), "steps in all"))
    drift = np.abs(finite(ensemble.column("drift")))
    if len(drift):
        tiles.append((f"{np.median(drift):.2g}", "meV/atom/ps median energy drift"))
    return tiles


def cautions(ensemble: Ensemble) -> list[str]:
    """What a reader must know before believing the numbers, one sentence each."""
    found = []
    total = binding(ensemble)
    states = total["n_states"]
    if total["state_low"] is not None:
        spread = interval(total["state_low"], total["state_high"])
        few = "; so few states make this interval a rough one" if states < _FEW_STATES else ""
        found.append(
            f"The shots come from {states} start states of the slab. With what shots of one start state have in common"
            f" taken into account, the interval for binding is {spread}{few}."
        )
    elif states == 1:
        found.append("All shots come from one start state of the slab; how much start states differ is not known.")
    undecided = ensemble.outcomes.count(UNDECIDED)
    if undecided:
        verb = "was" if undecided == 1 else "were"
        found.append(f"{count(undecided, 'shot')} {verb} undecided when the time was over and counted as not bound.")
    widest = max((row for row in outcome_rows(ensemble) if row["n"]), key=lambda row: row["high"] - row["low"])
    if widest["high"] - widest["low"] > _WIDE:
        ci = interval(widest["low"], widest["high"])
        found.append(
            f"{count(len(ensemble), 'shot')} pin the shares down only roughly: {widest['label']} lies anywhere in {ci}."
            " The width shrinks with the square root of the number of shots."
        )
    drift = np.abs(finite(ensemble.column("drift")))
    if len(drift) and np.median(drift) > ensemble.max_drift:
        found.append(
            f"The median energy drift, {np.median(drift):.2g} meV/atom/ps, exceeds the limit of {ensemble.max_drift:g}:"
            " a shorter time step or higher precision is needed."
        )
    broken = [name for name in ensemble.seen if name.split(" ")[0] in ("explosion", "backbone_broken")]
    if broken:
        n = sum(ensemble.outcomes.count(name) for name in broken)
        names = " or ".join(label(name) for name in broken)
        found.append(f"{count(n, 'shot')} ended as {names}, which can mean that the model left what it was trained on.")
    return found

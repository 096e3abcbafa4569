"""How much small sets of shots scatter ([W] Fig. S12, Table S2; row O6)."""

from __future__ import annotations

from typing import Final

import numpy as np

from ...science.statistics import scatter
from ..inputs import Ensemble
from ..tables import BOOTSTRAP_SEED, shares
from ..words import label
from .plate import GREY, INK, Plate, colours, sheet, style

#: Shots in one small set: what direct first-principles dynamics can afford ([W]: sets of 10).
SET_SIZE: Final = 10
#: With fewer sets there is no scatter to see; outcomes that can be told apart.
_FEWEST: Final = 3
_MOST_OUTCOMES: Final = 8
_CAPTION: Final = (
    "Share of each outcome in {k} separate sets of {size} shots, in the order of shot numbers (dots), and in all shots"
    " (bars). Grey: where 95 % of sets of {size} independent shots lie. A scatter between the sets as large as this or"
    " larger has a probability of {p} if all come from the same shares ({test} test).{rest}"
)


def plate(ensemble: Ensemble) -> Plate | None:
    """A column of dots per outcome; None with too few shots for sets."""
    n_sets = len(ensemble) // SET_SIZE
    if n_sets < _FEWEST:
        return None
    order = np.argsort(np.asarray(ensemble.arrays["shot"]), kind="stable")
    ends = ensemble.outcomes
    outcomes = [ends[i] for i in order]
    seen = [row for row in shares(ensemble) if row.n]
    chosen = sorted(seen, key=lambda row: -row.n)[:_MOST_OUTCOMES]
    names = [row.mode for row in seen if row in chosen]
    found = scatter(outcomes, [row.mode for row in seen], SET_SIZE, BOOTSTRAP_SEED)
    rows = {row.mode: row for row in found.rows}
    palette = colours(ensemble)
    with style():
        figure, (axis,) = sheet(height=3.1, width=min(8.6, 2.2 + 0.95 * len(names)))
        for x, name in enumerate(names):
            row = rows[name]
            low, high = (100 * n / SET_SIZE for n in (row.low, row.high))
            axis.fill_between([x - 0.4, x + 0.4], low, high, color=GREY, alpha=0.2, lw=0)
            p = 100 * np.array(row.counts) / SET_SIZE
            values, index, times = np.unique(p, return_inverse=True, return_counts=True)
            rank = np.zeros(n_sets)
            for i in range(len(values)):
                rank[index == i] = np.arange(times[i])
            spread = np.minimum(0.11, 0.7 / max(1, int(times.max())))
            aside = spread * (rank - (times[index] - 1) / 2)
            axis.plot(
                x + aside, values[index], "o", ms=4 if n_sets < 100 else 2, mew=0, color=palette[name], alpha=0.75
            )
            whole = 100 * np.mean(np.array(outcomes) == name)
            axis.hlines(whole, x - 0.4, x + 0.4, color=INK, lw=2)
        ticks = [label(name) for name in names]
        axis.set_xticks(range(len(names)), ticks, rotation=30, ha="right", rotation_mode="anchor")
        axis.tick_params(axis="x", length=0)
        axis.set_xlim(-0.6, len(names) - 0.4)
        axis.set_ylim(-3, 103)
        axis.set_ylabel("share of shots / %")
        axis.grid(axis="y")
    left_out = len(seen) - len(names)
    rest = f" The {left_out} rarest outcomes are left out." if left_out > 1 else ""
    p_text = f"{found.p_value:.2g}" if found.p_value >= 1e-3 else "less than 0.001"
    caption = _CAPTION.format(k=n_sets, size=SET_SIZE, p=p_text, test=found.test, rest=rest)
    return Plate("small_sets", f"What sets of {SET_SIZE} shots would have told", caption, figure)

"""How the shares settle as shots come in, and how much small sets scatter ([W] Fig. S1b, S12; row O6)."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from ...science.statistics import convergence, sticking
from ..inputs import Ensemble
from ..tables import shares
from ..words import count, label
from .plate import GREY, INK, Plate, colours, sheet, style

#: Lines in one figure that can still be told apart.
_MOST_LINES: Final = 6
#: Beyond so many shots the axis is logarithmic.
_LINEAR_UP_TO: Final = 200
#: Shots in one small set: what direct first-principles dynamics can afford ([W]: sets of 10).
SET_SIZE: Final = 10
_CAPTION: Final = (
    "Left: cumulative share of {what} after 1, 2, … {n} shots, in the order of shot numbers; black, the share of all"
    " binding outcomes with its pointwise 95 % Wilson interval (grey); to the right of the dotted line the final"
    " simultaneous 95 % intervals (Goodman)."
)
_SETS: Final = " Right: the same shares in {k} separate sets of {size} shots each (dots) and in all shots (bars)."


def plate(ensemble: Ensemble) -> Plate | None:
    """Cumulative shares; beside them, with enough shots, those of small sets.  Nothing to see with a single shot."""
    if len(ensemble) < 2:
        return None
    order = np.argsort(np.asarray(ensemble.arrays["shot"]), kind="stable")
    ends = ensemble.outcomes
    outcomes = [ends[i] for i in order]
    rows = [row for row in shares(ensemble) if row.n]
    chosen = sorted(rows, key=lambda row: -row.n)[:_MOST_LINES]
    names = [row.mode for row in rows if row in chosen]
    palette = colours(ensemble)
    n_sets = len(ensemble) // SET_SIZE
    with style():
        wide = n_sets >= 3
        ratios = {"width_ratios": [1.75, 1.0]} if wide else {}
        figure, axes = sheet(1, 2 if wide else 1, height=3.7, gridspec_kw=ratios)
        axis = axes[0]
        course = convergence(outcomes, names)
        _binding(axis, ensemble.bound[order])
        final = {row.mode: row for row in rows}
        for i, name in enumerate(names):
            y = 100 * course.p[:, course.modes.index(name)]
            axis.plot(course.n, y, color=palette[name], label=label(name), zorder=3)
            x = _place(int(course.n[-1]), i)
            axis.vlines(x, 100 * final[name].low, 100 * final[name].high, color=palette[name], lw=2.4)
        axis.axvline(course.n[-1], color=GREY, lw=0.8, ls=":")
        if course.n[-1] > _LINEAR_UP_TO:
            axis.set_xscale("log")
        else:
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set_xlim(0.9, _place(int(course.n[-1]), len(names)))
        ticks = axis.get_xticks()
        axis.set_xticks([t for t in ticks if 1 <= t <= len(outcomes)])
        axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.set_ylim(-2, 102)
        axis.set_xlabel("number of shots")
        axis.set_ylabel("share of shots / %")
        axis.grid(axis="y")
        if wide:
            _small_sets(axes[1], outcomes, names, palette)
        in_one_row = len(names) + 1 if len(names) <= 5 else 4
        figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=in_one_row)
    what = "each outcome" if len(chosen) == len(rows) else f"the {len(chosen)} most frequent outcomes"
    caption = _CAPTION.format(what=what, n=len(ensemble))
    if wide:
        caption += _SETS.format(k=n_sets, size=SET_SIZE)
    heading = f"Convergence with the number of shots ({count(len(ensemble), 'shot')})"
    return Plate("convergence", heading, caption, figure)


def _place(n: int, i: int) -> float:
    """Where the ``i``-th final interval stands, right of ``n`` shots: evenly spaced on the axis's scale."""
    return float(n ** (1.02 + 0.018 * i)) if n > _LINEAR_UP_TO else n + max(n - 1, 1) * (0.025 + 0.022 * i)


def _binding(axis: Axes, bound: NDArray[np.bool_]) -> None:
    n = np.arange(1, len(bound) + 1)
    course = 100 * np.array([sticking(int(k), int(i)) for k, i in zip(np.cumsum(bound), n, strict=True)])
    axis.fill_between(n, course[:, 1], course[:, 2], color=GREY, alpha=0.22, lw=0, zorder=1)
    axis.plot(n, course[:, 0], color=INK, lw=2.0, label="all that bind", zorder=2)


def _small_sets(axis: Axes, outcomes: list[str], names: list[str], palette: dict[str, str]) -> None:
    k = len(outcomes) // SET_SIZE
    sets = np.array(outcomes[: k * SET_SIZE]).reshape(k, SET_SIZE)
    for x, name in enumerate(names):
        p = 100 * (sets == name).mean(axis=1)
        values, index, times = np.unique(p, return_inverse=True, return_counts=True)
        rank = np.array([np.count_nonzero(index[:i] == index[i]) for i in range(k)])
        spread = np.minimum(0.11, 0.7 / max(1, int(times.max())))
        aside = spread * (rank - (times[index] - 1) / 2)
        axis.plot(x + aside, values[index], "o", ms=4, mew=0, color=palette[name], alpha=0.75)
        whole = 100 * np.mean(np.array(outcomes) == name)
        axis.hlines(whole, x - 0.38, x + 0.38, color=INK, lw=2)
    axis.set_xticks(range(len(names)), [label(name) for name in names], rotation=35, ha="right", rotation_mode="anchor")
    axis.set_xlim(-0.6, len(names) - 0.4)
    axis.set_ylim(-2, 102)
    axis.set_title(f"sets of {SET_SIZE} shots")
    axis.grid(axis="y")

"""How the shares settle as shots come in ([W] Fig. S1b; row O6)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from ...science.statistics import convergence, sticking, tables_at
from ..inputs import Ensemble
from ..tables import shares
from ..words import count, label
from .plate import GREY, INK, Plate, colours, sheet, style
from .small_sets import SET_SIZE

#: Panels: all that bind, and the most frequent outcomes.
_MOST_OUTCOMES: Final = 5
#: Beyond so many shots the axis is logarithmic.
_LINEAR_UP_TO: Final = 200
#: Bands are worked out at so many numbers of shots, evenly spaced on the axis.
_BAND_POINTS: Final = 60
#: Small sets drawn as lines: [W] ran four sets of 10.
_SETS_DRAWN: Final = 4
_CAPTION: Final = (
    "Share of {what} after 1, 2, … {n} shots, in the order of shot numbers. Bands: 95 % intervals after each number of"
    " shots, for the outcomes such that they hold for all outcomes together (exact), for all that bind Wilson's;"
    " each holds for its own number of shots. Dotted: the final share."
)
_SETS: Final = (
    " Thin grey lines: the first {k} sets of {size} shots on their own, each from its first to its last shot."
)


def plate(ensemble: Ensemble) -> Plate | None:
    """A panel per outcome, side by side.  Nothing to see with a single shot."""
    if len(ensemble) < 2:
        return None
    order = np.argsort(np.asarray(ensemble.arrays["shot"]), kind="stable")
    ends = ensemble.outcomes
    outcomes = [ends[i] for i in order]
    rows = [row for row in shares(ensemble) if row.n]
    chosen = sorted(rows, key=lambda row: -row.n)[:_MOST_OUTCOMES]
    names = [row.mode for row in rows if row in chosen]
    n_sets = min(_SETS_DRAWN, len(ensemble) // SET_SIZE) if len(ensemble) > SET_SIZE else 0
    with style():
        figure, axes = _panels(len(names) + 1)
        axis = axes[0]
        _binding(axis, ensemble.bound[order])
        _small(axis, ensemble.bound[order], n_sets)
        axis.set_title("all that bind", color=INK)
        at = _places(len(ensemble))
        tables = tables_at(outcomes, ensemble.order, at)
        course = convergence(outcomes, names)
        palette = colours(ensemble)
        for axis, name in zip(axes[1:], names, strict=False):
            mine = [next(row for row in table if row.mode == name) for _, table in tables]
            band = 100 * np.array([(row.low, row.high) for row in mine])
            p = 100 * course.p[:, course.modes.index(name)]
            axis.fill_between(at, band[:, 0], band[:, 1], color=palette[name], alpha=0.2, lw=0, zorder=1)
            axis.plot(course.n, p, color=palette[name], label=label(name), zorder=4)
            axis.axhline(p[-1], color=palette[name], lw=0.9, ls=":", zorder=3)
            _small(axis, np.array([end == name for end in outcomes]), n_sets)
            axis.set_title(label(name), color=palette[name])
        for axis in axes:
            _scale(axis, len(ensemble))
        for axis in axes[len(names) + 1 :]:
            axis.set_axis_off()
        figure.supxlabel("number of shots", size=9.5)
        figure.supylabel("share of shots / %", size=9.5)
        figure.legend(handles=_handles(n_sets), loc="outside upper left", ncols=3)
    what = "each outcome" if len(chosen) == len(rows) else f"the {len(chosen)} most frequent outcomes"
    caption = _CAPTION.format(what=what, n=len(ensemble))
    caption += _SETS.format(k=n_sets, size=SET_SIZE) if n_sets else ""
    heading = f"Convergence with the number of shots ({count(len(ensemble), 'shot')})"
    return Plate("convergence", heading, caption, figure)


def _panels(n: int) -> tuple[Any, list[Axes]]:
    columns = min(3, n)
    rows = -(-n // columns)
    return sheet(rows, columns, height=0.7 + 2.05 * rows, sharex=True, sharey=True)


def _places(n: int) -> list[int]:
    """Numbers of shots from 1 to ``n``, evenly spaced on the axis."""
    spaced = np.geomspace(1, n, _BAND_POINTS) if n > _LINEAR_UP_TO else np.linspace(1, n, _BAND_POINTS)
    return [int(k) for k in np.unique(np.rint(spaced).astype(int))]


def _binding(axis: Axes, bound: NDArray[np.bool_]) -> None:
    n = np.arange(1, len(bound) + 1)
    seen = np.cumsum(bound)
    at = np.array(_places(len(bound)))
    band = 100 * np.array([sticking(int(seen[k - 1]), int(k))[1:] for k in at])
    axis.fill_between(at, band[:, 0], band[:, 1], color=GREY, alpha=0.25, lw=0, zorder=1)
    axis.plot(n, 100 * seen / n, color=INK, label="all that bind", zorder=4)
    axis.axhline(100 * seen[-1] / n[-1], color=INK, lw=0.9, ls=":", zorder=3)


def _small(axis: Axes, hit: NDArray[np.bool_], n_sets: int) -> None:
    """Shares within each of the first sets, over the number of shots in it."""
    n = np.arange(1, SET_SIZE + 1)
    for i in range(n_sets):
        part = hit[i * SET_SIZE : (i + 1) * SET_SIZE]
        axis.plot(n, 100 * np.cumsum(part) / n, color=GREY, lw=0.9, alpha=0.9, zorder=2)


def _scale(axis: Axes, n: int) -> None:
    if n > _LINEAR_UP_TO:
        axis.set_xscale("log")
    else:
        axis.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axis.set_xlim(1, n)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_ylim(-2, 102)
    axis.grid(axis="y")


def _handles(n_sets: int) -> list[Any]:
    found: list[Any] = [
        Line2D([], [], color=INK, label="share so far"),
        Patch(color=GREY, alpha=0.3, label="95 % interval"),
    ]
    if n_sets:
        found.append(Line2D([], [], color=GREY, lw=0.9, label=f"sets of {SET_SIZE} shots"))
    return found

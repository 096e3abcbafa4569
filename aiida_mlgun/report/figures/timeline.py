"""When the molecule touched, bound and settled or left (row O4)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from ..inputs import Ensemble
from ..words import count, finite, label
from .plate import GREY, INK, PALE, PRODUCTIVE, UNPRODUCTIVE, Plate, colours, sheet, style

#: Up to so many shots get a bar each.
_MOST_BARS: Final = 60
_TOUCHED: Final = "#A9B4BD"
_BARS: Final = (
    "One bar per shot, by outcome and then by length: flight until the first contact with the surface (pale), from"
    " contact to the first bond (grey), from the first bond to the end (coloured by outcome); dots mark contact,"
    " bars the first bond. Contact: two atoms of molecule and slab closer than 2 × the sum of covalent radii. Times"
    " from the start of the shot, in ps; they are known to within the interval between two looks."
)
_HISTOGRAMS: Final = (
    "Distribution of the time of first contact, of the time from contact to the first bond, and of the shot's length,"
    " for shots that end bound (blue) and others (orange, hatched), {shots}. Contact: two atoms of molecule and slab"
    " closer than 2 × the sum of covalent radii. Shots that never touched or never bound are missing from the first"
    " two. Vertical lines: medians."
)


def plate(ensemble: Ensemble) -> Plate | None:
    """Bars for few shots, histograms for many."""
    if not len(finite(ensemble.column("end_fs"))):
        return None
    return _bars(ensemble) if len(ensemble) <= _MOST_BARS else _histograms(ensemble)


def _bars(ensemble: Ensemble) -> Plate:
    contact, bond, end = (ensemble.column(name) / 1000 for name in ("contact_fs", "bond_fs", "end_fs"))
    outcomes, order = ensemble.outcomes, ensemble.order
    palette = colours(ensemble)
    known = np.flatnonzero(np.isfinite(end))
    rows = sorted(known.tolist(), key=lambda i: (order.index(outcomes[i]), end[i]))
    with style():
        figure, (axis,) = sheet(height=max(2.2, 1.25 + 0.12 * len(rows)))
        for y, i in enumerate(rows):
            first = float(np.nanmin([contact[i], bond[i], end[i]]))
            tied = float(bond[i]) if np.isfinite(bond[i]) else float(end[i])
            axis.barh(y, first, height=0.72, color=PALE, zorder=2)
            if np.isfinite(contact[i]):
                axis.barh(y, tied - first, left=first, height=0.72, color=_TOUCHED, zorder=2)
                axis.plot(first, y, "o", ms=3, color=INK, zorder=4)
            axis.barh(y, end[i] - tied, left=tied, height=0.72, color=palette[outcomes[i]], zorder=2)
            if np.isfinite(bond[i]):
                axis.plot([tied, tied], [y - 0.42, y + 0.42], color=INK, lw=1.4, zorder=4)
            elif not ensemble.is_productive(outcomes[i]):
                axis.plot(end[i], y, ">", ms=4, color=palette[outcomes[i]], zorder=4, clip_on=False)
        named = [outcomes[i] for i in rows]
        for name in dict.fromkeys(named):
            first, last = named.index(name), len(named) - 1 - named[::-1].index(name)
            axis.axhline(last + 0.5, color=PALE, lw=0.8, zorder=1)
            axis.annotate(
                f"{label(name)} ({last - first + 1})",
                (0, (first + last) / 2),
                (-6, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                ha="right",
                va="center",
                color=palette[name],
                weight="bold",
                size=8.5,
            )
        axis.set_ylim(len(rows) - 0.4, -0.6)
        axis.set_xlim(0, max(1.03 * float(end[rows].max()), 1e-3))
        axis.set_yticks([])
        axis.spines["left"].set_visible(False)
        axis.grid(axis="x")
        axis.set_xlabel("time / ps")
        handles = [Patch(color=PALE, label="flight"), Patch(color=_TOUCHED, label="after contact, not bound")]
        handles.append(Patch(color=GREY, label="after the first bond (colour: outcome)"))
        axis.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2)
    return Plate("timeline", "Time line of each shot", _BARS, figure)


def _histograms(ensemble: Ensemble) -> Plate:
    contact, bond, end = (ensemble.column(name) / 1000 for name in ("contact_fs", "bond_fs", "end_fs"))
    what = {"first contact / ps": contact, "contact to first bond / ps": bond - contact, "length of the shot / ps": end}
    with style():
        figure, axes = sheet(1, 3, height=2.9)
        for axis, (name, values) in zip(axes, what.items(), strict=True):
            _histogram(axis, values, ensemble.bound)
            axis.set_xlabel(name)
        axes[0].set_ylabel("shots")
        handles: list[Any] = [
            Patch(color=PRODUCTIVE, alpha=0.75, label="ends bound"),
            Patch(fc="none", ec=UNPRODUCTIVE, hatch="////", label="does not"),
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=2)
    return Plate("timeline", "When it happens", _HISTOGRAMS.format(shots=count(len(ensemble), "shot")), figure)


def _histogram(axis: Axes, values: Any, bound: Any) -> None:
    known = finite(values)
    if not len(known):
        axis.text(0.5, 0.5, "never", transform=axis.transAxes, ha="center", color=GREY)
        axis.set_xticks([])
        axis.set_yticks([])
        return
    top = max(float(known.max()), 1e-3)
    edges = np.linspace(min(0.0, float(known.min())), top * 1.0001, 26).tolist()
    looks: tuple[dict[str, Any], ...] = (
        {"color": PRODUCTIVE, "alpha": 0.75},
        {"fc": "none", "ec": UNPRODUCTIVE, "hatch": "////", "histtype": "stepfilled", "lw": 1.2},
    )
    for mask, look, colour in zip((bound, ~bound), looks, (PRODUCTIVE, UNPRODUCTIVE), strict=True):
        mine = finite(values[mask])
        if len(mine):
            axis.hist(mine, bins=edges, **look)
            axis.axvline(float(np.median(mine)), color=colour, lw=1.4)
    axis.grid(axis="y")

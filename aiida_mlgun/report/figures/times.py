"""When contact, bond and end happen: histograms over many shots (row O4)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from ..inputs import Ensemble
from ..words import count, finite
from .plate import GREY, PRODUCTIVE, UNPRODUCTIVE, Plate, sheet, style

#: Up to so many shots the time lines tell more.
_FEWEST: Final = 60
_CAPTION: Final = (
    "Distribution of the time of first contact, of the time from contact to the first bond, and of the shot's length,"
    " for shots that end bound (blue) and others (orange, hatched), {shots}. Contact: two atoms of molecule and slab"
    " closer than 2 × the sum of covalent radii. Shots that never touched or never bound are missing from the first"
    " two. Vertical lines: medians."
)


def plate(ensemble: Ensemble) -> Plate | None:
    """Three histograms; None for so few shots that each has a line of its own."""
    if len(ensemble) <= _FEWEST or not len(finite(ensemble.column("end_fs"))):
        return None
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
    return Plate("times", "When it happens", _CAPTION.format(shots=count(len(ensemble), "shot")), figure)


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

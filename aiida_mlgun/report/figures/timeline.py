"""When the molecule touched, waited, bound and settled or left, shot by shot (row O4)."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.patches import Patch

from ..inputs import Ensemble
from ..stages import Kind, spells
from ..words import finite, label
from .plate import GREY, INK, PALE, Plate, colours, sheet, style

#: Lines of one figure that can still be seen; of more shots, as many evenly spaced ones are drawn.
_MOST_LINES: Final = 400
#: Up to so many lines get marks and gaps.
_FEW: Final = 60
_TOUCHED: Final = "#A9B4BD"
_WAITING: Final = "#4A5763"
_SHADES: Final[dict[Kind, str]] = {"flight": PALE, "contact": _TOUCHED, "precursor": _WAITING, "bound": GREY}
_CAPTION: Final = (
    "One line per shot, by outcome and then by length: flight until the first contact with the surface (pale), not"
    " bound after it (grey), precursor (dark), and bound (coloured by outcome).{marks} Contact: two atoms of molecule"
    " and slab closer than 2 × the sum of covalent radii. Times from the start of the shot; they are known to within"
    " the interval between two looks.{some}"
)
_SOME: Final = " Of {n} shots every {k:.3g}th of this order is drawn; the numbers are of all."


def plate(ensemble: Ensemble) -> Plate | None:
    """A line per shot."""
    end = ensemble.column("end_fs") / 1000
    if not len(finite(end)):
        return None
    outcomes, order = ensemble.outcomes, ensemble.order
    palette = colours(ensemble)
    known = np.flatnonzero(np.isfinite(end)).tolist()
    ranks = {name: i for i, name in enumerate(order)}
    rows = sorted(known, key=lambda i: (ranks[outcomes[i]], end[i]))
    drawn = [rows[i] for i in _spaced(len(rows))]
    few = len(drawn) <= _FEW
    with style():
        figure, (axis,) = sheet(height=max(2.2, 1.25 + 0.12 * len(drawn)) if few else 6.0)
        _lines(axis, ensemble, drawn, palette, few)
        _names(axis, [outcomes[i] for i in drawn], [outcomes[i] for i in rows], palette)
        axis.set_ylim(len(drawn) - 0.4, -0.6)
        axis.set_xlim(0, max(1.03 * float(end[rows].max()), 1e-3))
        axis.set_yticks([])
        axis.spines["left"].set_visible(False)
        axis.grid(axis="x")
        axis.set_xlabel("time / ps")
        handles = [Patch(color=PALE, label="flight"), Patch(color=_TOUCHED, label="after contact, not bound")]
        handles.append(Patch(color=_WAITING, label="precursor"))
        handles.append(Patch(color=GREY, label="bound (colour: outcome)"))
        axis.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, borderaxespad=0.2)
    marks = " Dots mark the contact, bars the first bond, arrows shots that did not bind." if few else ""
    some = _SOME.format(n=len(rows), k=len(rows) / len(drawn)) if len(drawn) < len(rows) else ""
    return Plate("timeline", "Time line of each shot", _CAPTION.format(marks=marks, some=some), figure)


def _spaced(n: int) -> list[int]:
    return np.unique(np.rint(np.linspace(0, n - 1, min(n, _MOST_LINES))).astype(int)).tolist()  # type: ignore[no-any-return]


def _lines(axis: Axes, ensemble: Ensemble, drawn: list[int], palette: dict[str, str], few: bool) -> None:
    outcomes = ensemble.outcomes
    contact, bond, end = (ensemble.column(name) / 1000 for name in ("contact_fs", "bond_fs", "end_fs"))
    half = 0.36 if few else 0.5
    boxes, shades = [], []
    for y, i in enumerate(drawn):
        line = spells(ensemble, i)
        for k, one in enumerate(line):
            start, stop = one.start / 1000, one.stop / 1000
            boxes.append([(start, y - half), (stop, y - half), (stop, y + half), (start, y + half)])
            own = one.kind == "bound" or (one.kind == "precursor" and k == len(line) - 1)
            shades.append(palette[outcomes[i]] if own and ensemble.is_productive(outcomes[i]) else _SHADES[one.kind])
        if not few:
            continue
        if np.isfinite(contact[i]):
            axis.plot(contact[i], y, "o", ms=3, color=INK, zorder=4)
        if np.isfinite(bond[i]):
            axis.plot([bond[i], bond[i]], [y - 0.42, y + 0.42], color=INK, lw=1.4, zorder=4)
        if not ensemble.is_productive(outcomes[i]):
            axis.plot(end[i], y, ">", ms=4, color=palette[outcomes[i]], zorder=4, clip_on=False)
    axis.add_collection(PolyCollection(boxes, facecolors=shades, edgecolors="none", zorder=2, antialiased=few))


def _names(axis: Axes, drawn: list[str], every: list[str], palette: dict[str, str]) -> None:
    """The outcomes' names at the left of their lines; those with too few lines move down so that none overlap."""
    places = []
    for name in dict.fromkeys(drawn):
        first, last = drawn.index(name), len(drawn) - 1 - drawn[::-1].index(name)
        axis.axhline(last + 0.5, color=PALE, lw=0.8, zorder=1)
        places.append((name, (first + last) / 2))
    gap = max(1.0, len(drawn) / 28)
    low = -gap
    for name, wanted in places:
        low = max(wanted, low + gap)
        axis.annotate(
            f"{label(name)} ({every.count(name)})",
            (0, low),
            (-6, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            va="center",
            color=palette[name],
            weight="bold",
            size=8.5,
        )

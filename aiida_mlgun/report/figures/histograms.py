"""Energies and largest forces of raw and of kept frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from ..curated import Curation, Histogram
from ..curated_rows import quantity_text
from ..words import big
from .plate import BLUE, GREY, INK, PALE, Plate, sheet, style

_RAW: Final = "#C3CAD0"
#: Counts are drawn from here, so that a bin with a single frame is seen on a logarithmic axis.
_FLOOR: Final = 0.6
#: Bins whose edges span more than this factor, in equal ratios, get a logarithmic axis.
_LOG_SPAN: Final = 5.0
_CAPTION: Final = (
    "Number of frames by {quantity} (left) and by largest force component in the frame (right), of raw frames (grey)"
    " and of those kept (blue), isolated atoms not counted. Logarithmic counts: a single frame is seen. The outer"
    " bins also hold what lies beyond."
)


def plate(curations: Sequence[Curation]) -> Plate | None:
    """A row per dataset with labels; nothing if no dataset has any."""
    drawn = [one for one in curations if any(_of(one, name) for name in ("energy_per_atom", "max_force"))]
    if not drawn:
        return None
    limits = False
    with style():
        figure, axes = sheet(len(drawn), 2, height=0.6 + 2.35 * len(drawn))
        for row, one in enumerate(drawn):
            left, right = axes[2 * row], axes[2 * row + 1]
            _panel(left, _of(one, "energy_per_atom"), f"{quantity_text(one)} / eV")
            shown = _panel(right, _of(one, "max_force"), "largest force component / eV Å⁻¹")
            if shown and one.force_limit is not None and right.get_xlim()[0] < one.force_limit < right.get_xlim()[1]:
                right.axvline(one.force_limit, color=INK, lw=1.2, ls="--")
                limits = True
            left.set_ylabel("frames")
            if len(drawn) > 1:
                left.set_title(one.name)
        handles: list[Patch | Line2D] = [Patch(color=_RAW, label="raw"), Patch(color=BLUE, alpha=0.8, label="kept")]
        if limits:
            handles.append(Line2D([], [], color=INK, lw=1.2, ls="--", label="limit of the force filter"))
        figure.legend(handles=handles, loc="outside upper left", ncols=len(handles))
    quantities = list(dict.fromkeys(quantity_text(one) for one in drawn))
    caption = _CAPTION.format(quantity=" or ".join(quantities))
    return Plate("histograms", "Energies and forces of the frames", caption, figure)


def _of(one: Curation, name: str) -> Histogram | None:
    found = one.histograms.get(name)
    return found if found is not None and any(found.raw) else None


def _panel(axis: Axes, histogram: Histogram | None, what: str) -> bool:
    axis.set_xlabel(what)
    if histogram is None:
        axis.text(0.5, 0.5, "no labels", transform=axis.transAxes, ha="center", va="center", color=GREY)
        axis.set_xticks([])
        axis.set_yticks([])
        return False
    edges = np.array(histogram.edges)
    raw, kept = np.array(histogram.raw, dtype=float), np.array(histogram.kept, dtype=float)
    axis.set_yscale("log")
    if _in_equal_ratios(edges):
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    for counts, colour, alpha in ((raw, _RAW, 1.0), (kept, BLUE, 0.8)):
        axis.stairs(np.maximum(counts, _FLOOR / 2), edges, baseline=_FLOOR / 2, fill=True, color=colour, alpha=alpha)
    seen = np.flatnonzero(raw + kept)
    low, high = edges[seen[0]], edges[seen[-1] + 1]
    if axis.get_xscale() == "linear":
        margin = 0.02 * (high - low)
        axis.set_xlim(low - margin, high + margin)
    else:
        axis.set_xlim(low / 1.05, high * 1.05)
    axis.set_ylim(_FLOOR, 2.0 * float(raw.max()))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda y, _: big(round(y))))
    axis.grid(axis="y", color=PALE)
    return True


def _in_equal_ratios(edges: np.ndarray) -> bool:
    if edges[0] <= 0 or edges[-1] / edges[0] < _LOG_SPAN or len(edges) < 3:
        return False
    steps = np.diff(np.log(edges))
    return bool(np.ptp(steps) < 1e-3 * abs(steps.mean()))

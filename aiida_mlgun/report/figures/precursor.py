"""How long precursors live ([W]: datively bound to one surface atom before the second bond; row O4)."""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from scipy.stats import CensoredData, ecdf

from ..inputs import Ensemble, Floats
from ..stages import Fate, Life, lives
from ..words import count, time_text
from .plate import BLUE, GREY, INK, ORANGE, Plate, sheet, style

_SHADES: Final[dict[Fate, str]] = {"bound": BLUE, "left": ORANGE, "waiting": GREY}
_NAMES: Final[dict[Fate, str]] = {
    "bound": "made a further bond",
    "left": "let go",
    "waiting": "there at the shot's end",
}
#: With fewer lives there is no distribution.
_FEWEST: Final = 5
_CAPTION: Final = (
    "{lives} of precursors ({modes}) in {shots}: each stretch of time in such a mode. Left: their lengths, by how they"
    " ended. Right: the share that is still there after a time, with its 95 % interval (Kaplan and Meier 1958; shots"
    " that end in a precursor count up to their end). {median}"
)


def plate(ensemble: Ensemble) -> Plate | None:
    """Lengths by fate, and the survival curve; None with fewer than five lives."""
    found = list(lives(ensemble))
    if len(found) < _FEWEST:
        return None
    with style():
        figure, (left, right) = sheet(1, 2, height=3.0)
        _lengths(left, found)
        median = _survival(right, found)
    told = "Half of them are gone after " + time_text(median) + "." if median is not None else "Fewer than half end."
    modes = ", ".join(ensemble.precursors)
    shots = count(len({one.row for one in found}), "shot")
    words = count(len(found), "life") if len(found) == 1 else f"{len(found)} lives"
    caption = _CAPTION.format(lives=words, modes=modes, shots=shots, median=told)
    return Plate("precursor", "How long precursors live", caption, figure)


def _lengths(axis: Axes, found: list[Life]) -> None:
    every = np.array([one.length for one in found]) / 1000
    top = max(float(every.max()), 1e-3)
    edges = np.linspace(0, 1.0001 * top, int(np.clip(2 * np.sqrt(len(found)), 8, 40)) + 1)
    kinds = [fate for fate in _SHADES if any(one.fate == fate for one in found)]
    parts = [np.array([one.length for one in found if one.fate == fate]) / 1000 for fate in kinds]
    names = [f"{_NAMES[fate]} ({len(part)})" for fate, part in zip(kinds, parts, strict=True)]
    axis.hist(parts, bins=edges.tolist(), stacked=True, color=[_SHADES[fate] for fate in kinds], label=names)
    axis.set_xlabel("life time / ps")
    axis.set_ylabel("precursors")
    axis.set_xlim(0, float(edges[-1]))
    axis.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axis.grid(axis="y")
    axis.set_ylim(0, axis.get_ylim()[1] * (1 + 0.12 * len(kinds)))  # room for the legend above the bars
    axis.legend(loc="upper right")


def _carried(values: Floats) -> Floats:
    """(n,), each NaN replaced by the last number before it; the first one is a number."""
    known = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(values))))
    return np.asarray(values[known])


def _survival(axis: Axes, found: list[Life]) -> float | None:
    """Draw the curve; the median, fs, None if more than half are still there at the longest time."""
    ended = [one.length for one in found if one.fate != "waiting"]
    waiting = [one.length for one in found if one.fate == "waiting"]
    if not ended:
        axis.text(0.5, 0.5, "none ended", transform=axis.transAxes, ha="center", color=GREY)
        return None
    curve = ecdf(CensoredData(uncensored=ended, right=waiting)).sf
    times = np.concatenate([[0.0], curve.quantiles]) / 1000
    share = np.concatenate([[1.0], curve.probabilities])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no interval where the share is 0 or 1
        band = curve.confidence_interval(0.95, method="log-log")
    low, high = (_carried(np.concatenate([[1.0], end.probabilities])) for end in (band.low, band.high))
    axis.fill_between(times, 100 * low, 100 * high, step="post", color=BLUE, alpha=0.2, lw=0)
    axis.step(times, 100 * share, where="post", color=BLUE)
    axis.set_xlim(0, max(float(times.max()), 1e-3))
    axis.set_ylim(0, 103)
    axis.set_xlabel("time since it became a precursor / ps")
    axis.set_ylabel("still there / %")
    axis.grid(axis="y")
    below = np.flatnonzero(share <= 0.5)
    if not len(below):
        return None
    median = float(times[below[0]])
    axis.plot([median, median], [0, 50], color=INK, lw=1.0, ls=":")
    return 1000 * median

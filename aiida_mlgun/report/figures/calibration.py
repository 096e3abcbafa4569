"""Whether a committee's disagreement tells the size of its error (row T9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ..trained import Uncertainty
from ..words import big, percent
from .plate import BLUE, GREY, INK, VERMILION, Plate, sheet, style

_WORDS: Final = {"energy": ("energy", "meV atom⁻¹", BLUE), "forces": ("force", "meV Å⁻¹", VERMILION)}
_CAPTION: Final = (
    "Root-mean-square error against predicted standard deviation (root mean variance) of the committee of {members}, in"
    " equally full bins. On the grey line the committee knows its error; above, it is too sure of itself. Dashed: the"
    " one factor that scales the deviations right over the whole set. ρ: rank correlation of deviation and error; ENCE:"
    " mean relative distance from the grey line."
)


def plate(uncertainties: Sequence[Uncertainty], name: str = "calibration") -> Plate | None:
    """A panel per quantity."""
    drawn = [one for one in uncertainties if _bins(one.calibration)]
    if not drawn:
        return None
    with style():
        figure, axes = sheet(1, len(drawn), height=3.9, width=min(8.6, 0.6 + 4.0 * len(drawn)))
        for axis, one in zip(axes, drawn, strict=True):
            _panel(axis, one)
    return Plate(name, f"Deviation against error on {drawn[0].test}", _CAPTION.format(members=drawn[0].members), figure)


def _bins(calibration: Mapping[str, Any]) -> list[tuple[float, float, int]]:
    """(rmv, rmse) in meV and n, of bins that a logarithmic axis can show."""
    found = [(1000 * b["rmv"], 1000 * b["rmse"], int(b["n"])) for b in calibration.get("bins", [])]
    return [b for b in found if b[0] > 0 and b[1] > 0]


def _panel(axis: Axes, one: Uncertainty) -> None:
    what, unit, colour = _WORDS.get(one.quantity, (one.quantity, "meV", BLUE))
    calibration = one.calibration
    x, y, n = np.array(_bins(calibration)).T
    low, high = min(x.min(), y.min()) / 1.5, max(x.max(), y.max()) * 1.5
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.plot([low, high], [low, high], color=GREY, lw=1.0)
    factor = calibration.get("factor")
    if factor:
        axis.plot([low, high], [factor * low, factor * high], color=INK, lw=1.0, ls="--")
    axis.plot(x, y, color=colour, marker="o", ms=5)
    axis.set_xlim(low, high)
    axis.set_ylim(low, high)
    axis.set_aspect("equal", adjustable="box")
    for each in (axis.xaxis, axis.yaxis):
        wide = np.log10(high / low) > 2
        each.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
        each.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        each.set_minor_formatter(NullFormatter())
    axis.grid(which="major", lw=0.6)
    axis.set_xlabel(f"predicted {what} deviation / {unit}")
    axis.set_ylabel(f"{what} RMSE / {unit}")
    axis.set_title(f"{what}, {big(int(n.sum()))} values", size=9.5)
    words = [
        f"{name} {value:.2f}"
        for name, value in (
            ("ρ", calibration.get("spearman")),
            ("error / deviation", factor),
            ("ENCE", calibration.get("ence")),
        )
        if value is not None
    ]
    within = calibration.get("within")
    if within:
        words.append(f"within 1σ {percent(within[0])}, 2σ {percent(within[1])}")
    axis.text(0.04, 0.97, "\n".join(words), transform=axis.transAxes, va="top", size=8.5)

"""Predictions against labels: energies per atom above, force components below, a column per model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm

from ..trained import Floats, Parity
from ..words import big
from .plate import BLUE, GREY, INK, VERMILION, Plate, sheet, style

#: More points than this are drawn as hexagons coloured by their number.
_MANY: Final = 2000
_CELLS: Final = 55
_PER_ROW: Final = 4
_WORDS: Final = {"energy": ("energy", "eV atom⁻¹", "meV/atom", BLUE), "forces": ("force", "eV Å⁻¹", "meV/Å", VERMILION)}
_CAPTION: Final = (
    "Predicted against reference on the set {test}: energy per atom less the mean of the reference (blue) and force"
    " components (red). On the line, both agree; the larger the set, the more points lie under one another: hexagons"
    " are coloured by the number of points, on a logarithmic scale. MAE and RMSE over all points."
)
_SHIFTED: Final = (
    " Energies whose mean error exceeds the whole range of the reference belong to another level of theory; they are"
    " drawn shifted by it, as written in the panel."
)
_BEYOND: Final = " The axes hold 99.8 % of the reference; points outside count in MAE and RMSE."


def plate(parities: Sequence[Parity], name: str = "parity") -> Plate | None:
    """Two rows of panels, four columns at most; models beyond are left to the table."""
    shown = [one for one in parities if len(one.energy) or len(one.forces)][:_PER_ROW]
    if not shown:
        return None
    n = len(shown)
    drawn: list[tuple[tuple[float, float], Floats]] = []
    shifted = False
    with style():
        width = min(8.6, 1.2 + 3.1 * n)
        figure, axes = sheet(2, n, height=1.2 + 2 * min(3.0, (width - 0.4) / n * 0.95), width=width)
        for row, key in enumerate(("energy", "forces")):
            panels = axes[row * n : (row + 1) * n]
            data = [_centred(getattr(one, key)) if key == "energy" else getattr(one, key) for one in shown]
            shifts = [_shift(pairs) if key == "energy" else 0.0 for pairs in data]
            placed = [pairs - [0.0, shift] for pairs, shift in zip(data, shifts, strict=True)]
            limits = _limits(placed)
            drawn += [(limits, pairs) for pairs in placed]
            shifted = shifted or any(shifts)
            for column, (axis, pairs, shift) in enumerate(zip(panels, placed, shifts, strict=True)):
                _panel(axis, pairs, key, limits, n, shift)
                if row == 0:
                    axis.set_title(shown[column].model, size=9.5)
                if column == 0:
                    axis.set_ylabel(f"predicted {_WORDS[key][0]} / {_WORDS[key][1]}", size=9)
                else:
                    axis.tick_params(labelleft=False)
    outside = any(_outside(pairs, limits) for limits, pairs in drawn)
    left = len([one for one in parities if len(one.energy) or len(one.forces)]) - n
    caption = _CAPTION.format(test=shown[0].test) + (f" {big(left)} more models are not drawn." if left else "")
    caption += _BEYOND if outside else ""
    caption += _SHIFTED if shifted else ""
    return Plate(name, f"Predictions on {shown[0].test}", caption, figure)


def _panel(axis: Axes, pairs: Floats, key: str, limits: tuple[float, float], columns: int, shift: float) -> None:
    what, unit, small, colour = _WORDS[key]
    axis.set_xlim(limits)
    axis.set_ylim(limits)
    axis.set_aspect("equal", adjustable="box")
    axis.plot(limits, limits, color=GREY, lw=0.9, zorder=1)
    axis.set_xlabel(f"reference {what} / {unit}", size=9)
    axis.locator_params(nbins=5)
    look: dict[str, Any] = {"transform": axis.transAxes, "va": "top", "size": 8.2, "color": INK}
    if not len(pairs):
        axis.text(0.5, 0.5, "no labels", ha="center", transform=axis.transAxes, color=INK)
        return
    errors = pairs[:, 1] + shift - pairs[:, 0]
    mae, rmse = 1000 * np.abs(errors).mean(), 1000 * np.sqrt((errors**2).mean())
    if len(pairs) > _MANY:
        light = LinearSegmentedColormap.from_list(key, ["#DCE6EE" if key == "energy" else "#F6E1D3", colour, INK])
        inside = (pairs >= limits[0]).all(axis=1) & (pairs <= limits[1]).all(axis=1)
        size = max(20, int(_CELLS * min(1.0, 2.2 / columns)))
        extent = (*limits, *limits)
        axis.hexbin(*pairs[inside].T, gridsize=size, extent=extent, mincnt=1, norm=LogNorm(), cmap=light, lw=0.1)
    else:
        marker = 10 if len(pairs) < 200 else 5
        axis.scatter(pairs[:, 0], pairs[:, 1], s=marker, color=colour, alpha=0.55, lw=0, zorder=2)
    axis.text(0.04, 0.97, f"MAE {_three(mae)}\nRMSE {_three(rmse)}\n{small}", **look)
    look |= {"va": "bottom", "ha": "right", "color": GREY}
    beyond = _outside(pairs, limits)
    words = f"n = {big(len(pairs))}" + (f"\n{big(beyond)} outside" if beyond else "")
    words = f"shifted by {-shift:+.3g} eV\n{words}" if shift else words
    axis.text(0.97, 0.03, words, **look)


def _shift(pairs: Floats) -> float:
    """The mean error (eV/atom) where it exceeds the reference's whole range: another level's zero; else 0."""
    if not len(pairs):
        return 0.0
    mean = float((pairs[:, 1] - pairs[:, 0]).mean())
    return mean if abs(mean) > max(float(np.ptp(pairs[:, 0])), 1e-3) else 0.0


def _outside(pairs: Floats, limits: tuple[float, float]) -> int:
    return int(((pairs < limits[0]) | (pairs > limits[1])).any(axis=1).sum()) if len(pairs) else 0


def _three(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else big(round(value))


def _centred(pairs: Floats) -> Floats:
    return pairs - pairs[:, 0].mean() if len(pairs) else pairs


def _limits(data: Sequence[Floats]) -> tuple[float, float]:
    """Room for the reference, if there are many without a thousandth at either end, and for what is predicted near."""
    filled = [pairs for pairs in data if len(pairs)]
    if not filled:
        return -1.0, 1.0
    reference = np.concatenate([pairs[:, 0] for pairs in filled])
    seen = np.concatenate([pairs[:, 1] for pairs in filled])
    ends = (0.1, 99.9) if len(reference) > _MANY else (0, 100)
    (low, high), (least, most) = np.percentile(reference, ends), np.percentile(seen, ends)
    room = max(float(high - low), 1e-3)
    low, high = float(min(low, max(least, low - room))), float(max(high, min(most, high + room)))
    return low - 0.05 * room, high + 0.05 * room

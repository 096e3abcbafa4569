"""Validation errors per epoch, stages side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatter, LogLocator, MaxNLocator, NullFormatter

from ..inputs import Stage
from .plate import BLUE, INK, VERMILION, Plate, sheet, style

_QUANTITIES: Final = (
    ("rmse_energy", "energy RMSE / meV atom⁻¹", BLUE, "o"),
    ("rmse_forces", "force RMSE / meV Å⁻¹", VERMILION, "s"),
)
_CAPTION: Final = (
    "Root-mean-square error on the validation set after each epoch: energy per atom (top) and force components (below),"
    " one column per stage. Logarithmic axes, shared along a row; the number is the last epoch's."
)


def plate(stages: Sequence[Stage], name: str = "training") -> Plate | None:
    """Two rows, one column per stage with a history."""
    drawn = [stage for stage in stages if _points(stage, "rmse_energy") or _points(stage, "rmse_forces")]
    if not drawn:
        return None
    with style():
        width = min(8.6, 1.4 + 3.0 * len(drawn))
        figure, axes = sheet(2, len(drawn), height=4.4, width=width, sharex="col", sharey="row")
        for column, stage in enumerate(drawn):
            for row, (key, what, colour, marker) in enumerate(_QUANTITIES):
                axis = axes[row * len(drawn) + column]
                _curve(axis, _points(stage, key), colour, marker)
                if column == 0:
                    axis.set_ylabel(what)
                axis.grid(which="both", axis="y")
            level = f"\n{stage.level}" if stage.level else ""
            axes[column].set_title(f"{column + 1}  {stage.name}{level}", size=9.5)
            axes[len(drawn) + column].set_xlabel("epoch")
            axes[len(drawn) + column].xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        for row in range(2):
            _scale(axes[row * len(drawn)], [_points(stage, _QUANTITIES[row][0]) for stage in drawn])
    return Plate(name, "Training", _CAPTION, figure)


def _points(stage: Stage, key: str) -> list[tuple[float, float]]:
    """(epoch, error in meV) where both are known and the error is above 0."""
    epochs: list[Any] = stage.history.get("epoch", [])
    values: list[Any] = stage.history.get(key, [])
    pairs = [(e, v) for e, v in zip(epochs, values, strict=False) if e is not None and v is not None]
    return [(float(e), 1000.0 * float(v)) for e, v in pairs if math.isfinite(v) and v > 0]


def _curve(axis: Axes, points: list[tuple[float, float]], colour: str, marker: str) -> None:
    axis.set_yscale("log")
    if not points:
        axis.text(0.5, 0.5, "not known", transform=axis.transAxes, ha="center", color=INK)
        return
    x, y = zip(*points, strict=True)
    few = len(points) <= 30
    axis.plot(x, y, color=colour, marker=marker if few else "", ms=3.5)
    look: dict[str, Any] = {"ha": "right", "size": 9, "color": colour, "weight": "bold"}
    axis.annotate(f"{y[-1]:.3g}", (x[-1], y[-1]), (-2, 7), textcoords="offset points", **look)
    if len(points) == 1:
        axis.set_xlim(x[0] - 1, x[0] + 1)


def _scale(axis: Axes, curves: list[list[tuple[float, float]]]) -> None:
    values = [v for curve in curves for _, v in curve]
    if not values:
        return
    low, high = min(values) / 1.25, max(values) * 1.45
    axis.set_ylim(low, high)
    decades = math.log10(high / low)
    subs = (1.0,) if decades > 2.5 else (1.0, 2.0, 5.0) if decades > 0.7 else tuple(range(1, 10))
    axis.yaxis.set_major_locator(LogLocator(subs=subs))
    axis.yaxis.set_major_formatter(LogFormatter(minor_thresholds=(9, 9)))
    axis.yaxis.set_minor_formatter(NullFormatter())

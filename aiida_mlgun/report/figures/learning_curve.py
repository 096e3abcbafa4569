"""Error against the number of training frames, with the fitted power law ([W] Fig. 2; row T5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ..trained import LearningCurve
from ..words import big
from .plate import BLUE, GREY, INK, PALE, VERMILION, Plate, sheet, style

_PANELS: Final = (
    ("mae_forces", "force MAE / meV Å⁻¹", VERMILION),
    ("rmse_forces", "force RMSE / meV Å⁻¹", VERMILION),
    ("mae_energy", "energy MAE / meV atom⁻¹", BLUE),
    ("rmse_energy", "energy RMSE / meV atom⁻¹", BLUE),
)
_CAPTION: Final = (
    "Error on the test set{test} against the number of training frames, on logarithmic axes: one point per size and"
    " seed. The line is the power law error ∝ size^slope, fitted by least squares to the logarithms; ± is the standard"
    " error of the slope, the band that of the line. Slopes near −0.5 are usual; near 0, more such frames do not help."
)


def plate(curve: LearningCurve, name: str = "learning_curve") -> Plate | None:
    """A panel per metric that has points."""
    drawn = [(key, what, colour) for key, what, colour in _PANELS if _points(curve.points, key)]
    if not drawn:
        return None
    columns = min(2, len(drawn))
    rows = -(-len(drawn) // columns)
    with style():
        figure, axes = sheet(rows, columns, height=0.5 + 2.9 * rows, width=min(8.6, 1.0 + 3.9 * columns))
        for axis, (key, what, colour) in zip(axes, drawn, strict=False):
            _panel(axis, _points(curve.points, key), curve.fits.get(key), colour)
            axis.set_ylabel(what)
            axis.set_xlabel("training frames")
        for axis in axes[len(drawn) :]:
            axis.set_visible(False)
    test = f" {curve.title}" if curve.title else ""
    return Plate(
        name, "Learning curve" + (f": {curve.title}" if curve.title else ""), _CAPTION.format(test=test), figure
    )


def _points(points: Sequence[Mapping[str, Any]], key: str) -> list[tuple[float, float]]:
    """(training frames, error in meV) where the error is known and above 0."""
    pairs = [(point.get("n_train", point.get("size")), point.get(key)) for point in points]
    return [(float(n), 1000.0 * float(e)) for n, e in pairs if n and e is not None and np.isfinite(e) and e > 0]


def _panel(axis: Axes, points: list[tuple[float, float]], fit: Mapping[str, Any] | None, colour: str) -> None:
    x, y = np.array(points).T
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.grid(which="both", lw=0.5)
    axis.scatter(x, y, s=22, color=colour, zorder=3, alpha=0.85, lw=0)
    if fit and fit.get("slope") is not None and fit.get("intercept") is not None:
        grid = np.geomspace(x.min() / 1.15, x.max() * 1.15, 60)
        line = 1000 * 10 ** (fit["intercept"] + fit["slope"] * np.log10(grid))
        band = _band(x, y, grid, fit)
        if band is not None:
            axis.fill_between(grid, line / band, line * band, color=PALE, zorder=1, lw=0)
        axis.plot(grid, line, color=INK, lw=1.2, zorder=2)
        error = f" ± {fit['slope_se']:.2f}" if fit.get("slope_se") is not None else ""
        r2 = f"\nR² = {fit['r2']:.3f}" if fit.get("r2") is not None else ""
        words = f"slope {fit['slope']:.2f}{error}{r2}".replace("-", "−")
        axis.text(0.97, 0.96, words, transform=axis.transAxes, ha="right", va="top", size=9.5, weight="bold")
    sizes = sorted(set(x.tolist()))
    axis.set_xticks(_apart(sizes), [big(round(n)) for n in _apart(sizes)])
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.xaxis.set_minor_locator(LogLocator(subs=(1.0,)))
    low, high = y.min() / 1.3, y.max() * 1.5
    axis.set_ylim(low, high)
    decades = np.log10(high / low)
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades > 0.7 else tuple(range(1, 10))))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.tick_params(which="minor", length=2, color=GREY)


def _band(x: Any, y: Any, grid: Any, fit: Mapping[str, Any]) -> Any:
    """The factor of one standard error of the fitted line at ``grid``; None with two points."""
    if len(x) < 3:
        return None
    log_x, log_y = np.log10(x), np.log10(y / 1000)
    rest = log_y - fit["intercept"] - fit["slope"] * log_x
    spread = ((log_x - log_x.mean()) ** 2).sum()
    if spread <= 0:
        return None
    variance = (rest**2).sum() / (len(x) - 2)
    return 10 ** np.sqrt(variance * (1 / len(x) + (np.log10(grid) - log_x.mean()) ** 2 / spread))


def _apart(sizes: list[float]) -> list[float]:
    """Those of the sizes whose labels do not touch."""
    kept = sizes[:1]
    reach = np.log10(sizes[-1] / sizes[0]) if len(sizes) > 1 else 1.0
    for size in sizes[1:]:
        if np.log10(size / kept[-1]) > 0.11 * max(reach, 0.3):
            kept.append(size)
    return kept

"""How well the total energy was conserved."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from ..inputs import Ensemble
from ..words import count, finite
from .plate import INK, PRODUCTIVE, VERMILION, Plate, sheet, style

_CAPTION: Final = (
    "Drift of the total energy along each shot (left: size of the slope of a straight line through it, meV per atom and"
    " ps){second}. Logarithmic axes, numbers of shots. {verdict}"
)
_SECOND: Final = " and its largest distance from the start (right: meV per atom)"


def plate(ensemble: Ensemble) -> Plate | None:
    """Histograms of the size of drift and of the largest deviation."""
    drift = np.abs(finite(ensemble.column("drift")))
    if not len(drift):
        return None
    deviation = np.abs(finite(ensemble.column("energy_max_dev")))
    limit = ensemble.max_drift
    with style():
        figure, axes = sheet(1, 2 if len(deviation) else 1, height=2.7)
        _histogram(axes[0], drift)
        axes[0].axvline(limit, color=VERMILION, lw=1.6, ls="--")
        axes[0].annotate(
            "limit",
            (limit, 1.0),
            (0, 3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            color=VERMILION,
            size=8.5,
        )
        low, high = axes[0].get_xlim()
        axes[0].set_xlim(min(low, limit / 2), max(high, limit * 2))
        axes[0].set_xlabel("size of the energy drift / meV atom⁻¹ ps⁻¹")
        axes[0].set_ylabel("shots")
        if len(deviation):
            _histogram(axes[1], deviation)
            axes[1].set_xlabel("largest deviation from the start / meV atom⁻¹")
        for axis in axes:
            _ticks(axis)
    above, lost = int((drift > limit).sum()), len(ensemble) - len(drift)
    verdict = (
        f"Median {np.median(drift):.2g} meV/atom/ps, limit for the median {limit:g}; {count(above, 'shot')} of"
        f" {len(drift)} above it. Black line: median."
    )
    if lost:
        verdict += f" {count(lost, 'shot')} too short or without a finite energy."
    second = _SECOND if len(deviation) else ""
    return Plate("energy", "Energy conservation", _CAPTION.format(second=second, verdict=verdict), figure)


def _histogram(axis: Axes, values: Any) -> None:
    floor = max(float(values.max()) * 1e-6, 1e-9)
    logs = np.log10(np.maximum(values, floor))
    low, high = float(logs.min()), float(logs.max())
    if high - low < 0.2:
        low, high = low - 0.5, high + 0.5
    n_bins = int(np.clip(2 * np.sqrt(len(values)), 6, 40))
    axis.set_xscale("log")
    axis.hist(10**logs, bins=np.logspace(low - 1e-9, high + 1e-9, n_bins + 1).tolist(), color=PRODUCTIVE, alpha=0.8)
    axis.axvline(float(np.median(10**logs)), color=INK, lw=1.6)
    axis.grid(axis="y")
    axis.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))


def _ticks(axis: Axes) -> None:
    """1, 2, 5 per decade over a short range, else decades; plain numbers while they are short."""
    low, high = axis.get_xlim()
    subs = (1.0, 2.0, 5.0) if high < 60 * low else (1.0,)
    axis.xaxis.set_major_locator(LogLocator(subs=subs))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.0e}" if x < 1e-3 or x > 1e4 else f"{x:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())

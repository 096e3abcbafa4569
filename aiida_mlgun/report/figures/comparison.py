"""Errors of every model on every test set, as bars (rows T1, T2, T4)."""

from __future__ import annotations

from typing import Any, Final

from ..trained import ALL, Comparison
from ..words import strategy_label
from .plate import BLUE, GREY, INK, SKY, VERMILION, Plate, sheet, style

_METRICS: Final = (
    ("rmse_energy", "p95_energy", "energy RMSE / meV atom⁻¹", BLUE),
    ("rmse_forces", "p95_forces", "force RMSE / meV Å⁻¹", VERMILION),
)
_PALE: Final = {BLUE: SKY, VERMILION: "#F0A878"}
_DECADES: Final = 100  # errors farther apart than this stand on a logarithmic axis
_CAPTION: Final = (
    "Root-mean-square errors of each model on each test set; the strong bar is the lowest of its panel. The thin line"
    " ends at the 95th percentile of the absolute error, beyond the axis if it has no end mark. Energy"
    " errors of tens of eV/atom are those of another level's zero."
)


def plate(comparison: Comparison) -> Plate | None:
    """A row of two panels per test set, a bar per model."""
    rows = [row for row in comparison.rows if row.get("group", ALL) == ALL]
    tests = list(dict.fromkeys(row["test"] for row in rows))
    if not rows or not any(row.get(key) is not None for row in rows for key, *_ in _METRICS):
        return None
    several = len({row.get("start_model") for row in rows} - {None, ""}) > 1
    heights = [sum(row["test"] == test for row in rows) + 1.2 for test in tests]
    with style():
        figure, axes = sheet(
            len(tests), 2, height=0.8 + 0.33 * sum(heights) + 0.45 * len(tests), gridspec_kw={"height_ratios": heights}
        )
        for i, test in enumerate(tests):
            mine = [row for row in rows if row["test"] == test]
            for j, (key, far, what, colour) in enumerate(_METRICS):
                axis = axes[2 * i + j]
                _bars(axis, mine, key, far, colour)
                axis.set_yticks(range(len(mine)), [label(row, several) for row in mine] if j == 0 else [])
                axis.set_ylim(len(mine) - 0.4, -0.6)
                axis.tick_params(axis="y", length=0)
                axis.grid(axis="x")
                if j == 0:
                    frames = mine[0].get("n_frames")
                    axis.set_title(test + (f" ({frames} frames)" if frames is not None else ""))
                if i == len(tests) - 1:
                    axis.set_xlabel(what)
    return Plate("comparison", "Models side by side", _CAPTION, figure)


def label(row: Any, several: bool) -> str:
    """``fine-tuned``, or ``fine-tuned (small)`` where models start from different ones."""
    words = strategy_label(str(row["strategy"]))
    start = row.get("start_model")
    return f"{words} ({start})" if several and start else words


def _bars(axis: Any, rows: list[Any], key: str, far: str, colour: str) -> None:
    values = [None if row.get(key) is None else 1000 * row[key] for row in rows]
    known = [value for value in values if value is not None]
    if not known:
        axis.text(0.5, 0.5, "no labels", transform=axis.transAxes, ha="center", va="center", color=INK)
        axis.set_xticks([])
        return
    best = min(known)
    top = 1.28 * max(known)
    if max(known) > _DECADES * best > 0:
        top = 4 * max(known)
    for y, (row, value) in enumerate(zip(rows, values, strict=True)):
        if value is None:
            axis.text(0.0, y, " no labels", va="center", size=8.5, color=GREY)
            continue
        strong = value == best
        axis.barh(y, value, height=0.6, color=colour if strong else _PALE[colour], zorder=2)
        end = value
        if row.get(far) is not None and row[far] > 0:
            end = 1000 * row[far]
            axis.plot([value, min(end, 1.02 * top)], [y, y], color=INK, lw=0.9, zorder=3)
            if end <= top:
                axis.plot([end, end], [y - 0.13, y + 0.13], color=INK, lw=0.9, zorder=3)
        look: dict[str, Any] = {"va": "center", "size": 8.5, "zorder": 4, "weight": "bold" if strong else "normal"}
        look["bbox"] = {"fc": "white", "ec": "none", "pad": 0.6, "alpha": 0.8}
        axis.annotate(f"{value:.3g}", (value, y), (4, 8), textcoords="offset points", **look)
    if max(known) > _DECADES * best > 0:
        axis.set_xscale("log")
        axis.set_xlim(best / 3, 4 * max(known))
    else:
        axis.set_xlim(0, top)
        axis.locator_params(axis="x", nbins=5)

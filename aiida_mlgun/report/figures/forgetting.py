"""What each stage's model still knows of each stage's test set (row T7)."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle

from ..inputs import Forgetting
from .plate import BLUE, INK, PALE, VERMILION, Plate, sheet, style

_PANELS: Final = (("rmse_forces", "force RMSE / meV Å⁻¹"), ("rmse_energy", "energy RMSE / meV atom⁻¹"))
_COLOURS: Final = LinearSegmentedColormap.from_list("forgetting", [BLUE, "#FFFFFF", VERMILION])
#: Factors beyond this are not told apart by colour.
_MOST: Final = 4.0
_CAPTION: Final = (
    "Error of each model (rows, in the order of training) on the test set of each stage (columns). Framed: the stage's"
    " own model; × compares with it. Below the frame, colour tells what later stages did: red, forgotten; blue,"
    " improved; grey, above: models from before the stage. Energies of test sets of another level of theory differ by"
    " their reference."
)


def plate(matrix: Forgetting) -> Plate | None:
    """Two panels: forces, energies; None unless one model stands on two sets or two models on one."""
    if len(matrix.models) < 2 or not matrix.sets:
        return None
    shown = [(key, what) for key, what in _PANELS if any(v is not None for row in getattr(matrix, key) for v in row)]
    if not shown:
        return None
    with style():
        width = min(8.6, 1.9 + len(shown) * (0.6 + 1.05 * len(matrix.sets)))
        height = 1.3 + 0.52 * len(matrix.models)
        figure, axes = sheet(1, len(shown), height=height, width=max(width, 4.0))
        for i, (axis, (key, what)) in enumerate(zip(axes, shown, strict=True)):
            _panel(axis, matrix, getattr(matrix, key))
            axis.set_title(what, size=9.5)
            axis.set_yticks(range(len(matrix.models)), matrix.models if i == 0 else [""] * len(matrix.models))
        axes[0].set_ylabel("model after")
    return Plate("forgetting", "What is remembered", _CAPTION, figure)


def _panel(axis: Axes, matrix: Forgetting, values: list[list[float | None]]) -> None:
    rows, columns = len(matrix.models), len(matrix.sets)
    own = matrix.own or (None,) * columns
    colour = np.full((rows, columns), np.nan)
    for i in range(rows):
        for j in range(columns):
            ratio, mine = _ratio(values, i, j, own[j]), own[j]
            if ratio is not None and mine is not None and i >= mine:
                colour[i, j] = math.log(ratio) / math.log(_MOST)
    colours = _COLOURS.with_extremes(bad=PALE)
    axis.imshow(np.ma.masked_invalid(colour), cmap=colours, vmin=-1, vmax=1, aspect="auto", alpha=0.75)
    for i in range(rows):
        for j in range(columns):
            _write(axis, values[i][j], _ratio(values, i, j, own[j]), i, j, own[j] == i)
    axis.set_xticks(range(columns), matrix.sets)
    axis.xaxis.tick_bottom()
    axis.set_xlabel("test set of")
    axis.tick_params(length=0)
    for side in axis.spines.values():
        side.set_visible(False)


def _write(axis: Axes, value: float | None, ratio: float | None, i: int, j: int, own: bool) -> None:
    look: dict[str, Any] = {"ha": "center", "va": "center", "color": INK}
    if value is None:
        axis.text(j, i, "–", **look)
        return
    small = 1000 * value
    text = f"{small:.3g}" if small < 1000 else f"{small:.0f}"
    axis.text(
        j, i - (0.13 if ratio is not None and not own else 0), text, size=10, weight="bold" if own else "normal", **look
    )
    if ratio is not None and not own:
        axis.text(j, i + 0.22, f"×{ratio:.2f}" if ratio < 10 else f"×{ratio:.0f}", size=7.8, **look)
    if own:
        frame: dict[str, Any] = {"fill": False, "ec": INK, "lw": 1.4}
        axis.add_patch(Rectangle((j - 0.47, i - 0.46), 0.94, 0.92, **frame))


def _ratio(values: list[list[float | None]], i: int, j: int, own: int | None) -> float | None:
    here = values[i][j]
    base = values[own][j] if own is not None else None
    if here is None or base is None or base <= 0 or here <= 0:
        return None
    return here / base

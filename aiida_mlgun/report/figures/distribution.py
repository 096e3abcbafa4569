"""How the shots ended: a bar per outcome with its interval ([W] Fig. 5; row O5)."""

from __future__ import annotations

from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..inputs import Ensemble
from ..tables import shares
from ..words import count, label
from .plate import GREEN, INK, PRODUCTIVE, UNPRODUCTIVE, YELLOW, Plate, sheet, style

_CAPTION: Final = (
    "Share of shots that ended in each outcome ({shots}). Lines: 95 % confidence intervals that hold for all outcomes"
    " together (Goodman 1965); an outcome that was never seen has only an upper end (dotted). Filled bars bind the"
    " molecule to the surface, hatched bars do not."
)


def plate(ensemble: Ensemble) -> Plate:
    """Horizontal bars, binding outcomes on top."""
    rows = shares(ensemble)
    n = len(rows)
    with style():
        figure, (axis,) = sheet(height=1.3 + 0.34 * n)
        reference = ensemble.reference or {}
        shift, thick = (0.17, 0.32) if reference else (0.0, 0.62)
        for y, row in enumerate(rows):
            good = ensemble.is_productive(row.mode)
            if row.mode == ensemble.highlight:
                axis.axhspan(y - 0.46, y + 0.46, color=YELLOW, alpha=0.45, lw=0, zorder=0)
            face, hatch = (PRODUCTIVE, "") if good else ("white", "////")
            edge = PRODUCTIVE if good else UNPRODUCTIVE
            bar: dict[str, Any] = {
                "height": thick,
                "facecolor": face,
                "edgecolor": edge,
                "hatch": hatch,
                "linewidth": 1.0,
            }
            axis.barh(y - shift, 100 * row.p, zorder=2, **bar)
            line = "-" if row.n else ":"
            axis.hlines(y - shift, 100 * row.low, 100 * row.high, color=INK, lw=1.3, ls=line, zorder=3)
            for end in (row.low, row.high) if row.n else (row.high,):
                axis.vlines(100 * end, y - shift - 0.11, y - shift + 0.11, color=INK, lw=1.3, zorder=3)
            if reference:
                axis.barh(y + shift, 100 * reference.get(row.mode, 0.0), height=thick, color=GREEN, zorder=2)
            text = f"{row.n}  ({100 * row.p:.0f} %)" if row.n else "0"
            axis.annotate(text, (100 * row.high, y - shift), (6, 0), textcoords="offset points", va="center", size=8.5)
        axis.set_yticks(range(n), [label(row.mode) for row in rows])
        for tick, row in zip(axis.get_yticklabels(), rows, strict=True):
            tick.set_fontweight("bold" if row.mode == ensemble.highlight else "normal")
        axis.set_ylim(n - 0.45, -0.55)
        top = max([row.high for row in rows] + list(reference.values()))
        axis.set_xlim(0, min(116.0, 100 * top * 1.16))
        axis.set_xticks([tick for tick in axis.get_xticks() if 0 <= tick <= 100])
        axis.tick_params(axis="y", length=0)
        axis.grid(axis="x")
        axis.set_xlabel("share of shots / %")
        _legend(axis, ensemble, any(not ensemble.is_productive(row.mode) for row in rows))
    caption = _CAPTION.format(shots=count(len(ensemble), "shot"))
    if reference:
        caption += f" Green: {ensemble.reference_name}."
    if ensemble.highlight:
        caption += f" Yellow: {label(ensemble.highlight)}, the one that experiment sees."
    return Plate("outcomes", "How the shots ended", caption, figure)


def _legend(axis: Axes, ensemble: Ensemble, unproductive: bool) -> None:
    handles: list[Patch | Line2D] = [Patch(color=PRODUCTIVE, label="binds")]
    if unproductive:
        handles.append(Patch(facecolor="white", edgecolor=UNPRODUCTIVE, hatch="////", label="does not bind"))
    if ensemble.reference:
        handles.append(Patch(color=GREEN, label=ensemble.reference_name))
    if ensemble.highlight:
        handles.append(Patch(color=YELLOW, alpha=0.6, label="seen in experiment"))
    handles.append(Line2D([], [], color=INK, lw=1.3, label="95 % interval"))
    axis.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(handles), borderaxespad=0.2)

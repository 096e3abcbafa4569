"""How the shots ended: a bar per outcome with its interval, beside a reference ([W] Fig. 5; row O5)."""

from __future__ import annotations

from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ...science.statistics import Share
from ..inputs import Ensemble
from ..tables import shares
from ..words import count, label
from .plate import GREEN, INK, PRODUCTIVE, UNPRODUCTIVE, YELLOW, Plate, sheet, style

_CAPTION: Final = (
    "Share of shots that ended in each outcome ({shots}). Lines: 95 % confidence intervals that hold for all outcomes"
    " together (exact: Clopper and Pearson 1934 at 5 % divided by the number of outcomes); an outcome that was never"
    " seen has only an upper end (dotted). Filled bars bind the molecule to the surface, hatched bars do not."
)
_ALONE: Final = " Its number of shots is not given, so it has no intervals."


def plate(ensemble: Ensemble) -> Plate:
    """Horizontal bars, binding outcomes on top."""
    rows = shares(ensemble)
    n = len(rows)
    reference = ensemble.reference
    beside = _beside(ensemble)
    with style():
        figure, (axis,) = sheet(height=1.3 + (0.46 if reference else 0.34) * n)
        shift, thick = (0.2, 0.36) if reference else (0.0, 0.62)
        for y, row in enumerate(rows):
            good = ensemble.is_productive(row.mode)
            if ensemble.is_highlighted(row.mode):
                axis.axhspan(y - 0.47, y + 0.47, color=YELLOW, alpha=0.45, lw=0, zorder=0)
            face, hatch = (PRODUCTIVE, "") if good else ("white", "////")
            edge = PRODUCTIVE if good else UNPRODUCTIVE
            _bar(axis, y - shift, row, thick, {"facecolor": face, "edgecolor": edge, "hatch": hatch})
            words = f"{row.n}  ({100 * row.p:.0f} %)" if row.n else "0"
            _note(axis, words, row.high, y - shift)
            if reference:
                other = beside[row.mode]
                _bar(axis, y + shift, other, thick, {"facecolor": GREEN, "edgecolor": GREEN}, reference.n is not None)
                if other.p:
                    words = f"{other.n}  ({100 * other.p:.0f} %)" if reference.n else f"{100 * other.p:.0f} %"
                    _note(axis, words, other.high, y + shift, color=GREEN)
        axis.set_yticks(range(n), [label(row.mode) for row in rows])
        for tick, row in zip(axis.get_yticklabels(), rows, strict=True):
            tick.set_fontweight("bold" if ensemble.is_highlighted(row.mode) else "normal")
        axis.set_ylim(n - 0.45, -0.55)
        top = max(row.high for row in [*rows, *beside.values()])
        axis.set_xlim(0, min(116.0, 100 * top * 1.16))
        axis.set_xticks([tick for tick in axis.get_xticks() if 0 <= tick <= 100])
        axis.tick_params(axis="y", length=0)
        axis.grid(axis="x")
        axis.set_xlabel("share of shots / %")
        _legend(axis, ensemble, any(not ensemble.is_productive(row.mode) for row in rows))
    return Plate("outcomes", "How the shots ended", _caption(ensemble), figure)


def _beside(ensemble: Ensemble) -> dict[str, Share]:
    """The reference's share of each outcome; without intervals, both ends are the share."""
    if ensemble.reference is None:
        return {}
    found = ensemble.reference.intervals(ensemble.order)
    if found is not None:
        return found
    return {name: Share(name, 0, p := ensemble.reference.shares.get(name, 0.0), p, p) for name in ensemble.order}


def _bar(axis: Axes, y: float, row: Share, thick: float, look: dict[str, Any], ends: bool = True) -> None:
    axis.barh(y, 100 * row.p, zorder=2, height=thick, linewidth=1.0, **look)
    if not ends:
        return
    line = "-" if row.n else ":"
    axis.hlines(y, 100 * row.low, 100 * row.high, color=INK, lw=1.3, ls=line, zorder=3)
    for end in (row.low, row.high) if row.n else (row.high,):
        axis.vlines(100 * end, y - 0.11, y + 0.11, color=INK, lw=1.3, zorder=3)


def _note(axis: Axes, words: str, share: float, y: float, color: str = INK) -> None:
    place = {"textcoords": "offset points", "va": "center", "size": 8.5}
    axis.annotate(words, (100 * share, y), (6, 0), color=color, **place)  # type: ignore[arg-type]


def _caption(ensemble: Ensemble) -> str:
    caption = _CAPTION.format(shots=count(len(ensemble), "shot"))
    if reference := ensemble.reference:
        source = f" ({reference.source})" if reference.source else ""
        behind = f", {count(reference.n, 'shot')}" if reference.n else ""
        caption += f" Green: {reference.name}{behind}{source}."
        caption += "" if reference.n else _ALONE
    if ensemble.highlight:
        caption += f" Yellow: {label(ensemble.highlight)}, seen in experiment."
    return caption


def _legend(axis: Axes, ensemble: Ensemble, unproductive: bool) -> None:
    handles: list[Patch | Line2D] = [Patch(color=PRODUCTIVE, label="binds")]
    if unproductive:
        handles.append(Patch(facecolor="white", edgecolor=UNPRODUCTIVE, hatch="////", label="does not bind"))
    if ensemble.reference:
        handles.append(Patch(color=GREEN, label=ensemble.reference.name))
    if ensemble.highlight:
        handles.append(Patch(color=YELLOW, alpha=0.6, label="seen in experiment"))
    handles.append(Line2D([], [], color=INK, lw=1.3, label="95 % interval"))
    axis.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(handles), borderaxespad=0.2)

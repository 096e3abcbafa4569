"""From raw frames to training frames, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ..curated import SIDES, Curation
from ..curated_rows import step_rows
from ..words import big
from .plate import BLUE, GREEN, GREY, ORANGE, PALE, SKY, VERMILION, Plate, sheet, style

_COLOURS: Final = dict(zip(SIDES, (BLUE, GREEN, ORANGE), strict=True))
_UNUSED: Final = "in no set"
#: Below this share of the raw frames the sides get a scale of their own.
_TINY: Final = 0.2
#: Width of a character of the numbers beside the bars, as a share of the axis.
_CHARACTER: Final = 0.0118
_THICK: Final = 0.7
_CAPTION: Final = (
    "Frames left after each step (grey) and dropped by it (red; light blue: by thinning); the last bar shows how the"
    " kept frames were split. Each filter sees what the ones before it left; isolated atoms are not counted."
)
_ZOOMED: Final = " Where few frames are kept, the last bar is drawn on a larger scale, as the dotted lines show."


def plate(curations: Sequence[Curation]) -> Plate | None:
    """One panel per dataset that had frames."""
    drawn = [one for one in curations if one.n_raw > one.n_isolated]
    if not drawn:
        return None
    heights: list[float] = []
    for one in drawn:
        steps = len(step_rows(one))
        heights += [steps + 0.8, 2.0] if _zoomed(one) else [steps + 1.8]
    with style():
        figure, axes = sheet(
            len(heights),
            1,
            height=1.0 + 0.28 * sum(heights) + 0.3 * len(heights),
            gridspec_kw={"height_ratios": heights},
        )
        rest = iter(axes)
        for one in drawn:
            axis = next(rest)
            _steps(axis, one)
            if _zoomed(one):
                below = next(rest)
                _sides(below, one, 0)
                below.set_ylim(0.6, -0.8)
                _dress(below, one.n_split, _sides_text(one))
                _wedge(figure, axis, below, one)
            else:
                _sides(axis, one, len(step_rows(one)))
        axes[-1].set_xlabel("frames")
        handles = _handles(drawn)
        figure.legend(handles=handles, loc="outside upper left", ncols=len(handles), columnspacing=1.4)
    caption = _CAPTION + (_ZOOMED if any(map(_zoomed, drawn)) else "")
    return Plate("curation", "From raw frames to training sets", caption, figure)


def _zoomed(one: Curation) -> bool:
    return max(one.n_split, one.n_left) < _TINY * (one.n_raw - one.n_isolated)


def _steps(axis: Axes, one: Curation) -> None:
    """A bar per step from the top; room for the sides below it if they are drawn on the same scale."""
    rows = step_rows(one)
    longest = ""
    for y, row in enumerate(rows):
        axis.barh(y, row["left"], color=PALE, height=_THICK)
        colour = SKY if row["thinning"] else VERMILION
        axis.barh(y, row["dropped"], left=row["left"], color=colour, height=_THICK)
        text = big(row["left"]) + (f"  (−{big(row['dropped'])})" if row["dropped"] else "")
        longest = max(longest, text, key=len)
        _write(axis, row["left"] + row["dropped"], y, text, VERMILION if row["dropped"] and colour != SKY else GREY)
    labels = [row["step"] for row in rows]
    n = len(rows)
    if not _zoomed(one):
        labels.append(_sides_label(one))
        longest = max(longest, _sides_text(one), key=len)
        n += 1
    axis.set_yticks(range(len(labels)), labels)
    axis.set_ylim(n - 0.4, -0.6)
    _dress(axis, max(1, rows[0]["left"], 0 if _zoomed(one) else one.n_split), longest)
    axis.set_title(one.name)
    if _zoomed(one):
        axis.xaxis.tick_top()
        axis.spines["bottom"].set_visible(False)
        axis.spines["top"].set_visible(True)


def _sides(axis: Axes, one: Curation, y: int) -> None:
    """Train, validation and test one after the other, then what went nowhere."""
    left = 0
    for side, colour in _COLOURS.items():
        n = one.counts.get(side, 0)
        axis.barh(y, n, left=left, color=colour, height=_THICK)
        left += n
    if one.n_left > left:
        axis.barh(y, one.n_left - left, left=left, color=PALE, height=_THICK)
    _write(axis, max(left, one.n_left), y, _sides_text(one), GREY)
    if _zoomed(one):
        axis.set_yticks([y], [_sides_label(one)])


def _sides_label(one: Curation) -> str:
    unused = f" / {_UNUSED}" if one.n_left > one.n_split else ""
    return " / ".join(SIDES) + unused


def _sides_text(one: Curation) -> str:
    parts = [big(one.counts.get(side, 0)) for side in SIDES]
    return " / ".join(parts + ([big(one.n_left - one.n_split)] if one.n_left > one.n_split else []))


def _dress(axis: Axes, top: int, longest: str) -> None:
    axis.set_xlim(0, max(top, 1) / max(0.5, 0.97 - _CHARACTER * len(longest)))
    axis.tick_params(axis="y", length=0)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: big(round(x))))
    axis.grid(axis="x")


def _wedge(figure: Figure, above: Axes, below: Axes, one: Curation) -> None:
    """Dotted lines from the ends of the last step's bar to where they lie on the larger scale."""
    foot = len(step_rows(one)) - 1 + _THICK / 2
    for x in (0, one.n_left):
        ends: dict[str, Any] = {"coordsA": "data", "coordsB": "data", "axesA": above, "axesB": below}
        line = ConnectionPatch((x, foot), (x, -_THICK / 2), **ends, color=GREY, lw=1.0, ls=":", zorder=5)
        line.set_in_layout(False)
        figure.add_artist(line)


def _handles(drawn: Sequence[Curation]) -> list[Patch]:
    handles = [Patch(color=PALE, label="left"), Patch(color=VERMILION, label="dropped")]
    if any(one.n_thinned for one in drawn):
        handles.append(Patch(color=SKY, label="thinned out"))
    sides = [side for side in SIDES if any(one.counts.get(side) for one in drawn)]
    handles += [Patch(color=_COLOURS[side], label=side) for side in sides]
    return handles


def _write(axis: Axes, x: float, y: float, text: str, colour: str) -> None:
    look: dict[str, Any] = {"va": "center", "size": 8.5, "color": colour}
    look["bbox"] = {"fc": "white", "ec": "none", "pad": 0.8}
    axis.annotate(text, (x, y), (5, 0), textcoords="offset points", **look)

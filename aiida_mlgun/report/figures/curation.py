"""From raw frames to training frames, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from ..inputs import Curation
from ..tables import curation_rows
from .plate import BLUE, GREEN, GREY, ORANGE, PALE, VERMILION, Plate, sheet, style

_SIDES: Final = {"train": BLUE, "validation": GREEN, "test": ORANGE}
_CAPTION: Final = (
    "Frames left after each step (grey) and dropped by it (red); the last bar shows how the kept frames were split."
    " Each filter sees what the ones before it left; isolated atoms are not counted."
)


def plate(curations: Sequence[Curation]) -> Plate | None:
    """One panel per dataset that had frames."""
    drawn = [one for one in curations if one.n_raw > one.n_isolated]
    if not drawn:
        return None
    lines = [len(curation_rows(one)) + 1 for one in drawn]
    with style():
        figure, axes = sheet(
            len(drawn),
            1,
            height=0.75 + sum(0.55 + 0.27 * n for n in lines),
            gridspec_kw={"height_ratios": [n + 1 for n in lines]},
        )
        for axis, one in zip(axes, drawn, strict=True):
            _panel(axis, one)
        axes[-1].set_xlabel("frames")
        sides = [side for side in _SIDES if any(one.counts.get(side) for one in drawn)]
        handles = [Patch(color=PALE, label="left"), Patch(color=VERMILION, label="dropped")]
        handles += [Patch(color=_SIDES[side], label=side) for side in sides]
        figure.legend(handles=handles, loc="outside upper left", ncols=len(handles))
    return Plate("curation", "From raw frames to training sets", _CAPTION, figure)


def _panel(axis: Axes, one: Curation) -> None:
    rows = curation_rows(one)
    top = max(1, rows[0]["left"])
    for y, row in enumerate(rows):
        axis.barh(y, row["left"], color=PALE, height=0.7)
        axis.barh(y, row["dropped"], left=row["left"], color=VERMILION, height=0.7)
        text = f"{row['left']}" + (f"  (−{row['dropped']})" if row["dropped"] else "")
        colour = VERMILION if row["dropped"] else GREY
        _write(axis, row["left"] + row["dropped"], y, text, colour)
    y, left, parts = len(rows), 0, []
    for side, colour in _SIDES.items():
        n = int(one.counts.get(side, 0))
        axis.barh(y, n, left=left, color=colour, height=0.7)
        left += n
        parts.append(str(n))
    _write(axis, left, y, " / ".join(parts), GREY)
    axis.set_yticks(range(len(rows) + 1), [row["step"] for row in rows] + ["train / validation / test"])
    axis.set_ylim(len(rows) + 0.6, -0.6)
    axis.set_xlim(0, 1.16 * top)
    axis.tick_params(axis="y", length=0)
    axis.set_title(one.name)
    axis.grid(axis="x")


def _write(axis: Axes, x: float, y: float, text: str, colour: str) -> None:
    axis.annotate(text, (x, y), (5, 0), textcoords="offset points", va="center", size=8.5, color=colour)

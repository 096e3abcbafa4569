"""One final geometry per outcome, from the side and from above ([W] Fig. 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes

from ..examples import Example, examples
from ..inputs import Ensemble
from ..words import label
from .atoms import Floats, Scene, View, connected, draw, scene
from .plate import GREY, INK, PRODUCTIVE, UNPRODUCTIVE, Plate, sheet, style

_PER_ROW: Final = 4
#: Å: half the width of a picture; half its depth seen from the side; how deep below the surface plane it goes, from the
#: side and from above; the most it shows above.
_HALF_WIDTH: Final = 5.4
_HALF_DEPTH: Final = 4.0
_BELOW: Final = 5.2
_BELOW_FROM_TOP: Final = 3.4
_ABOVE: Final = 8.0
#: Å: circles are not cut by the edge; a molecule that is drawn lower has its lowest atom here.
_MARGIN: Final = 0.75
_LOWERED: Final = 3.0
_CAPTION: Final = (
    "The final geometry of one shot of each outcome, from the side (top; along x or y, whichever shows more of"
    " the molecule) and from above (below), all at one scale. Slab atoms farther from the eye are paler; the slab is"
    " repeated, of the molecule one copy is drawn. Lines join atoms closer than 1.25 × the sum of their covalent radii;"
    " dashed ones, molecule and slab closer than 1.50 ×, where a bond once made still counts."
    " A molecule that is far up is drawn lower, with the true height of its lowest atom."
)


@dataclass(frozen=True)
class _Picture:
    """What one pair of pictures shows; heights in Å above the surface plane, which is z = 0."""

    shot: int
    outcome: str
    scene: Scene
    centre: Floats
    low: float
    lowered: bool

    @property
    def top(self) -> float:
        molecule = self.scene.positions[self.scene.molecule, 2]
        return float(molecule.max()) if len(molecule) else 0.0

    @property
    def view(self) -> View:
        """From which side the molecule looks longer."""
        spread = np.ptp(self.scene.positions[self.scene.molecule, :2], axis=0) if self.scene.molecule.any() else [1, 0]
        return "along y" if spread[0] >= spread[1] else "along x"


def plate(ensemble: Ensemble) -> Plate | None:
    """Two pictures per outcome that occurs."""
    shown = [_picture(ensemble, one) for one in examples(ensemble)]
    if not shown:
        return None
    blocks = -(-len(shown) // _PER_ROW)
    columns = -(-len(shown) // blocks)
    size = 2.15 if columns >= 3 else 2.6
    above = float(np.clip(max(one.top for one in shown) + 1.3, 3.0, _ABOVE))
    with style():
        tall, wide = _BELOW + above, 2 * _HALF_WIDTH
        height = blocks * (size * (tall + wide) / wide + 0.6)
        figure, axes = sheet(
            2 * blocks,
            columns,
            height=height,
            width=columns * size + 0.2,
            gridspec_kw={"height_ratios": [tall, wide] * blocks},
        )
        for axis in axes:
            axis.set_axis_off()
        for k, one in enumerate(shown):
            at = (k // columns) * 2 * columns + k % columns
            colour = PRODUCTIVE if ensemble.is_productive(one.outcome) else UNPRODUCTIVE
            axes[at].set_title(f"{label(one.outcome)}\n", color=colour, loc="center", pad=4)
            _note(axes[at], f"shot {one.shot}, {one.view}", (0.5, 1.0), (0, 5))
            _pair(axes[at], axes[at + columns], one, above)
        _scale_bar(axes[columns], shown[0])
    return Plate("structures", "What the outcomes look like", _CAPTION, figure)


def _picture(ensemble: Ensemble, example: Example) -> _Picture:
    positions = example.positions
    slab_top = float(np.nanmax(positions[: ensemble.n_slab, 2]))
    surface = float(ensemble.arrays["surface_z"]) if ensemble.has("surface_z") else slab_top
    whole = scene(ensemble, positions - [0.0, 0.0, surface], reach=_HALF_WIDTH)
    molecule = whole.positions[whole.molecule]
    some = molecule if len(molecule) else whole.positions
    low = float(some[:, 2].min())
    lowered = bool(len(molecule)) and float(some[:, 2].max()) > _ABOVE - _MARGIN and low > _LOWERED
    drop = np.where(whole.molecule[:, None] & lowered, [0.0, 0.0, low - _LOWERED], 0.0)
    shown = Scene(whole.numbers, whole.positions - drop, whole.molecule)
    return _Picture(example.shot, example.outcome, shown, some.mean(axis=0), low, lowered)


def _pair(side: Axes, top: Axes, one: _Picture, above: float) -> None:
    from_centre = np.abs(one.scene.positions[:, :2] - one.centre[:2])
    z, molecule = one.scene.positions[:, 2], one.scene.molecule
    across, depth = (0, 1) if one.view == "along y" else (1, 0)
    wide = (from_centre < _HALF_WIDTH - _MARGIN).all(axis=1) | molecule
    near = (from_centre[:, depth] < _HALF_DEPTH) | molecule
    draw(side, connected(one.scene.within(wide & near & (z > 0.5 * _MARGIN - _BELOW))), one.view)
    draw(top, connected(one.scene.within(wide & (z > -_BELOW_FROM_TOP))), "above")
    x, y = float(one.centre[0]), float(one.centre[1])
    middle = float(one.centre[across])
    side.set_xlim(middle - _HALF_WIDTH, middle + _HALF_WIDTH)
    side.set_ylim(-_BELOW, above)
    top.set_xlim(x - _HALF_WIDTH, x + _HALF_WIDTH)
    top.set_ylim(y - _HALF_WIDTH, y + _HALF_WIDTH)
    if one.lowered:
        arrow = {"arrowstyle": "->", "color": INK, "lw": 1.0}
        side.annotate("", (middle, _LOWERED - 0.5), (middle, 1.1), arrowprops=arrow, zorder=1e4)
        box = {"fc": "white", "ec": "none", "alpha": 0.85, "pad": 1.0}
        side.text(middle + 0.5, 1.85, f"{one.low:.1f} Å", size=8.5, va="center", bbox=box, zorder=1e4)


def _scale_bar(axis: Axes, one: _Picture) -> None:
    left, low = float(one.centre[0]) - _HALF_WIDTH + 0.2, float(one.centre[1]) - _HALF_WIDTH + 0.25
    axis.plot([left, left + 2.0], [low, low], color=INK, lw=2.5, zorder=1e4, solid_capstyle="butt")
    box = {"fc": "white", "ec": "none", "alpha": 0.85, "pad": 1.0}
    axis.text(left + 2.3, low, "2 Å", size=8.5, va="center", bbox=box, zorder=1e4)


def _note(axis: Axes, words: str, at: tuple[float, float], offset: tuple[int, int]) -> None:
    look = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "center"}
    axis.annotate(words, at, offset, color=GREY, size=8.5, **look)  # type: ignore[arg-type]

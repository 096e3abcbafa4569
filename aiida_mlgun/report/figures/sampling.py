"""Where over the cell the molecule has been, and where it ended ([W] Fig. 6, S3, S4; row O7)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm, to_rgba
from matplotlib.patches import Patch

from ...science.sampling import NOBODY, pooled
from ..inputs import Ensemble, Floats
from ..sampled import Sampled, sample
from ..words import big, count, label
from .cell import corners, draw_side, draw_slab, frame, median_slab, picture
from .plate import GREY, WIDTH, Plate, colours, sheet, style

#: Bins a side that a picture of half a page can show one by one.
_SHOWN: Final = 500
#: Å above the lowest point at which the colours end: higher up nothing tells the sites apart.
_SPAN: Final = 6.0
#: Dark where the molecule came low; told apart by all kinds of colour vision.
_MAP: Final = "YlGnBu_r"
#: From so many shots on, end points are drawn small.
_MANY: Final = 300
_UNVISITED: Final = "#E4E4E4"
_SLAB: Final = (
    " Circles: the slab's {layers}, median over the final geometries; thick lines: dimers. The dashed line is the cell;"
    " the surface plane is the mean height of the top layer in the start states."
)
_TOP: Final = (
    "Lowest height above the surface plane at which the centre of {group} passed, per bin of {edge:.3f} × {edge:.3f} Å"
    " ({bins}), after {shots}. Grey bins were never visited; the share of bins that were stands above each map, which"
    " has {points} points in all.{pooled}"
)
_POOLED: Final = " Drawn is the lowest of {k} × {k} bins."
_KINDS: Final = (
    "Left: the same bins, coloured by the outcome of the shot that came lowest in them. Right: where the centre of"
    " {group} was at the end of each shot, by outcome; crosses did not bind."
)
_SIDE: Final = (
    "Points of the centre of {group} seen from the side, along b (left) and along a (right), in all {shots}: the"
    " darker, the more. Heights above the surface plane; oblique cells are shown in fractions of the lattice vector"
    " times its length. Circles: the slab's {layers}."
)


def plates(ensemble: Ensemble) -> list[Plate]:
    """Maps after more and more shots, by outcome with the end points, and from the side; none without paths."""
    found = sample(ensemble)
    if found is None:
        return []
    layers = "two top layers" if ensemble.has("layer") else "atoms"
    slab = median_slab(ensemble)
    return [
        _from_above(ensemble, found, slab, layers),
        _by_outcome(ensemble, found, slab, layers),
        _from_the_side(ensemble, found, slab, layers),
    ]


def _from_above(ensemble: Ensemble, found: Sampled, slab: Floats | None, layers: str) -> Plate:
    last = found.stages[-1].heights
    low = float(np.nanmin(last))
    high = float(np.nanmax(last))
    top = min(high, low + _SPAN) if high > low else low + 1.0
    n = len(found.stages)
    rows, columns = (1, n) if n <= 2 else (-(-n // 2), 2)
    aspect = _aspect(found.lateral)
    with style():
        width = WIDTH if columns == 2 else 5.6
        figure, axes = sheet(rows, columns, height=rows * (0.42 * WIDTH * aspect + 0.75), width=width)
        figure.set_layout_engine("compressed")
        for axis, stage in zip(axes, found.stages, strict=False):
            heights, _, k = pooled(stage.heights, found.owners, _SHOWN)
            mesh = _map(axis, heights, found, k, low, top)
            draw_slab(axis, ensemble, slab, found.lateral)
            frame(axis, found.lateral)
            axis.set_title(f"{count(stage.n_shots, 'shot')}: {100 * stage.visited:.3g} % of the cell")
        for axis in axes[n:]:
            axis.set_axis_off()
        bar = figure.colorbar(mesh, ax=axes, extend="max" if high > top else "neither", shrink=0.7, aspect=32, pad=0.02)
        bar.set_label("lowest height above the surface plane / Å")
        bar.outline.set_visible(False)
    caption = _TOP.format(
        group=found.group,
        edge=found.edge,
        bins=f"{found.shape[0]} × {found.shape[1]} bins",
        shots=_listed(found),
        points=big(found.n_points),
        pooled=_POOLED.format(k=k) if k > 1 else "",
    )
    caption += _SLAB.format(layers=layers)
    return Plate("sampling", "Which parts of the surface were tried", caption, figure)


def _by_outcome(ensemble: Ensemble, found: Sampled, slab: Floats | None, layers: str) -> Plate:
    _, owners, k = pooled(found.stages[-1].heights, found.owners, _SHOWN)
    palette = colours(ensemble)
    names = [name for name in ensemble.order if name in palette]
    outcomes = np.array([names.index(name) for name in ensemble.outcomes])
    table = np.array([to_rgba(palette[name]) for name in names] + [to_rgba(_UNVISITED)])
    pixels = table[np.where(owners == NOBODY, len(names), outcomes[np.maximum(owners, 0)])]
    with style():
        figure, (left, right) = sheet(1, 2, height=0.47 * WIDTH * _aspect(found.lateral) + 0.9)
        figure.set_layout_engine("compressed")
        picture(left, pixels, found.lateral, _reach(found, owners.shape, k))
        _ends(right, ensemble, found, palette)
        for axis in (left, right):
            draw_slab(axis, ensemble, slab, found.lateral)
            frame(axis, found.lateral)
        left.set_title("lowest passage, by outcome")
        right.set_title(f"end of each shot ({found.group})")
        handles = [Patch(color=palette[name], label=label(name)) for name in names]
        figure.legend(handles=handles, loc="outside lower center", ncols=min(6, len(handles)))
    caption = _KINDS.format(group=found.group) + _SLAB.format(layers=layers)
    return Plate("sampling_outcomes", "Which outcome came from where", caption, figure)


def _from_the_side(ensemble: Ensemble, found: Sampled, slab: Floats | None, layers: str) -> Plate:
    surface = float(ensemble.arrays["surface_z"]) if ensemble.has("surface_z") else None
    if surface is None:
        surface = float(slab[:, 2].max()) if slab is not None else 0.0
    most = max(1, *(int(view.counts().max()) for view in found.sides))
    with style():
        figure, axes = sheet(1, 2, height=3.6, width=7.2, sharey=True)
        figure.set_layout_engine("compressed")
        for along, (axis, view) in enumerate(zip(axes, found.sides, strict=True)):
            length = float(np.linalg.norm(found.lateral[along]))
            counts = np.ma.masked_equal(view.counts(), 0)
            mesh = axis.imshow(
                counts.T,
                extent=(0, length, view.low, view.high),
                origin="lower",
                aspect="equal",
                interpolation="nearest",
                cmap="magma_r",
                norm=LogNorm(1, max(most, 2)),
            )
            draw_side(axis, ensemble, slab, found.lateral, along, surface)
            axis.axhline(0.0, color=GREY, lw=0.8, ls="--", zorder=1)
            axis.set_xlim(-0.5, length + 0.5)
            axis.set_ylim(min(view.low, -2.2), view.high)
            axis.set_xlabel(f"along {'ab'[along]} / Å")
        axes[0].set_ylabel("height above the surface plane / Å")
        bar = figure.colorbar(mesh, ax=axes, shrink=0.85, aspect=28, pad=0.015)
        bar.set_label("points per bin")
        bar.outline.set_visible(False)
    caption = _SIDE.format(group=found.group, shots=count(len(ensemble), "shot"), layers=layers)
    return Plate("sampling_side", "How near it came, from the side", caption, figure)


def _map(axis: Axes, heights: Floats, found: Sampled, k: int, low: float, top: float) -> Any:
    reach = _reach(found, heights.shape, k)
    picture(axis, np.zeros((1, 1)), found.lateral, (1.0, 1.0), cmap=ListedColormap([_UNVISITED]))
    return picture(axis, np.ma.masked_invalid(heights), found.lateral, reach, cmap=_MAP, vmin=low, vmax=top)


def _reach(found: Sampled, shape: tuple[int, ...], k: int) -> tuple[float, float]:
    return shape[0] * k / found.shape[0], shape[1] * k / found.shape[1]


def _ends(axis: Axes, ensemble: Ensemble, found: Sampled, palette: dict[str, str]) -> None:
    ends = found.ends
    fractions = ends[:, :2] @ np.linalg.inv(found.lateral)
    flat = (fractions - np.floor(fractions)) @ found.lateral
    outcomes = np.array(ensemble.outcomes)
    for name in ensemble.order:
        rows = (outcomes == name) & np.isfinite(flat).all(axis=1)
        if not rows.any():
            continue
        good = ensemble.is_productive(name)
        look: dict[str, Any] = {"marker": "o", "ec": "white", "lw": 0.6} if good else {"marker": "x", "lw": 1.4}
        look |= {"s": 34.0, "zorder": 6 if good else 5}
        if len(ensemble) > _MANY:
            look |= {"s": 14.0, "lw": 0.3} if good else {"s": 5.0, "lw": 0.8, "alpha": 0.6}
        axis.scatter(flat[rows, 0], flat[rows, 1], color=palette[name], **look)


def _aspect(lateral: Floats) -> float:
    wide, tall = np.ptp(corners(lateral), axis=0)
    return float(np.clip(tall / wide, 0.4, 2.0))


def _listed(found: Sampled) -> str:
    counts = [big(stage.n_shots) for stage in found.stages]
    if len(counts) == 1:
        return count(found.stages[0].n_shots, "shot")
    return f"{', '.join(counts[:-1])} and {counts[-1]} shots, in the order of shot numbers"

"""Where over the cell the molecule has been, and where it ended ([W] Fig. 6, S3; row O7)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon

from ...science.sampling import lowest_z_map
from ..inputs import Ensemble, Floats
from ..words import count, label
from .atoms import element_colour
from .plate import GREY, INK, Plate, colours, sheet, style

#: Å: [W]'s bins are 0.0015 Å², 0.039 Å wide; with fewer points wider ones, so that a bin holds a few.
_FINEST: Final = 0.039
_COARSEST: Final = 0.30
_POINTS_PER_BIN: Final = 3.0
#: Å above the lowest point at which the colours end: higher up nothing tells the sites apart.
_SPAN: Final = 6.0
#: Dark where the molecule came low; told apart by all kinds of colour vision.
_MAP: Final = "YlGnBu_r"
#: From so many shots on, end points are drawn small.
_MANY: Final = 300
_UNVISITED: Final = "#E4E4E4"
_CAPTION: Final = (
    "Left: lowest height above the surface plane at which the centre of {group} passed, per bin of {edge:.2f} ×"
    " {edge:.2f} Å ({shots}, {points} points); grey bins were never visited, {visited} of all bins were. Right: where"
    " that centre was at the end of each shot, by outcome. Circles: the slab's {layers}, median over"
    " the final geometries; thick lines: dimers. The dashed line is the cell; the surface plane is the mean height of"
    " the top layer in the start states."
)


def plate(ensemble: Ensemble, group: int = 0) -> Plate | None:
    """The map of the centre of group ``group`` and the end points."""
    if not ensemble.has("path", "path_offsets", "cell"):
        return None
    path = np.asarray(ensemble.arrays["path"], dtype=np.float64)
    offsets = np.asarray(ensemble.arrays["path_offsets"], dtype=np.int64)
    mine = (path[:, 1] == group) & np.isfinite(path).all(axis=1)
    points = path[mine, 2:5]
    if not len(points):
        return None
    lateral = np.asarray(ensemble.arrays["cell"], dtype=np.float64)[:2, :2]
    bins, edge = _bins(lateral, len(points))
    heights = lowest_z_map(points, lateral, bins)
    name = ensemble.group_name(group)
    slab = _slab(ensemble)
    with style():
        figure, (left, right) = sheet(1, 2, height=4.7)
        figure.set_layout_engine("compressed")
        _map(figure, left, heights, lateral)
        _ends(right, ensemble, _last(path, mine, offsets), lateral)
        for axis in (left, right):
            _draw_slab(axis, ensemble, slab, lateral)
            _frame(axis, lateral)
        left.set_title(f"lowest passage of {name}")
        right.set_title(f"end of each shot ({name})")
        handles, names = right.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=len(names) if len(names) <= 6 else 4)
    visited = f"{100 * np.isfinite(heights).mean():.0f} %"
    caption = _CAPTION.format(
        group=name,
        edge=edge,
        shots=count(len(ensemble), "shot"),
        points=len(points),
        visited=visited,
        layers="two top layers" if ensemble.has("layer") else "atoms",
    )
    return Plate("sampling", "Which parts of the surface were tried", caption, figure)


def _bins(lateral: Floats, n_points: int) -> tuple[tuple[int, int], float]:
    area = abs(float(np.linalg.det(lateral)))
    edge = float(np.clip(np.sqrt(area * _POINTS_PER_BIN / n_points), _FINEST, _COARSEST))
    along = np.maximum(1, np.rint(np.linalg.norm(lateral, axis=1) / edge)).astype(int)
    return (int(along[0]), int(along[1])), float(np.linalg.norm(lateral[0]) / along[0])


def _map(figure: Figure, axis: Axes, heights: Floats, lateral: Floats) -> None:
    a, b = np.meshgrid(*(np.linspace(0, 1, n + 1) for n in heights.shape), indexing="ij")
    x, y = (a * lateral[0, k] + b * lateral[1, k] for k in (0, 1))
    low = float(np.nanmin(heights))
    high = float(np.nanmax(heights))
    top = min(high, low + _SPAN) if high > low else low + 1.0
    axis.pcolormesh(x, y, np.zeros(heights.shape), cmap=ListedColormap([_UNVISITED]), rasterized=True)
    mesh = axis.pcolormesh(x, y, np.ma.masked_invalid(heights), cmap=_MAP, vmin=low, vmax=top, rasterized=True)
    bar = figure.colorbar(
        mesh, ax=axis, extend="max" if high > top else "neither", location="left", shrink=0.86, aspect=28, pad=0.02
    )
    bar.set_label("lowest height above the surface plane / Å")
    bar.outline.set_visible(False)


def _last(path: Floats, mine: Any, offsets: Any) -> Floats:
    """(n_shots, 3), the last point of each shot, NaN where it has none."""
    ends = np.full((len(offsets) - 1, 3), np.nan)
    for i, (first, stop) in enumerate(pairwise(offsets.tolist())):
        rows = np.flatnonzero(mine[first:stop])
        if len(rows):
            ends[i] = path[first + rows[-1], 2:5]
    return ends


def _ends(axis: Axes, ensemble: Ensemble, ends: Floats, lateral: Floats) -> None:
    fractions = ends[:, :2] @ np.linalg.inv(lateral)
    flat = (fractions - np.floor(fractions)) @ lateral
    outcomes = np.array(ensemble.outcomes)
    palette = colours(ensemble)
    for name in ensemble.order:
        rows = (outcomes == name) & np.isfinite(flat).all(axis=1)
        if not rows.any():
            continue
        good = ensemble.is_productive(name)
        look: dict[str, Any] = {"marker": "o", "ec": "white", "lw": 0.6} if good else {"marker": "x", "lw": 1.4}
        look |= {"s": 34.0, "zorder": 6 if good else 5}
        if len(ensemble) > _MANY:
            look |= {"s": 14.0, "lw": 0.3} if good else {"s": 5.0, "lw": 0.8, "alpha": 0.6}
        look |= {"color": palette[name], "label": label(name)}
        axis.scatter(flat[rows, 0], flat[rows, 1], **look)


def _slab(ensemble: Ensemble) -> Floats | None:
    if not ensemble.has("positions", "n_slab", "numbers"):
        return None
    slab = np.asarray(ensemble.arrays["positions"], dtype=np.float64)[:, : ensemble.n_slab]
    good = np.isfinite(slab).all(axis=(1, 2))
    return np.asarray(np.median(slab[good], axis=0)) if good.any() else None


def _draw_slab(axis: Axes, ensemble: Ensemble, slab: Floats | None, lateral: Floats) -> None:
    """Open circles, large for the top layer, small for the one below; all copies that touch the cell."""
    if slab is None:
        return
    numbers = np.asarray(ensemble.arrays["numbers"])[: len(slab)]
    layer = np.asarray(ensemble.arrays["layer"]) if ensemble.has("layer") else np.zeros(len(slab), dtype=int)
    dimers = np.asarray(ensemble.arrays["dimers"] if ensemble.has("dimers") else [], dtype=np.int64).reshape(-1, 2)
    inverse = np.linalg.inv(lateral)

    def copies(point: Floats) -> Floats:
        base = point @ inverse
        base = base - np.floor(base)
        near = [base + np.array([i, j]) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        return np.array([f for f in near if (f > -0.06).all() and (f < 1.06).all()]) @ lateral

    for i, j in dimers:
        bond = slab[j, :2] - slab[i, :2]
        bond = bond - np.rint(bond @ inverse) @ lateral
        for at in copies(slab[i, :2] + 0.5 * bond):
            axis.plot(*np.array([at - 0.5 * bond, at + 0.5 * bond]).T, color="white", lw=4.0, zorder=3)
            axis.plot(*np.array([at - 0.5 * bond, at + 0.5 * bond]).T, color=INK, lw=2.0, zorder=3.1)
    for i in np.flatnonzero(layer <= 1):
        radius, width = (0.42, 1.5) if layer[i] == 0 else (0.22, 0.9)
        edge = INK if layer[i] == 0 else GREY
        for at in copies(slab[i, :2]):
            fill = element_colour(int(numbers[i]))
            axis.add_patch(Circle((at[0], at[1]), radius, fc=fill, ec=edge, lw=width, zorder=3.2))


def _frame(axis: Axes, lateral: Floats) -> None:
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) @ lateral
    axis.add_patch(Polygon(corners, fc="none", ec=INK, lw=1.0, ls="--", zorder=4))
    margin = 0.085 * float(np.ptp(corners, axis=0).max())
    axis.set_xlim(corners[:, 0].min() - margin, corners[:, 0].max() + margin)
    axis.set_ylim(corners[:, 1].min() - margin, corners[:, 1].max() + margin)
    axis.set_aspect("equal")
    axis.set_xlabel("x / Å")
    axis.set_ylabel("y / Å")

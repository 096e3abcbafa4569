"""The lateral cell seen from above and from the side: bins as pictures, the slab's atoms, the outline."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Circle, Polygon
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray

from ..inputs import Ensemble, Floats
from .atoms import element_colour
from .plate import GREY, INK

#: Å: radius and line width of slab atoms of the top layer, and of those below.
_TOP: Final = (0.42, 1.5)
_BELOW: Final = (0.22, 0.9)


def picture(axis: Axes, values: NDArray[Any], lateral: Floats, reach: tuple[float, float], **look: Any) -> AxesImage:
    """Bins of the cell as a picture that fills its parallelogram.

    :param values: (m, n), or (m, n, 4) colours; first index along a, second along b.
    :param reach: how far the bins reach along a and b, in cells; what is beyond 1 is cut off.
    """
    onto = Affine2D(np.array([[*lateral[:, 0], 0.0], [*lateral[:, 1], 0.0], [0.0, 0.0, 1.0]]))
    extent = (0.0, reach[0], 0.0, reach[1])
    image = axis.imshow(
        values.swapaxes(0, 1), extent=extent, origin="lower", interpolation="nearest", aspect="auto", **look
    )
    image.set_transform(onto + axis.transData)
    image.set_clip_path(Polygon(corners(lateral), transform=axis.transData))
    return image


def corners(lateral: Floats) -> Floats:
    """(4, 2), Å, of the cell, around it."""
    return np.asarray(np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) @ lateral)


def draw_side(axis: Axes, ensemble: Ensemble, slab: Floats | None, lateral: Floats, along: int, surface: float) -> None:
    """The slab's two top layers from the side, across the lattice vector ``along``, heights above ``surface``, Å."""
    if slab is None:
        return
    numbers = np.asarray(ensemble.arrays["numbers"])[: len(slab)]
    layer = np.asarray(ensemble.arrays["layer"]) if ensemble.has("layer") else np.zeros(len(slab), dtype=int)
    length = float(np.linalg.norm(lateral[along]))
    fraction = (slab[:, :2] @ np.linalg.inv(lateral))[:, along]
    across = (fraction - np.floor(fraction)) * length
    for i in np.flatnonzero((layer >= 0) & (layer <= 1)):
        radius, width = _TOP if layer[i] == 0 else _BELOW
        for x in (across[i] - length, across[i], across[i] + length):
            if -0.5 < x < length + 0.5:
                fill = element_colour(int(numbers[i]))
                place = (float(x), float(slab[i, 2]) - surface)
                axis.add_patch(Circle(place, radius, fc=fill, ec=INK if layer[i] == 0 else GREY, lw=width, zorder=3))


def median_slab(ensemble: Ensemble) -> Floats | None:
    """(n_slab, 3), Å, the median over the kept final geometries; None if there are none."""
    if not ensemble.has("positions", "n_slab", "numbers"):
        return None
    slab = np.asarray(ensemble.arrays["positions"], dtype=np.float64)[:, : ensemble.n_slab]
    good = np.isfinite(slab).all(axis=(1, 2))
    return np.asarray(np.median(slab[good], axis=0)) if good.any() else None


def draw_slab(axis: Axes, ensemble: Ensemble, slab: Floats | None, lateral: Floats) -> None:
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
        radius, width = _TOP if layer[i] == 0 else _BELOW
        edge = INK if layer[i] == 0 else GREY
        for at in copies(slab[i, :2]):
            fill = element_colour(int(numbers[i]))
            axis.add_patch(Circle((at[0], at[1]), radius, fc=fill, ec=edge, lw=width, zorder=3.2))


def frame(axis: Axes, lateral: Floats) -> None:
    """The cell's outline and, around it, a margin."""
    around = corners(lateral)
    axis.add_patch(Polygon(around, fc="none", ec=INK, lw=1.0, ls="--", zorder=4))
    margin = 0.085 * float(np.ptp(around, axis=0).max())
    axis.set_xlim(around[:, 0].min() - margin, around[:, 0].max() + margin)
    axis.set_ylim(around[:, 1].min() - margin, around[:, 1].max() + margin)
    axis.set_aspect("equal")
    axis.set_xlabel("x / Å")
    axis.set_ylabel("y / Å")

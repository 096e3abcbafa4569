"""A subset against the full set in the plane of two principal components ([W] Fig. 3, S6; row C10)."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from numpy.typing import NDArray

from ..curated import Coverage
from ..words import big, count, finite, percent
from .plate import BLUE, Plate, sheet, style

_POOL: Final = "#B9C0C6"
_MAP: Final = "viridis"
#: The colours span these percentiles; what lies beyond has the colour of the end.
_PERCENTILES: Final = (1.0, 99.0)
#: Points are drawn in this fixed random order, so that no run hides another.
_ORDER: Final = 24
#: Height of a panel by its width, at most and at least.
_LOWEST, _HIGHEST = 0.6, 1.15
_METHODS: Final = {"farthest": "chosen by farthest points", "stratified": "drawn by clusters of descriptors"}
_CAPTION: Final = (
    "{full} (grey) and {subset} (blue), in the plane of the two first principal components of the mean descriptor per"
    " frame ({features}, {dimension} dimensions; together {explained} of the variance). {covered} of the full set lies"
    " within {radius} of a frame of the subset{yardstick}; distance to the nearest one: {mean} on average, at most"
    " {most}. Distances are between descriptors whose features have mean 0 and standard deviation 1 over the full set;"
    " the radius is the 95th percentile of the distances from its frames to their nearest neighbours within it."
)
_FARTHEST: Final = (
    " Farthest points go to the edges of the full set: they shorten the largest distance, not always the share."
)
_COLOURED: Final = (
    " Coloured: the same frames by energy above ΣE0 per atom, on one scale (1st to 99th percentile of the full set)."
)


def plate(coverage: Coverage, name: str, what: str) -> Plate | None:
    """Both sets over each other; beside it each coloured by energy, if energies are known.

    :param name: of the plate; ``what``: of the dataset, for the heading; may be empty.
    """
    if not len(finite(coverage.pool_pca)) or not len(finite(coverage.subset_pca)):
        return None
    known = finite(coverage.pool_energy)
    coloured = len(known) > 1 and len(finite(coverage.subset_energy)) > 0
    box, ratio = _box(np.concatenate([coverage.pool_pca, coverage.subset_pca]))
    columns = 3 if coloured else 1
    width = 8.6 if coloured else 5.2
    with style():
        panel = (width - 1.5) / 3 if coloured else width - 0.8
        figure, axes = sheet(1, columns, height=panel * ratio + 0.8, width=width, sharey=True)
        _points(axes[0], coverage.pool_pca, _POOL)
        _points(axes[0], coverage.subset_pca, BLUE)
        axes[0].set_title("full set and subset" if coloured else "")
        if coloured:
            low, high = np.percentile(known, _PERCENTILES)
            scale = Normalize(float(low), float(max(high, low + 1e-9)))
            _points(axes[1], coverage.pool_pca, coverage.pool_energy, scale)
            axes[1].set_title("full set")
            _points(axes[2], coverage.subset_pca, coverage.subset_energy, scale)
            axes[2].set_title("subset")
            strip = axes[2].inset_axes((1.05, 0.0, 0.05, 1.0))
            bar = figure.colorbar(axes[2].collections[0], cax=strip, extend="both", extendfrac=0.04)
            bar.set_label("E − ΣE0 per atom / eV")
        first, second = (percent(share) for share in coverage.explained_variance)
        for axis in axes:
            axis.set_xlim(box[0])
            axis.set_ylim(box[1])
            axis.set_aspect("equal")
            axis.set_xlabel(f"PC 1 ({first})")
            axis.grid()
        axes[0].set_ylabel(f"PC 2 ({second})")
    heading = "How well the subset covers the full set" + (f": {what}" if what else "")
    return Plate(name, heading, _caption(coverage) + (_COLOURED if coloured else ""), figure)


def _caption(one: Coverage) -> str:
    covered = one.coverage
    how = f", {_METHODS.get(one.selection.method, one.selection.method)}" if one.selection else ""
    random = covered.random_fraction
    edges = _FARTHEST if one.selection and one.selection.method == "farthest" else ""
    told = _CAPTION.format(
        full=f"Full set of {count(one.n_pool, 'frame')}",
        subset=f"subset of {big(one.selection.n if one.selection else one.n_frames)}{how}",
        features=f"features: {one.features}",
        dimension=big(one.dimension),
        explained=percent(sum(one.explained_variance)),
        covered=percent(covered.fraction),
        radius=f"{covered.radius:.3g}",
        yardstick="" if random is None else f" ({percent(random)} for a random subset of that size)",
        mean=f"{covered.mean_distance:.3g}",
        most=f"{covered.max_distance:.3g}",
    )
    return told + edges


def _points(
    axis: Axes, places: NDArray[np.float64], colour: str | NDArray[np.float64], scale: Normalize | None = None
) -> None:
    """Dots, smaller the more there are; those of known energy if ``colour`` holds energies."""
    known = np.isfinite(places).all(axis=1)
    if not isinstance(colour, str):
        known &= np.isfinite(colour)
    order = np.random.default_rng(_ORDER).permutation(np.flatnonzero(known))
    size = float(np.clip(6000.0 / max(1, len(order)), 0.6, 16.0))
    x, y = places[order].T
    if isinstance(colour, str):
        axis.scatter(x, y, s=size, c=colour, lw=0, alpha=0.85)
    else:
        axis.scatter(x, y, s=size, c=colour[order], cmap=_MAP, norm=scale, lw=0)


def _box(places: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """((2, 2) limits of x and y, height of a panel by its width): one length on both axes where the shape allows."""
    low, high = np.nanmin(places, axis=0), np.nanmax(places, axis=0)
    span = np.maximum(1.06 * (high - low), 1e-9)
    ratio = float(np.clip(span[1] / span[0], _LOWEST, _HIGHEST))
    wide = max(span[0], span[1] / ratio)
    half = np.array([wide, wide * ratio]) / 2
    middle = (low + high) / 2
    return np.column_stack([middle - half, middle + half]), ratio

"""One pass over the paths of an ensemble: maps after 10, 100, … shots, side views, and end points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..science.sampling import LowestMap, SideView
from ..science.shot_arrays import count_points, decode_path
from .inputs import Ensemble, Floats

#: Bins along a and b at most; [W]'s are 0.0015 Å².
MOST_BINS: Final = 1000
#: Å; with few points bins are wider, so that a visited one holds a few, but not wider than this.
_COARSEST: Final = 0.30
_POINTS_PER_BIN: Final = 3.0
#: Maps at most: after 10, 100, … and all shots.
_MOST_STAGES: Final = 4
#: Side views: Å from the lowest to the highest, and a bin's edge, wider with few points.
_SIDE_HEIGHT: Final = 9.0
_SIDE_EDGE: Final = (0.03, 0.15)
_DEEPEST: Final = -6.0


@dataclass(frozen=True)
class Stage:
    """The map after some shots.

    :param heights: (bins along a, bins along b), Å above the surface plane, NaN where nothing was.
    :param visited: share of bins, 0 to 1.
    """

    n_shots: int
    heights: Floats
    visited: float


@dataclass(frozen=True)
class Sampled:
    """What the sampling figures show.

    :param group: name of the group whose centre is followed.
    :param lateral: (2, 2), Å, lattice vectors a and b as rows.
    :param edge: Å, a bin's edge along a.
    :param owners: bins as in ``stages[-1].heights``: the row of the shot that came lowest, −1 for none.
    :param sides: seen along b and along a.
    :param ends: (n_shots, 3), Å, last point of each shot, NaN where it has none.
    """

    group: str
    lateral: Floats
    edge: float
    stages: tuple[Stage, ...]
    owners: NDArray[np.int32]
    sides: tuple[SideView, SideView]
    ends: Floats
    n_points: int

    @property
    def shape(self) -> tuple[int, int]:
        """Bins along a and b."""
        return self.owners.shape[0], self.owners.shape[1]


def sample(ensemble: Ensemble) -> Sampled | None:
    """Read the paths shot by shot, in the order of shot numbers; None if no shot has a point of the mapped group.

    Only the bins are held in memory, not the paths.
    """
    if not ensemble.has("path", "path_offsets", "cell"):
        return None
    total = count_points(ensemble.arrays)
    if not total:
        return None
    group = ensemble.groups.index(ensemble.mapped) if ensemble.mapped else 0
    lateral = np.asarray(ensemble.arrays["cell"], dtype=np.float64)[:2, :2]
    lowest = LowestMap(lateral, bins_for(lateral, total))
    sides = _side_views(ensemble, lateral, total)
    ends = np.full((len(ensemble), 3), np.nan)
    order = np.argsort(ensemble.arrays["shot"], kind="stable")
    wanted = stage_sizes(len(ensemble))
    stages = []
    codes, offsets = ensemble.arrays["path"], ensemble.arrays["path_offsets"]
    for n, row in enumerate(order, start=1):
        path = decode_path(codes[offsets[row] : offsets[row + 1]])
        if len(path.points) and group < path.points.shape[1]:
            points = path.points[:, group]
            lowest.add(points, int(row))
            for side in sides:
                side.add(points)
            ends[row] = points[-1]
        if n in wanted and lowest.n_points:
            stages.append(Stage(n, lowest.heights(), lowest.visited()))
    if not lowest.n_points:
        return None
    edge = float(np.linalg.norm(lateral[0])) / lowest.shape[0]
    name = ensemble.group_name(group)
    return Sampled(name, lateral, edge, tuple(stages), lowest.owners(), sides, ends, lowest.n_points)


def stage_sizes(n_shots: int) -> tuple[int, ...]:
    """10, 100, … as far as they are at most half of all, and all; the last four of them."""
    sizes = [10**power for power in range(1, 9) if 2 * 10**power <= n_shots]
    return tuple([*sizes, n_shots][-_MOST_STAGES:])


def bins_for(lateral: Floats, n_points: int) -> tuple[int, int]:
    """As many bins as the points can fill, with edges of about the same length along a and b."""
    lengths = np.linalg.norm(lateral, axis=1)
    edge = min(_COARSEST, float(np.sqrt(abs(np.linalg.det(lateral)) * _POINTS_PER_BIN / n_points)))
    along = np.clip(np.rint(lengths / edge), 1, MOST_BINS).astype(int)
    return int(along[0]), int(along[1])


def _side_views(ensemble: Ensemble, lateral: Floats, n_points: int) -> tuple[SideView, SideView]:
    heights = ensemble.column("min_height")
    lowest = float(np.nanmin(heights)) if np.isfinite(heights).any() else -1.0
    low = max(_DEEPEST, lowest) - 0.5

    def view(along: int) -> SideView:
        length = float(np.linalg.norm(lateral[along]))
        edge = float(np.clip(np.sqrt(length * _SIDE_HEIGHT * _POINTS_PER_BIN / n_points), *_SIDE_EDGE))
        bins = (max(1, round(length / edge)), round(_SIDE_HEIGHT / edge))
        return SideView(lateral, along, bins, low, low + _SIDE_HEIGHT)

    return view(0), view(1)

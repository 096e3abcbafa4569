"""How much of a full set a part of it stands for (C10; [W] Fig. 3).

The share within a radius counts frames, so it weighs what is frequent: a few frames drawn at random lie where most
frames are, and may reach a larger share than as many farthest points, which go to the edges.  The largest distance
tells the opposite tale.  Read both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from .frames import Floats

#: the radius is the distance within which this percentage of the pool has its nearest other member
PERCENTILE = 95.0
#: so many pool members, drawn at random, settle the radius; each looks for its neighbour in the whole pool
SAMPLE = 5000
#: so many random parts of equal size are averaged as the yardstick
DRAWS = 5
#: rounding of distances, as a share of the pool's extent
ROUNDING = 1e-6


@dataclass(frozen=True)
class Coverage:
    """Distances from each pool member to the nearest member of the part, summed up; without unit.

    :param fraction: share of the pool at most ``radius`` from the part.
    """

    fraction: float
    radius: float
    mean_distance: float
    max_distance: float


def neighbour_radius(pool: Floats, rng: np.random.Generator) -> float:
    """The 95th percentile of the distances from pool members to their nearest other member.

    :param pool: (p, d), p ≥ 2.
    """
    asked = np.sort(rng.permutation(len(pool))[:SAMPLE])
    distances, _ = NearestNeighbors(n_neighbors=2).fit(pool).kneighbors(pool[asked])
    return float(np.percentile(distances[:, 1], PERCENTILE))


def nearest(pool: Floats, part: Floats) -> Floats:
    """(p,), the distance from each pool member to the nearest member of ``part``."""
    distances, _ = NearestNeighbors(n_neighbors=1).fit(part).kneighbors(pool)
    found: Floats = distances[:, 0].astype(np.float64)
    return found


def within(distances: Floats, radius: float, pool: Floats) -> NDArray[np.bool_]:
    """(p,), which pool members are covered; a distance equal to the radius counts."""
    extent = float(np.sqrt(np.einsum("ij,ij->i", pool, pool).max(initial=0.0)))
    covered: NDArray[np.bool_] = distances <= radius * (1 + ROUNDING) + ROUNDING * extent
    return covered


def summed(distances: Floats, covered: NDArray[np.bool_], radius: float) -> Coverage:
    """Distances (p,) and what lies within the radius (p,), summed up."""
    return Coverage(float(covered.mean()), radius, float(distances.mean()), float(distances.max()))


def coverage(pool: Floats, part: Floats, radius: float) -> Coverage:
    """The coverage of ``pool`` (p, d) by ``part`` (k, d)."""
    distances = nearest(pool, part)
    return summed(distances, within(distances, radius, pool), radius)


def random_coverage(pool: Floats, k: int, radius: float, rng: np.random.Generator) -> Coverage:
    """The coverage by k random pool members (all, if k is no smaller), the mean of five draws: the yardstick."""
    draws = DRAWS if k < len(pool) else 1
    found = [coverage(pool, pool[rng.permutation(len(pool))[:k]], radius) for _ in range(draws)]
    names = ("fraction", "mean_distance", "max_distance")
    return Coverage(radius=radius, **{name: float(np.mean([getattr(one, name) for one in found])) for name in names})

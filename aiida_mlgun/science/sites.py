"""Places on any surface, from its top layer alone: top, bridge, hollow.

Frame: a and b of the cell lie in the xy plane, the surface looks up (+z).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from .images import Lattice

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Kind = Literal["top", "bridge_site", "fcc", "hcp", "fourfold", "hollow"]

#: All kinds of places, and what is said of an atom that sits on none of them.
KINDS: Final[tuple[Kind, ...]] = ("top", "bridge_site", "fcc", "hcp", "fourfold", "hollow")
#: Two triangles make one hollow when their circumcentres are closer than this times the surface's spacing.
_MERGE: Final = 0.25
#: An atom lies under a hollow when it is closer to its centre, seen from above, than this times the spacing.
_UNDER: Final = 0.2


@dataclass(frozen=True)
class SurfaceSite:
    """One place.

    :param kind: ``top`` over one atom, ``bridge_site`` over two neighbours, ``fourfold`` over four.  Over three:
        ``hcp`` with an atom of the second layer underneath, ``fcc`` with none there, but one of the third layer;
        ``hollow`` what is neither, or over more than four.
    :param atoms: the top-layer atoms around it, ascending, each once.
    :param position: (3,), Å, their mean.
    """

    kind: Kind
    atoms: tuple[int, ...]
    position: Floats


def find_sites(layer: Ints, top: Ints, positions: Floats, lattice: Lattice) -> tuple[SurfaceSite, ...]:
    """Places from the Delaunay triangles of the top layer, seen from above; round clusters of triangles are one hollow.

    A place around an atom and its own image is left out: only in cells of one atom, too small for shots.

    :param layer: (n_slab,), layer of each atom, 0 on top; ``top``: (n_top,), the top layer's heavy atoms.
    :param positions: (n_slab, 3), Å.
    :param lattice: the periodicity along a and b; without both of them there are only top sites.
    """
    sites = [SurfaceSite("top", (int(i),), positions[i].copy()) for i in top]
    if len(lattice.vectors) != 2:
        return tuple(sites)
    points, owner = _images(positions[top], lattice)
    home = np.arange(len(owner)) < len(top)
    corners, centres = _triangles(points[:, :2])
    if not len(corners):
        return tuple(sites)
    lengths = np.linalg.norm(points[corners] - points[np.roll(corners, 1, axis=1)], axis=2)
    near = lengths.min(axis=1)
    found: list[SurfaceSite] = []
    inner: set[tuple[int, int]] = set()
    for members in _hollows(corners, centres, near):
        around = np.unique(corners[members])
        inner |= _inner_edges(corners[members])
        if home[around].any():
            atoms = tuple(sorted({int(top[owner[p]]) for p in around}))
            middle = points[around].mean(axis=0)
            kind = _hollow_kind(len(around), middle, layer, positions, lattice, float(near[members].min()))
            if len(atoms) == len(around):
                found.append(SurfaceSite(kind, atoms, middle))
    for a, b in _edges(corners) - inner:
        if home[a] or home[b]:
            atoms = tuple(sorted({int(top[owner[a]]), int(top[owner[b]])}))
            if len(atoms) == 2:
                found.append(SurfaceSite("bridge_site", atoms, 0.5 * (points[a] + points[b])))
    return (*sites, *_distinct(found, lattice))


def place_of(atoms: Sequence[int], layer: Ints, sites: Iterable[SurfaceSite]) -> str:
    """The kind of place of an atom that is bonded to these slab atoms.

    ``below`` if none of them is in the top layer; else what is said by those that are: a site with just these atoms, a
    hollow that has them among its own, or ``no_site``.  In a small cell two hollows of different kinds can have the
    same atoms: then ``hollow``.
    """
    top = tuple(sorted(int(a) for a in atoms if layer[a] == 0))
    if not top:
        return "below"
    around = set(top)
    exact = {site.kind for site in sites if site.atoms == top}
    kinds = exact or {site.kind for site in sites if len(site.atoms) > 2 and around <= set(site.atoms)}
    if len(kinds) > 1:
        return "hollow"
    return kinds.pop() if kinds else "no_site"


def _images(tops: Floats, lattice: Lattice) -> tuple[Floats, Ints]:
    """The points and their neighbours in the 24 cells around, and the point that each is an image of; home first."""
    steps = [(i, j) for i in range(-2, 3) for j in range(-2, 3) if (i, j) != (0, 0)]
    fractions = tops @ lattice.inverse
    wrapped = tops - np.floor(fractions) @ lattice.vectors
    shifts = np.array([(0, 0), *steps]) @ lattice.vectors
    return (wrapped[None] + shifts[:, None]).reshape(-1, 3), np.tile(np.arange(len(tops)), len(shifts))


def _triangles(xy: Floats) -> tuple[Ints, Floats]:
    """(t, 3) corners of triangles that are no slivers, and (t, 2) centres of their circumscribed circles."""
    corners = Delaunay(xy).simplices.astype(np.int64)
    a, b, c = xy[corners[:, 0]], xy[corners[:, 1]], xy[corners[:, 2]]
    u, v = b - a, c - a
    twice = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    good = np.abs(twice) > 1e-2 * np.maximum((u * u).sum(axis=1), (v * v).sum(axis=1))
    corners, a, u, v, twice = corners[good], a[good], u[good], v[good], twice[good]
    uu, vv = (u * u).sum(axis=1), (v * v).sum(axis=1)
    x = (v[:, 1] * uu - u[:, 1] * vv) / (2 * twice)
    y = (u[:, 0] * vv - v[:, 0] * uu) / (2 * twice)
    return corners, a + np.stack([x, y], axis=1)


def _hollows(corners: Ints, centres: Floats, near: Floats) -> list[list[int]]:
    """Triangles that share an edge and almost a circumscribed circle, put together."""
    parent = list(range(len(corners)))

    def root(k: int) -> int:
        while parent[k] != k:
            k = parent[k]
        return k

    first: dict[tuple[int, int], int] = {}
    for k, triangle in enumerate(corners):
        for edge in _sides(triangle):
            other = first.setdefault(edge, k)
            apart = float(np.linalg.norm(centres[k] - centres[other]))
            if other != k and apart < _MERGE * min(near[k], near[other]):
                parent[root(k)] = root(other)
    groups: dict[int, list[int]] = {}
    for k in range(len(corners)):
        groups.setdefault(root(k), []).append(k)
    return list(groups.values())


def _sides(triangle: Ints) -> list[tuple[int, int]]:
    a, b, c = sorted(int(p) for p in triangle)
    return [(a, b), (a, c), (b, c)]


def _edges(corners: Ints) -> set[tuple[int, int]]:
    return {edge for triangle in corners for edge in _sides(triangle)}


def _inner_edges(corners: Ints) -> set[tuple[int, int]]:
    """Edges inside a hollow: those that two of its triangles share."""
    sides = [edge for triangle in corners for edge in _sides(triangle)]
    return {edge for edge in sides if sides.count(edge) > 1} if len(corners) > 1 else set()


def _hollow_kind(n: int, middle: Floats, layer: Ints, positions: Floats, lattice: Lattice, spacing: float) -> Kind:
    """What a hollow over ``n`` atoms is called."""
    if n != 3:
        return "fourfold" if n == 4 else "hollow"
    for depth, kind in ((1, "hcp"), (2, "fcc")):
        below = positions[layer == depth] - middle
        sideways = np.linalg.norm(lattice.nearest(below * [1.0, 1.0, 0.0])[:, :2], axis=1)
        if (sideways < _UNDER * spacing).any():
            return "hcp" if kind == "hcp" else "fcc"
    return "hollow"


def _distinct(sites: list[SurfaceSite], lattice: Lattice) -> list[SurfaceSite]:
    """Each place once, not its images too."""
    kept: dict[tuple[int, ...], list[SurfaceSite]] = {}
    for site in sites:
        same = kept.setdefault(site.atoms, [])
        gaps = np.array([site.position - other.position for other in same]).reshape(-1, 3)
        if not (np.linalg.norm(lattice.nearest(gaps), axis=1) < 1e-3).any():
            same.append(site)
    return [site for same in kept.values() for site in same]

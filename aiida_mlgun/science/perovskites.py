"""Halide perovskite surfaces: who is metal, halide and A site, what is on top, and where a halide is missing.

Frame: a and b of the cell lie in the xy plane, the surface looks up (+z) along a pseudo-cubic axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from ase.data import covalent_radii
from numpy.typing import NDArray

from .images import Lattice

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Termination = Literal["AX", "BX2"]

HALIDES: Final = (9, 17, 35, 53)
#: Alkali metals, and the elements of organic cations.
A_SITE: Final = (1, 3, 6, 7, 8, 11, 19, 37, 55)
ROLES: Final = ("a_site", "metal", "halide")
#: A halide is a metal's ligand below this times the sum of covalent radii.  Pb-I: 4.0 Å; bonds 3.2, next ones 6 Å.
LIGAND: Final = 1.4
#: Metals of one plane differ less in height, Å.
_PLANE: Final = 1.5
#: Two ligands are opposite when their angle is wider: cos 135°.
_OPPOSITE: Final = -0.7


@dataclass(frozen=True)
class Perovskite:
    """What the geometry says.

    :param role: (n_slab,), one of :data:`ROLES`.
    :param termination: ``AX`` if halides sit on at least half of the topmost metals, ``BX2`` if not.
    :param vacancies: (n, 3), Å, where the topmost metals miss a halide: corners of their octahedra without one.  The
        corners that a ``BX2`` termination leaves open all over are none.
    """

    role: NDArray[np.str_]
    termination: Termination
    vacancies: Floats


def find_perovskite(numbers: Ints, positions: Floats, lattice: Lattice) -> Perovskite | None:
    """Roles by element, termination and vacancies by geometry.

    An octahedron's open corner lies opposite to a ligand that has no partner; if two opposite ligands are missing, that
    is not seen.  None if metals and halides make no framework.

    :param numbers: (n_slab,), atomic numbers; positions: (n_slab, 3), Å.
    :param lattice: the periodicity along a and b.
    """
    halide, organic = np.isin(numbers, HALIDES), np.isin(numbers, A_SITE)
    metal = ~halide & ~organic
    if not metal.any() or not halide.any():
        return None
    metals, halides = np.flatnonzero(metal), np.flatnonzero(halide)
    vectors = lattice.nearest(positions[halides][None] - positions[metals][:, None])
    lengths = np.linalg.norm(vectors, axis=2)
    radii = covalent_radii[numbers]
    ligand = lengths < LIGAND * (radii[metals][:, None] + radii[halides][None])
    if np.median(ligand.sum(axis=1)) < 4:
        return None  # no framework of octahedra
    role = np.select([metal, halide], ["metal", "halide"], "a_site").astype("<U6")
    heights = positions[metals, 2]
    surface = heights > heights.max() - _PLANE
    raised = ligand & (vectors[:, :, 2] > 0.5 * lengths)
    on_top = bool(raised[surface].any(axis=1).mean() >= 0.5)
    plane = float(heights[surface].mean())
    if on_top:
        plane = float(positions[halides][raised[surface].any(axis=0), 2].mean())
    corners = [
        positions[metals[m]] + corner
        for m in np.flatnonzero(surface)
        for corner in _open_corners(vectors[m][ligand[m]])
        if positions[metals[m], 2] + corner[2] < plane + _PLANE and corner[2] > -_PLANE
    ]
    return Perovskite(role, "AX" if on_top else "BX2", _merged(np.array(corners).reshape(-1, 3), lattice))


def _open_corners(vectors: Floats) -> Floats:
    """(k, 3) ligands of one metal → (m, 3) corners of the octahedron that are empty, both relative to the metal, Å."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    alone = ~((unit @ unit.T) < _OPPOSITE).any(axis=1)
    corners: Floats = -vectors[alone]
    return corners


def _merged(points: Floats, lattice: Lattice) -> Floats:
    """Points closer than :data:`_PLANE` to each other, two metals' view of one corner, become their mean."""
    left, merged = list(range(len(points))), []
    while left:
        gaps = lattice.nearest(points[left] - points[left[0]])
        near = np.linalg.norm(gaps, axis=1) < _PLANE
        merged.append(points[left[0]] + gaps[near].mean(axis=0))
        left = [k for k, close in zip(left, near, strict=True) if not close]
    return np.array(merged).reshape(-1, 3)

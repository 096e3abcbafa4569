"""A slab from its geometry alone: layers, dimers of the top layer, sites, terminations, the surface plane.

Frame: a and b of the cell lie in the xy plane, the vacuum is along +z, the molecule comes from above.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from ase.data import covalent_radii
from numpy.typing import NDArray
from scipy.sparse.csgraph import shortest_path

from ..contract.errors import RefusedError
from .frames import Frames
from .images import Lattice
from .perovskites import Perovskite, find_perovskite
from .sites import SurfaceSite, find_sites

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Å; mean heights of two layers differ by at least this.  Buckled Si(001) dimers: 0.7; Si(001) layers: 1.1 to 1.4.
LAYER_SPACING: Final = 0.9
#: Two slab atoms are bonded if closer than this times the sum of covalent radii.
BOND: Final = 1.2
#: A dimer bond is also shorter than this times the distance to the next top-layer atom: close-packed faces have none.
DIMER_CONTRAST: Final = 0.8
#: What counts as a bond between layers, tried one after the other.
_LAYER_BONDS: Final = (1.10, 1.15, 1.20, 1.25)
#: No slab worth shooting at has more layers.
_MAX_LAYERS: Final = 60


@dataclass(frozen=True)
class Slab:
    """What the geometry of a slab says.

    :param layer: (n_slab,), 0 is the top layer, counting down; a hydrogen has the layer of its nearest heavy atom.
    :param n_layers: number of layers.
    :param dimers: (n_dimers, 2), slab atoms that pair up in the top layer, lower index first.
    :param surface_z: Å, mean z of the top layer's heavy atoms: the surface plane.
    :param sites: the top layer's places, see :mod:`~aiida_mlgun.science.sites`.
    :param perovskite: roles, termination and vacancies if it is a halide perovskite; else None.
    """

    layer: Ints
    n_layers: int
    dimers: Ints
    surface_z: float
    sites: tuple[SurfaceSite, ...] = field(default=(), repr=False)
    perovskite: Perovskite | None = field(default=None, repr=False)


def analyse(numbers: Ints, positions: Floats, cell: Floats, pbc: Bools) -> Slab:
    """Find layers and dimers.

    Layers, by height: the finest split of the heavy atoms' heights into groups of least variance (exact
    one-dimensional k-means) whose mean heights differ by :data:`LAYER_SPACING` or more, so that a buckled layer stays
    whole.  Layers, by bonds: the number of bonds to the lowest layer, for several lengths of what is a bond.  Of these
    proposals the one with most layers counts, among equals the one whose layers hold the most equal numbers of atoms:
    a hot, strongly buckled Si(001) dimer hangs as low as the layer below it, but is bonded to it; on fcc(110) and
    bcc(100) bonds skip a layer, but heights do not.
    Dimers: mutual nearest neighbours in the top layer with a short bond, both bonded to a lower layer if there is one.

    :param numbers: (n_slab,), atomic numbers.
    :param positions: (n_slab, 3), Å, not cut by the cell's boundary along z.
    :param cell: (3, 3), Å.
    :param pbc: (3,).
    :raises RefusedError: when it is no slab in the xy plane.
    """
    lattice = Lattice.lateral(cell, pbc)
    heavy = np.flatnonzero(numbers > 1)
    if not len(heavy):
        raise RefusedError("the slab has no atoms besides hydrogen.", status="geometry_refused")
    if not np.isfinite(positions).all():
        raise RefusedError("the slab has positions that are not finite numbers.", status="geometry_refused")
    layer = np.zeros(len(numbers), dtype=np.int64)
    layer[heavy] = _layers(numbers[heavy], positions[heavy], lattice)
    light = np.flatnonzero(numbers == 1)
    if len(light):
        nearest = lattice.distances(positions[light], positions[heavy]).argmin(axis=1)
        layer[light] = layer[heavy[nearest]]
    top = heavy[layer[heavy] == 0]
    return Slab(
        layer=layer,
        n_layers=int(layer[heavy].max()) + 1,
        dimers=_dimers(top, heavy[layer[heavy] > 0], numbers, positions, lattice),
        surface_z=float(positions[top, 2].mean()),
        sites=find_sites(layer, top, positions, lattice),
        perovskite=find_perovskite(numbers, positions, lattice),
    )


def analyse_states(states: Frames) -> Slab:
    """The slab of a set of snapshots, from their mean positions, in which thermal motion and buckling average out.

    :raises RefusedError: when the snapshots are not of one slab in one cell.
    """
    first = states.part(0)
    numbers, cell, pbc = states.numbers[first], states.cell[0], states.pbc[0]
    same_size = bool((states.n_atoms == len(numbers)).all())
    same_cell = np.allclose(states.cell, cell, atol=1e-6) and bool((states.pbc == pbc).all())
    if not (same_size and same_cell and (states.numbers.reshape(len(states), -1) == numbers).all()):
        raise RefusedError("the slab's start states differ in their atoms or cells.", status="geometry_refused")
    positions = states.positions.reshape(len(states), -1, 3)
    moved = Lattice.lateral(cell, pbc).nearest(positions - positions[0])
    return analyse(numbers, positions[0] + moved.mean(axis=0), cell, pbc)


def fixed_mask(slab: Slab, fixed_layers: int) -> Bools:
    """(n_slab,), True for the atoms of the lowest ``fixed_layers`` layers, hydrogens included.

    :raises RefusedError: when no layer would be left to move.
    """
    if not 0 <= fixed_layers < slab.n_layers:
        raise RefusedError(
            f"fixed_layers is {fixed_layers}, but the slab has {slab.n_layers} layers and at least one must move.",
            status="geometry_refused",
        )
    mask: Bools = slab.layer >= slab.n_layers - fixed_layers
    return mask


def partners(slab: Slab) -> Ints:
    """(n_slab,), the other atom of each atom's dimer, -1 where it has none."""
    found = np.full(len(slab.layer), -1, dtype=np.int64)
    found[slab.dimers[:, 0]] = slab.dimers[:, 1]
    found[slab.dimers[:, 1]] = slab.dimers[:, 0]
    return found


def neighbouring_dimers(slab: Slab, positions: Floats, cell: Floats, pbc: Bools) -> Bools:
    """(n_dimers, n_dimers), True where two dimers' centres are (within a fifth) as close as the closest two are.

    On Si(001) these are the next dimers along a row.  A dimer's own periodic image does not count.

    :param positions: (n_slab, 3), Å.
    """
    lattice = Lattice.lateral(cell, pbc)
    first = positions[slab.dimers[:, 0]]
    bond = lattice.nearest(positions[slab.dimers[:, 1]] - first)
    centres = first + 0.5 * bond
    distances = lattice.distances(centres, centres)
    np.fill_diagonal(distances, np.inf)
    if distances.size < 2:
        return np.zeros(distances.shape, dtype=bool)
    near: Bools = distances < 1.2 * distances.min()
    return near


def _layers(numbers: Ints, positions: Floats, lattice: Lattice) -> Ints:
    """(n,), layer of each heavy atom, 0 on top."""
    z = positions[:, 2]
    best = _layers_by_height(z)
    bottom = np.flatnonzero(best == best.max())
    radii = covalent_radii[numbers]
    lengths = lattice.distances(positions, positions) / (radii[:, None] + radii)
    for bond in _LAYER_BONDS:
        height = shortest_path(lengths < bond, unweighted=True, indices=bottom).min(axis=0)
        if np.isfinite(height).all():
            layer = (height.max() - height).astype(np.int64)
            if _well_apart(-z, layer) and _evenness(layer) > _evenness(best):
                best = layer
    return best


def _evenness(layer: Ints) -> tuple[int, float]:
    sizes = np.bincount(layer)
    return len(sizes), -float(sizes.std())


def _well_apart(depth: Floats, labels: Ints) -> bool:
    means = np.bincount(labels, weights=depth) / np.bincount(labels)
    return bool((np.diff(means) >= LAYER_SPACING).all())


def _layers_by_height(z: Floats) -> Ints:
    """(n,), layer of each height, 0 on top."""
    order = np.argsort(-z, kind="stable")
    depth = -z[order]
    best = np.zeros(len(z), dtype=np.int64)
    for starts in _splits(depth, min(_MAX_LAYERS, len(z))):
        labels = np.zeros(len(z), dtype=np.int64)
        labels[starts[1:]] = 1
        labels = np.cumsum(labels)
        if _well_apart(depth, labels):
            best = labels
    layer = np.empty(len(z), dtype=np.int64)
    layer[order] = best
    return layer


def _splits(x: Floats, k_max: int) -> list[list[int]]:
    """For k = 1 … k_max, the first members of the k groups of sorted ``x`` with the least sum of squares within.

    Dynamic programming over prefixes (Wang & Song, The R Journal 2011, 3, 29).
    """
    n = len(x)
    sums, squares = np.concatenate([[0], np.cumsum(x)]), np.concatenate([[0], np.cumsum(x * x)])
    first, last = np.arange(n)[:, None], np.arange(n)[None, :] + 1
    count = np.maximum(last - first, 1)
    within = squares[last] - squares[first] - (sums[last] - sums[first]) ** 2 / count
    within = np.where(last > first, np.maximum(within, 0.0), np.inf)  # cost of one group first … last - 1
    cost = within[0]
    starts: list[Ints] = [np.zeros(n, dtype=np.int64)]
    result = [[0]]
    for k in range(1, k_max):
        table = np.concatenate([[np.inf], cost[:-1]])[:, None] + within  # the last group starts at the row
        starts.append(table.argmin(axis=0))
        cost = table.min(axis=0)
        chain, end = [], n - 1
        for row in range(k, -1, -1):
            chain.append(int(starts[row][end]))
            end = chain[-1] - 1
        result.append(chain[::-1])
    return result


def _dimers(top: Ints, lower: Ints, numbers: Ints, positions: Floats, lattice: Lattice) -> Ints:
    """(n_dimers, 2), from the atoms of the top layer and of all below; an organic cation on a crystal is no dimer."""
    if len(lower):
        lengths = lattice.distances(positions[top], positions[lower])
        held = lengths < BOND * (covalent_radii[numbers[top]][:, None] + covalent_radii[numbers[lower]])
        top = top[held.any(axis=1)]
    if len(top) < 2:
        return np.empty((0, 2), dtype=np.int64)
    distances = lattice.distances(positions[top], positions[top])
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argmin(axis=1)
    first, second = np.sort(distances, axis=1)[:, 0], _second_shell(distances)
    radii = covalent_radii[numbers[top]]
    mutual = nearest[nearest] == np.arange(len(top))
    short = first < BOND * (radii + radii[nearest])
    pairs = np.flatnonzero(mutual & short & (first < DIMER_CONTRAST * second) & (np.arange(len(top)) < nearest))
    return np.stack([top[pairs], top[nearest[pairs]]], axis=1).astype(np.int64)


def _second_shell(distances: Floats) -> Floats:
    """(n,), distance to the second-nearest other atom; infinite if there is none."""
    if distances.shape[1] < 3:
        return np.full(len(distances), np.inf)
    second: Floats = np.sort(distances, axis=1)[:, 1]
    return second

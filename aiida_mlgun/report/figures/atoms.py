"""Atoms as shaded circles with bonds, seen from one side, far ones first and paler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from ase.data import covalent_radii
from ase.data.colors import jmol_colors
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Circle
from numpy.typing import NDArray

from ...contract.shooting import BondRule
from ..inputs import Ensemble

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
View = Literal["along x", "along y", "above"]

#: Coordinate to the right, up, and towards or away from the eye.
_AXES: Final[dict[View, tuple[int, int, int]]] = {"along y": (0, 2, 1), "along x": (1, 2, 0), "above": (0, 1, 2)}
#: Å; circles are drawn at this times the covalent radius, and never smaller than the second number.
_SCALE: Final = 0.62
_SMALLEST: Final = 0.26
#: How much of its colour the farthest atom keeps.
_FADE: Final = 0.42
#: Colours of elements that stand out better on white than Jmol's.
_COLOURS: Final = {1: (0.97, 0.97, 0.97), 6: (0.22, 0.24, 0.26), 14: (0.45, 0.62, 0.78)}


@dataclass(frozen=True)
class Scene:
    """Atoms to draw.

    :param numbers: (n,); positions: (n, 3), Å; molecule: (n,), True for the molecule's atoms.
    """

    numbers: Ints
    positions: Floats
    molecule: NDArray[np.bool_]

    def within(self, keep: NDArray[np.bool_]) -> Scene:
        """The atoms of the mask ``keep``."""
        return Scene(self.numbers[keep], self.positions[keep], self.molecule[keep])


def scene(ensemble: Ensemble, positions: Floats, *, reach: float) -> Scene:
    """One copy of the molecule, its centre brought into the cell, above as many copies of the slab as are near it.

    :param positions: (n_atoms, 3), Å, slab first.
    :param reach: Å, lateral distance from the molecule's centre up to which slab atoms are drawn.
    """
    numbers = np.asarray(ensemble.arrays["numbers"], dtype=np.int64)
    index, shift = copies(ensemble, positions, reach=reach)
    return Scene(numbers[index], positions[index] + shift, index >= ensemble.n_slab)


def copies(ensemble: Ensemble, positions: Floats, *, reach: float) -> tuple[Ints, Floats]:
    """The atoms of :func:`scene`: (m,) which of ``positions``, slab first, and (m, 3), Å, how far each is moved."""
    lateral = np.asarray(ensemble.arrays["cell"], dtype=np.float64)[:2]
    pbc = np.asarray(ensemble.arrays["pbc"] if ensemble.has("pbc") else [True, True, False], dtype=bool)[:2]
    n = ensemble.n_slab
    slab, molecule = positions[:n], positions[n:]
    good = np.flatnonzero(np.isfinite(molecule).all(axis=1))
    centre = molecule[good].mean(axis=0) if len(good) else slab.mean(axis=0)
    fractions = centre[:2] @ np.linalg.inv(lateral[:, :2])
    home = np.where(pbc, np.floor(fractions), 0.0) @ lateral
    centre = centre - home
    index, shifts = [], []
    most = np.where(pbc, np.ceil(reach / np.linalg.norm(lateral, axis=1)).astype(int) + 2, 0)
    for i in range(-most[0], most[0] + 1):
        for j in range(-most[1], most[1] + 1):
            shift = i * lateral[0] + j * lateral[1]
            near = np.flatnonzero((np.abs(slab + shift - centre)[:, :2] <= reach).all(axis=1))
            index.append(near)
            shifts.append(np.broadcast_to(shift, (len(near), 3)))
    index.append(good + n)
    shifts.append(np.broadcast_to(-home, (len(good), 3)))
    return np.concatenate(index).astype(np.int64), np.concatenate(shifts)


def connected(what: Scene, bonds: BondRule | None = None) -> Scene:
    """Without slab atoms that have lost all their neighbours to the picture's edge."""
    return what.within(tied(what, bonds))


def tied(what: Scene, bonds: BondRule | None = None) -> NDArray[np.bool_]:
    """(n,), True for the molecule's atoms and for slab atoms with a neighbour."""
    with_bonds = {i for pair in bonded(what, bonds or BondRule()) for i in pair}
    return what.molecule | np.isin(np.arange(len(what.numbers)), sorted(with_bonds))


def drawn_radii(numbers: Ints) -> Floats:
    """(n,), Å, at which atoms are drawn."""
    return np.maximum(_SCALE * covalent_radii[numbers], _SMALLEST)


def draw(axis: Axes, what: Scene, view: View, bonds: BondRule | None = None) -> None:
    """Draw ``what`` seen along the lattice frame's y (x to the right) or x (y to the right), z up, or from above."""
    across, up, depth = _AXES[view]
    toward = what.positions[:, depth] * (-1.0 if view == "along y" else 1.0)
    if not len(toward):
        return
    span = max(float(np.ptp(toward)), 1e-6)
    clear = _FADE + (1 - _FADE) * (toward - toward.min()) / span
    clear = np.where(what.molecule, np.maximum(clear, 0.9), clear)
    flat = what.positions[:, [across, up]]
    radii = drawn_radii(what.numbers)
    rank = np.argsort(np.argsort(toward, kind="stable"), kind="stable")
    axis.set_aspect("equal")
    for i, j in bonded(what, bonds or BondRule()):
        z = 2.0 + min(rank[i], rank[j]) + 0.4
        grey = _blend((0.42, 0.45, 0.48), float(min(clear[i], clear[j])))
        dark = _blend((0.15, 0.17, 0.2), float(min(clear[i], clear[j])))
        for colour, width in ((dark, 4.2), (grey, 2.8)):
            axis.plot(*flat[[i, j]].T, color=colour, lw=width, zorder=z, solid_capstyle="butt")
    for i, j in loose(what, bonds or BondRule()):
        z = 2.0 + min(rank[i], rank[j]) + 0.4
        axis.plot(*flat[[i, j]].T, color=(0.15, 0.17, 0.2), lw=1.3, ls=(0, (2, 1.5)), zorder=z)
    for i in range(len(flat)):
        colour = element_colour(int(what.numbers[i]))
        z = 2.0 + rank[i] + 0.5
        edge = _blend((0.1, 0.12, 0.15), float(clear[i]))
        axis.add_patch(Circle(tuple(flat[i]), radii[i], fc=_blend(colour, float(clear[i])), ec=edge, lw=0.7, zorder=z))
        shine = tuple(flat[i] + radii[i] * np.array([-0.28, 0.3]))
        axis.add_patch(Circle(shine, 0.3 * radii[i], fc="white", ec="none", alpha=0.45 * float(clear[i]), zorder=z))


def element_colour(number: int) -> tuple[float, float, float]:
    """Red, green, blue of an element, 0 to 1."""
    red, green, blue = _COLOURS.get(number, tuple(float(c) for c in jmol_colors[number]))
    return red, green, blue


def bonded(what: Scene, rule: BondRule) -> Sequence[tuple[int, int]]:
    """Pairs of atoms near enough to make a bond; two hydrogens never do."""
    near = _lengths(what) < rule.make
    near &= ~((what.numbers[:, None] == 1) & (what.numbers[None] == 1))
    return _pairs(near)


def loose(what: Scene, rule: BondRule) -> Sequence[tuple[int, int]]:
    """Pairs of heavy atoms of molecule and slab, too far apart to make a bond, near enough to keep one."""
    lengths = _lengths(what)
    across = what.molecule[:, None] != what.molecule[None]
    heavy = (what.numbers[:, None] > 1) & (what.numbers[None] > 1)
    return _pairs((lengths >= rule.make) & (lengths < rule.break_) & across & heavy)


def _lengths(what: Scene) -> Floats:
    """(n, n), distances over the sum of covalent radii."""
    radii = covalent_radii[what.numbers]
    distances = np.linalg.norm(what.positions[:, None] - what.positions[None], axis=2)
    return np.asarray(distances / (radii[:, None] + radii[None]))


def _pairs(table: NDArray[np.bool_]) -> Sequence[tuple[int, int]]:
    pairs: Any = np.argwhere(np.triu(table, 1)).tolist()
    return [(int(i), int(j)) for i, j in pairs]


def _blend(colour: Any, clear: float) -> tuple[float, float, float]:
    """Towards white as ``clear`` falls from 1 to 0."""
    red, green, blue = (clear * c + (1.0 - clear) for c in to_rgb(colour))
    return red, green, blue

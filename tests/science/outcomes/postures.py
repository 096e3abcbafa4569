"""Geometries made to measure: 1,4-pentadiyne on a 4×4 Si(001) slab in each of the thirteen outcomes.

The molecule is H-C0≡C1-C2H2-C3≡C4-H; groups CY (C0, C1) and ET (C3, C4).  A posture names the bonds to the slab and
their lengths; the atoms are put where these, and the molecule's own bonds, are met and all else stays apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import read
from numpy.typing import NDArray
from scipy.optimize import least_squares

from aiida_mlgun.contract.shooting import Chemistry, Decision, ReactiveGroup
from aiida_mlgun.science.outcomes import System, Verdict, load_catalogue, reclassify
from aiida_mlgun.science.slabs import analyse, neighbouring_dimers, partners

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SLAB = Path(__file__).parents[2] / "fixtures" / "si001_2x2_relaxed.extxyz"
NUMBERS = np.array([6, 6, 6, 6, 6, 1, 1, 1, 1])
BONDS = {(0, 1): 1.35, (1, 2): 1.5, (2, 3): 1.5, (3, 4): 1.35, (0, 5): 1.08, (2, 6): 1.1, (2, 7): 1.1, (4, 8): 1.08}
CHEMISTRY = Chemistry((ReactiveGroup("CY", (0, 1)), ReactiveGroup("ET", (3, 4))), load_catalogue())
#: Å; C-Si bonds are made below 1.25 and broken above 1.5 of these.
C_SI = 0.76 + 1.11
UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Posture:
    """What is bonded: molecule's atom and place on the slab → length, Å; and what the molecule has lost."""

    bonds: Mapping[tuple[int, str], float] = field(default_factory=dict)
    lost: Mapping[tuple[int, int], float] = field(default_factory=dict)
    height: float = 6.0


def on(*bonds: tuple[int, str], length: float = 1.95, **changes: Any) -> Posture:
    return Posture(dict.fromkeys(bonds, length), **changes)


#: The outcome's name → a geometry that has it.  a and b are neighbouring dimers of one row, s an atom below a.
POSTURES: dict[str, Posture] = {
    "on_top CY": on((0, "a1"), (1, "a2")),
    "on_top ET": on((3, "a1"), (4, "a2")),
    "bridge CY": on((0, "a1"), (1, "b1"), length=2.15),
    "bridge ET": on((3, "a2"), (4, "b2"), length=2.15),
    "double": on((0, "a1"), (1, "a2"), (3, "b2"), (4, "b1")),
    "precursor": on((0, "a1")),
    "sublayer": on((0, "s")),
    "sublayer_double": on((0, "s"), (4, "b1")),
    "other": on((0, "a1"), (4, "b2")),
    "intact": Posture(),
    "h_abstraction": Posture({(5, "a1"): 1.5}, {(0, 5): 3.0}),
    "backbone_broken": Posture(lost={(1, 2): 3.5}),
    "explosion": Posture(lost={(1, 2): 4.0, (2, 3): 4.0}, height=9.0),
}


@dataclass(frozen=True)
class Case:
    """Slab and molecule, slab first, and the molecule's start.  Å."""

    numbers: Ints
    positions: Floats
    cell: Floats
    molecule: Floats
    n_slab: int
    chemistry: Chemistry = CHEMISTRY
    pbc: tuple[bool, bool, bool] = (True, True, False)

    def system(self) -> System:
        here, pbc = self.positions[: self.n_slab], np.array(self.pbc)
        slab = analyse(self.numbers[: self.n_slab], here, self.cell, pbc)
        return System(slab, self.numbers, self.cell, pbc, self.molecule)

    def verdict(self) -> Verdict:
        """From this one geometry."""
        still = np.zeros((1, *self.positions.shape))
        return reclassify(self.system(), self.chemistry, Decision(), self.positions[None], still, ["max_steps"])[0]


@cache
def start() -> Floats:
    """(9, 3), Å, the molecule bent as its bonds want it, its centre at the origin."""
    return _solved(Posture(), {}, np.array([[0.0, 0.0, -50.0]]), _guess({}, np.zeros(3)))


@cache
def slab() -> Atoms:
    """A 4×4 Si(001) slab."""
    with SLAB.open() as handle:
        atoms = read(handle, format="extxyz")
    atoms.pbc = (True, True, False)
    return atoms.repeat((2, 2, 1))


def places(atoms: Atoms) -> dict[str, int]:
    """Names of slab atoms: ``a1``, ``a2`` one dimer, ``b1``, ``b2`` the next along its row, ``s`` a bond below."""
    found = analyse(atoms.numbers.astype(np.int64), atoms.positions, atoms.cell.array, atoms.pbc)
    inside = np.linalg.norm(
        (atoms.positions[found.dimers].mean(axis=1) - atoms.cell.array.sum(axis=0) / 2)[:, :2], axis=1
    )
    a = int(inside.argmin())
    near = neighbouring_dimers(found, atoms.positions, atoms.cell.array, atoms.pbc)
    b = int(np.flatnonzero(near[a])[0])
    assert (partners(found)[found.dimers] == found.dimers[:, ::-1]).all()
    a1, a2 = (int(i) for i in found.dimers[a])
    b1, b2 = (int(i) for i in found.dimers[b])
    if atoms.get_distance(a1, b2, mic=True) < atoms.get_distance(a1, b1, mic=True):
        b1, b2 = b2, b1
    second = np.flatnonzero(found.layer == 1)
    s = int(second[atoms.get_distances(a1, second, mic=True).argmin()])
    return {"a1": a1, "a2": a2, "b1": b1, "b2": b2, "s": s}


def case(posture: Posture | str) -> Case:
    """The geometry of a posture, or of the one with this name."""
    posture = POSTURES[posture] if isinstance(posture, str) else posture
    atoms = slab()
    where = places(atoms)
    origin = atoms.positions[where["a1"]]
    near = atoms.copy()
    near.positions = origin + near.get_distances(where["a1"], range(len(near)), mic=True, vector=True)
    targets = {(i, where[name]): length for (i, name), length in posture.bonds.items()}
    guess = _guess({i: near.positions[j] for i, j in targets}, origin + np.array([1.9, 1.1, posture.height]))
    molecule = _solved(posture, targets, near.positions, guess)
    numbers = np.concatenate([atoms.numbers, NUMBERS]).astype(np.int64)
    return Case(numbers, np.concatenate([atoms.positions, molecule]), atoms.cell.array.copy(), start(), len(atoms))


def stretched(name: str, bond: tuple[int, str], length: float) -> Posture:
    """A posture with another length (Å) of one of its bonds."""
    posture = POSTURES[name]
    return replace(posture, bonds={**posture.bonds, bond: length})


def permuted(one: Case, seed: int) -> Case:
    """The slab's atoms and the molecule's in another order, the groups renamed accordingly."""
    rng = np.random.default_rng(seed)
    slab_order, order = rng.permutation(one.n_slab), rng.permutation(len(one.molecule))
    whole = np.concatenate([slab_order, one.n_slab + order])
    new = np.argsort(order)
    groups = tuple(replace(g, atoms=tuple(int(new[i]) for i in g.atoms)) for g in one.chemistry.groups)
    return replace(
        one,
        numbers=one.numbers[whole],
        positions=one.positions[whole],
        molecule=one.molecule[order],
        chemistry=replace(one.chemistry, groups=groups),
    )


def turned(one: Case) -> Case:
    """All of it turned by 90° about z."""
    turn = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    return replace(one, positions=one.positions @ turn, cell=one.cell @ turn, molecule=one.molecule @ turn)


def moved(one: Case, by: Any, molecule_cells: Any = (0, 0)) -> Case:
    """All of it moved by ``by`` (2,), in cells, wrapped into the cell; the molecule then by whole cells."""
    positions = one.positions + np.asarray(by, dtype=float) @ one.cell[:2]
    fractions = positions @ np.linalg.inv(one.cell)
    positions = positions - np.floor(fractions[:, :2]) @ one.cell[:2]
    positions[one.n_slab :] += np.asarray(molecule_cells, dtype=float) @ one.cell[:2]
    return replace(one, positions=positions)


def _guess(over: Mapping[int, Floats], otherwise: Floats) -> Floats:
    """Atoms above what they shall be bonded to, or in a row."""
    row = np.array(
        [
            [-2.6, 0, 0.3],
            [-1.3, 0, 0],
            [0, 0, 0.8],
            [1.3, 0, 0],
            [2.6, 0, 0.3],
            [-3.6, 0, 0.8],
            [0, 0.9, 1.4],
            [0, -0.9, 1.4],
            [3.6, 0, 0.8],
        ]
    )
    if not over:
        return row + otherwise
    shift = np.mean([place - row[i] for i, place in over.items()], axis=0) + 2.2 * UP
    guess = row + shift
    for i, place in over.items():
        guess[i] = place + 1.9 * UP
    return guess


def _solved(
    posture: Posture, targets: Mapping[tuple[int, int], float], slab_positions: Floats, guess: Floats
) -> Floats:
    """The molecule with the least sum of squared misses; named lengths weigh most."""
    n = len(NUMBERS)
    own = {**BONDS, **posture.lost}
    pairs = np.array([(i, j) for i in range(n) for j in range(i)])
    free = np.array([(j, i) not in own for i, j in pairs])
    gap = np.where((NUMBERS[pairs] == 1).any(axis=1), 1.9, 2.3)
    reach = np.where(NUMBERS == 1, 2.6, 3.0)[:, None].repeat(len(slab_positions), axis=1)
    for i, j in targets:
        reach[i, j] = 0.0
    i_own, j_own = np.array(list(own)).T
    lengths = np.array(list(own.values()))
    i_slab, j_slab = np.array(list(targets) or [(0, 0)]).T
    wanted = np.array(list(targets.values()) or [0.0])

    def misses(flat: Floats) -> Floats:
        x = flat.reshape(n, 3)
        to_slab = np.linalg.norm(x[:, None] - slab_positions[None], axis=2)
        within = np.linalg.norm(x[pairs[:, 0]] - x[pairs[:, 1]], axis=1)
        bonds = np.linalg.norm(x[i_own] - x[j_own], axis=1) - lengths
        named = (to_slab[i_slab, j_slab] - wanted) if targets else np.zeros(1)
        apart = np.maximum(gap[free] - within[free], 0.0)
        lift = np.maximum(reach - to_slab, 0.0).ravel()
        return np.concatenate([30 * named, 5 * bonds, 1.5 * apart, 1.5 * lift])

    found = least_squares(misses, guess.ravel(), max_nfev=200)
    return np.asarray(found.x).reshape(n, 3)

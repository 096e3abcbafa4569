"""CsPbI3(001), built from the lattice constant of the cubic phase: 6.2894 Å (Trots & Myagkova, J. Phys. Chem. Solids
2008, 69, 2520)."""

from __future__ import annotations

from typing import Literal

import numpy as np
from ase import Atoms

A = 6.2894
_SITES = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]


def cspbi3(termination: Literal["AX", "BX2"], n: int = 2, cells: int = 3) -> Atoms:
    """An n×n slab, CsI at the bottom, CsI (``AX``) or PbI2 (``BX2``) on top."""
    atoms = Atoms("CsPbI3", scaled_positions=_SITES, cell=[A] * 3, pbc=True).repeat((n, n, cells))
    planes = np.round(2 * atoms.positions[:, 2] / A).astype(int)
    atoms = atoms[planes < 2 * cells - (termination == "AX")]
    atoms.pbc = (True, True, False)
    atoms.center(15.0, axis=2)
    return atoms


def highest(atoms: Atoms, symbol: str, away_from_edge: bool = True) -> int:
    """The topmost atom of an element, of several the one nearest to the middle of the cell."""
    chosen = np.flatnonzero(np.array(atoms.get_chemical_symbols()) == symbol)
    top = chosen[atoms.positions[chosen, 2] > atoms.positions[chosen, 2].max() - 0.5]
    middle = atoms.cell.array.sum(axis=0)[:2] / 2 + 0.1
    return int(top[np.linalg.norm(atoms.positions[top, :2] - middle, axis=1).argmin()])

"""Which atoms are bonded: lengths as shares of the sum of covalent radii, with memory, across the boundary.

Radii: Cordero et al., Dalton Trans. 2008, 2832 (as in ASE).
"""

from __future__ import annotations

import numpy as np
from ase.data import covalent_radii
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from ...contract.shooting import BondRule

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def radii_sums(a: Ints, b: Ints) -> Floats:
    """(n,), (m,) atomic numbers → (n, m) sums of covalent radii, Å."""
    sums: Floats = covalent_radii[a][:, None] + covalent_radii[b][None, :]
    return sums


def update_bonds(previous: Bools | None, distances: Floats, radii_sum: Floats, rule: BondRule) -> Bools:
    """A new bond table from the last one.

    Below ``rule.make`` × ``radii_sum`` atoms are bonded, above ``rule.break_`` × ``radii_sum`` they are not, between
    the two they are what they were (not bonded where ``previous`` is None).

    :param previous, distances, radii_sum: one shape; distances and radii in Å.  A distance that is not a number is no
        bond.
    """
    made: Bools = distances < rule.make * radii_sum
    if previous is None:
        return made
    kept: Bools = made | (previous & (distances <= rule.break_ * radii_sum))
    return kept


def fragments(bonds: Bools) -> Ints:
    """(n, n) symmetric bond table → (n,) number of the fragment that each atom belongs to, from 0."""
    labels: Ints = connected_components(bonds, directed=False)[1].astype(np.int64)
    return labels

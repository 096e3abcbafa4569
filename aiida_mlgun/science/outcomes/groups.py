"""Reactive groups found from a molecule's geometry: unsaturated carbon pairs."""

from __future__ import annotations

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from ...contract.errors import RefusedError
from ...contract.shooting import BondRule, ReactiveGroup
from .bonds import bond_limits, update_bonds

_CARBON = 6


def find_groups(
    numbers: NDArray[np.int64], positions: NDArray[np.float64], rule: BondRule | None = None
) -> tuple[ReactiveGroup, ...]:
    """C≡C and C=C pairs: bonded carbons that each have fewer than four neighbours, shortest bonds first.

    No carbon is in two groups, so a conjugated chain falls into its shortest pairs.  A group is named by its atoms,
    ``C4C5``.  A carbon that lacks a neighbour because it is doubly bonded to something else (C=O) makes no pair.

    :param numbers: (n,), atomic numbers of the molecule.
    :param positions: (n, 3), Å, the molecule in one piece.
    :raises RefusedError: when there is none: then name the groups.
    """
    distances = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    bonds = update_bonds(None, distances, bond_limits(numbers, numbers, rule or BondRule()))
    unsaturated = (numbers == _CARBON) & (bonds.sum(axis=1) < 4)
    first, second = np.nonzero(np.triu(bonds & unsaturated[:, None] & unsaturated[None, :]))
    groups: list[tuple[int, int]] = []
    taken: set[int] = set()
    for k in np.argsort(distances[first, second].round(2), kind="stable"):
        pair = (int(first[k]), int(second[k]))
        if taken.isdisjoint(pair):
            groups.append(pair)
            taken.update(pair)
    if not groups:
        formula = " ".join(chemical_symbols[z] for z in numbers)
        raise RefusedError(
            f"no double or triple bond between carbons was found in the molecule ({formula}). "
            "Name its reactive groups: a name and the atoms' indices, counted from 0, or a SMARTS pattern."
        )
    return tuple(ReactiveGroup(f"C{a}C{b}", (a, b)) for a, b in sorted(groups))

"""Which atoms are bonded: lengths below a limit, with memory, across the boundary.

Radii: Cordero et al., Dalton Trans. 2008, 2832 (as in ASE).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from ...contract.errors import RefusedError
from ...contract.shooting import BondRule, PairLimits

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


#: Å, two hydrogens (H2: 0.74 Å), unless the rule names them: 1.25 radii sums are 0.78 Å, which a hot H2 is longer than.
HYDROGENS: Final = PairLimits(1.0, 1.3)


@dataclass(frozen=True)
class Limits:
    """Lengths in Å, one shape: bonds are made below ``make`` and broken above ``break_``."""

    make: Floats
    break_: Floats


def radii_sums(a: Ints, b: Ints) -> Floats:
    """(n,), (m,) atomic numbers → (n, m) sums of covalent radii, Å."""
    sums: Floats = covalent_radii[a][:, None] + covalent_radii[b][None, :]
    return sums


def bond_limits(a: Ints, b: Ints, rule: BondRule) -> Limits:
    """(n,), (m,) atomic numbers → (n, m) limits, the rule's own pairs in either order, :data:`HYDROGENS` for H-H.

    :raises RefusedError: when the rule names an element that does not exist.
    """
    sums = radii_sums(a, b)
    limits = Limits(rule.make * sums, rule.break_ * sums)
    _set(limits, (a == 1)[:, None] & (b == 1)[None, :], HYDROGENS)
    for name, pair in rule.pairs.items():
        first, second = pair_numbers(name)
        _set(limits, (a == first)[:, None] & (b == second)[None, :], pair)
        _set(limits, (a == second)[:, None] & (b == first)[None, :], pair)
    return limits


def contact_limits(a: Ints, b: Ints, contacts: Mapping[str, PairLimits]) -> Limits:
    """(n,), (m,) atomic numbers → (n, m) limits of weak contacts; zero, so never met, where no pair is named.

    :raises RefusedError: when an element does not exist.
    """
    shape = (len(a), len(b))
    limits = Limits(np.zeros(shape), np.zeros(shape))
    for name, pair in contacts.items():
        first, second = pair_numbers(name)
        _set(limits, (a == first)[:, None] & (b == second)[None, :], pair)
    return limits


def pair_numbers(name: str) -> tuple[int, int]:
    """``N-Pb`` → (7, 82).

    :raises RefusedError: naming what is no element.
    """
    symbols = name.split("-")
    wrong = [symbol for symbol in symbols if symbol not in atomic_numbers]
    if wrong or len(symbols) != 2:
        unknown = ", ".join(wrong) or name
        raise RefusedError(f"{name!r} is no pair of elements such as N-Pb: unknown is {unknown}.")
    return atomic_numbers[symbols[0]], atomic_numbers[symbols[1]]


def update_bonds(previous: Bools | None, distances: Floats, limits: Limits) -> Bools:
    """A new bond table from the last one.

    Below ``limits.make`` atoms are bonded, above ``limits.break_`` they are not, between the two they are what they
    were (not bonded where ``previous`` is None).

    :param previous, distances: of the limits' shape; distances in Å.  A distance that is not a number is no bond.
    """
    made: Bools = distances < limits.make
    if previous is None:
        return made
    kept: Bools = made | (previous & (distances <= limits.break_))
    return kept


def fragments(bonds: Bools) -> Ints:
    """(n, n) symmetric bond table → (n,) number of the fragment that each atom belongs to, from 0."""
    labels: Ints = connected_components(bonds, directed=False)[1].astype(np.int64)
    return labels


def _set(limits: Limits, where: Bools, pair: PairLimits) -> None:
    limits.make[where] = pair.below
    limits.break_[where] = pair.above

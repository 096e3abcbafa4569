"""What stays the same during a shot: who is slab and who molecule, the molecule's own bonds, its groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from ase.data import atomic_masses, chemical_symbols
from numpy.typing import NDArray

from ...contract.errors import RefusedError
from ...contract.shooting import Chemistry
from ..images import Lattice
from ..slabs import Slab, partners
from .bonds import Limits, bond_limits, contact_limits, fragments, radii_sums, update_bonds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: N, O, F, S: only their hydrogens make contacts, the hydrogen bonds.
POLAR: Final = (7, 8, 9, 16)
#: Å; a heavy atom fills a vacancy when it comes closer to its centre than the first, until it is beyond the second.
#: N or O on a metal (2.4 to 2.7 Å) sits up to 0.8 Å below the halide's place (3.2 Å from Pb), and may lean by 20°.
VACANCY: Final = (1.4, 2.0)


@dataclass(frozen=True)
class Reactants:
    """Slab and molecule, n = n_slab + n_mol atoms, slab first.

    :param numbers: (n,), atomic numbers.
    :param partner: (n_slab,), the other atom of each atom's dimer, -1 without one.
    :param lattice: the periodicity along a and b.
    :param radii: (n_mol, n), sums of covalent radii, Å, columns in the order of ``numbers``.
    :param limits: (n_mol, n), the lengths at which bonds are made and broken.
    :param weak: (n_mol, n_slab + n_vacancies), those of contacts and of vacancies filled; None where the chemistry
        names no contacts and the slab has no vacancies.
    :param masses: (n_mol,), u.
    :param bonds: (n_mol, n_mol), symmetric, the molecule's bonds at the start.
    :param parent: (n_mol,), the heavy atom that each hydrogen is bonded to at the start, -1 for all other atoms.
    :param members: (n_groups, n_mol), which atoms belong to which reactive group.
    :param centres: (n_groups, n_mol), weights that give the groups' geometric centres.
    :param counted: (n_mol,), atoms whose bonds to the slab bind the molecule: all but hydrogens with a parent, unless
        a reactive group names them.
    """

    slab: Slab
    chemistry: Chemistry
    numbers: Ints
    n_slab: int
    partner: Ints
    lattice: Lattice
    radii: Floats
    limits: Limits
    weak: Limits | None
    masses: Floats
    bonds: Bools
    parent: Ints
    members: Bools
    centres: Floats
    counted: Bools

    @classmethod
    def of(
        cls, slab: Slab, numbers: Ints, n_slab: int, cell: Floats, pbc: Bools, chemistry: Chemistry, start: Floats
    ) -> Reactants:
        """Read the molecule's bonds and the hydrogens' parents off its start geometry.

        :param start: (n, 3), Å, slab first; only the molecule's part is looked at.
        :raises RefusedError: when the molecule is not one piece, or a group names an atom that it does not have.
        """
        numbers = np.asarray(numbers, dtype=np.int64)
        molecule = numbers[n_slab:]
        n = len(molecule)
        if n_slab != len(slab.layer) or not n or len(start) != len(numbers):
            message = f"{len(numbers)} atoms do not make a slab of {len(slab.layer)} atoms and a molecule."
            raise RefusedError(message, status="geometry_refused")
        lattice = Lattice.lateral(cell, pbc)
        radii = radii_sums(molecule, numbers)
        bonds = molecule_bonds(molecule, start[n_slab:], chemistry, lattice)
        members = np.zeros((len(chemistry.groups), n), dtype=bool)
        for row, group in zip(members, chemistry.groups, strict=True):
            wrong = [i for i in group.atoms if not 0 <= i < n]
            if wrong:
                message = f"group {group.name!r} names atom {wrong[0]}, but the molecule's atoms are 0 to {n - 1}."
                raise RefusedError(message)
            row[list(group.atoms)] = True
        parent = np.full(n, -1, dtype=np.int64)
        heavy_bonds = bonds & (molecule > 1)[None, :]
        light = np.flatnonzero((molecule == 1) & heavy_bonds.any(axis=1))
        distances = lattice.distances(start[n_slab:], start[n_slab:])
        parent[light] = np.where(heavy_bonds, distances, np.inf)[light].argmin(axis=1)
        return cls(
            slab=slab,
            chemistry=chemistry,
            numbers=numbers,
            n_slab=n_slab,
            partner=partners(slab),
            lattice=lattice,
            radii=radii,
            limits=bond_limits(molecule, numbers, chemistry.bonds),
            weak=_weak(slab, molecule, numbers[:n_slab], parent, chemistry),
            masses=atomic_masses[molecule],
            bonds=bonds,
            parent=parent,
            members=members,
            centres=members / members.sum(axis=1, keepdims=True),
            counted=(parent < 0) | members.any(axis=0),
        )

    def table(self, positions: Floats, previous: Bools | None = None) -> tuple[Bools, Floats]:
        """The bonds of the molecule's atoms to all atoms now, (n_mol, n), and the distances (Å) they follow from.

        :param positions: (n, 3), Å; they need not be wrapped into the cell.
        :param previous: the last table, for the rule's memory; None for a geometry without a past.
        """
        distances = self.distances(positions)
        return update_bonds(previous, distances, self.limits), distances

    def distances(self, positions: Floats) -> Floats:
        """(n_mol, n), Å, of the molecule's atoms to all atoms; infinite to themselves."""
        distances = self.lattice.distances(positions[self.n_slab :], positions)
        np.fill_diagonal(distances[:, self.n_slab :], np.inf)
        return distances

    @property
    def vacancies(self) -> Floats:
        """(n_vacancies, 3), Å, the slab's missing halides."""
        return np.empty((0, 3)) if self.slab.perovskite is None else self.slab.perovskite.vacancies

    def weak_distances(self, positions: Floats, distances: Floats) -> Floats:
        """(n_mol, n_slab + n_vacancies), Å, those that ``weak`` has limits for.

        :param distances: as :meth:`table` gives them.
        """
        slab = distances[:, : self.n_slab]
        if not len(self.vacancies):
            return slab
        return np.concatenate([slab, self.lattice.distances(positions[self.n_slab :], self.vacancies)], axis=1)

    def name(self, atom: int) -> str:
        """Symbol and index within slab or molecule, such as ``Si12`` or ``C0``; ``atom`` counts through both."""
        own = atom if atom < self.n_slab else atom - self.n_slab
        return f"{chemical_symbols[self.numbers[atom]]}{own}"


def molecule_bonds(numbers: Ints, positions: Floats, chemistry: Chemistry, lattice: Lattice) -> Bools:
    """(n_mol, n_mol), the bonds of a molecule's start geometry.

    :raises RefusedError: when it is made of more than one piece.
    """
    distances = lattice.distances(positions, positions)
    np.fill_diagonal(distances, np.inf)
    bonds = update_bonds(None, distances, bond_limits(numbers, numbers, chemistry.bonds))
    pieces = int(fragments(bonds).max()) + 1
    if pieces > 1:
        raise RefusedError(
            f"the molecule is made of {pieces} fragments; shoot one connected molecule at a time.",
            status="geometry_refused",
        )
    return bonds


def _weak(slab: Slab, molecule: Ints, numbers: Ints, parent: Ints, chemistry: Chemistry) -> Limits | None:
    """Limits of contacts with the slab's atoms, then of vacancies, which any heavy atom can fill."""
    n_vacancies = 0 if slab.perovskite is None else len(slab.perovskite.vacancies)
    if not chemistry.bonds.contacts and not n_vacancies:
        return None
    contacts = contact_limits(molecule, numbers, chemistry.bonds.contacts)
    apolar = (parent >= 0) & ~np.isin(molecule[parent], POLAR)
    contacts.make[apolar] = contacts.break_[apolar] = 0.0
    fill = np.repeat((molecule > 1)[:, None], n_vacancies, axis=1)
    return Limits(
        np.concatenate([contacts.make, fill * VACANCY[0]], axis=1),
        np.concatenate([contacts.break_, fill * VACANCY[1]], axis=1),
    )

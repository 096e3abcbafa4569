"""What can be said of one geometry: lost hydrogens, broken bonds, bound groups and where they sit, contacts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from ..sites import place_of
from ..units import BOLTZMANN, KINETIC
from .bonds import fragments
from .reactants import Reactants

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Site = Literal["on_top", "bridge", "single", "other"]


@dataclass(frozen=True)
class Features:
    """The facts that a catalogue's ``when`` may ask for.

    :param exploded: not finite, internally too hot, or three and more pieces of which two and more fly freely.
    :param h_lost: hydrogens that are no longer bonded to their parent.
    :param h_on_slab: those of them that are bonded to the slab.
    :param broken_bonds: other bonds of the start molecule that are broken.
    :param surface_bonds: bonds between the molecule and the slab, hydrogens with a parent left out.
    :param groups: names of the reactive groups with a bond to the slab, in the order of the chemistry.
    :param sites: where each of them sits: ``on_top`` two atoms of one dimer, ``bridge`` two other atoms of the top
        layer, ``single`` one atom of any layer, ``other`` everything else.
    :param sublayer: a bond goes below the top layer.
    :param other_bonds: surface bonds of atoms outside every group.
    :param fragments: pieces that the molecule is in; all those bonded to the slab are one.
    :param bonds: the bonds to the slab by name, lost hydrogens' included, such as ``C0-Si12``.
    :param cause: why it counts as exploded, empty if it does not.
    :param places: of each bound group, where its bound atoms sit one by one: a kind of
        :class:`~aiida_mlgun.science.sites.SurfaceSite`, ``below`` or ``no_site``.
    :param pairs: the elements of the bonds to the slab, lost hydrogens' included, the molecule's first: ``N-Pb``; on a
        perovskite each bond is there a second time with the slab atom's role: ``N-metal``.
    :param contacts: likewise of the weak contacts that the bond rule names.
    :param broken: the elements, in alphabetical order, of the start molecule's bonds that are broken: ``H-N``.
    :param formed: likewise of bonds within the molecule that it did not have at the start.
    :param filled: vacancies of the slab that an atom of the molecule fills.
    :param termination: the slab's, see :class:`~aiida_mlgun.science.perovskites.Perovskite`; empty if it has none.
    """

    exploded: bool
    h_lost: int
    h_on_slab: int
    broken_bonds: int
    surface_bonds: int
    groups: tuple[str, ...]
    sites: tuple[Site, ...]
    sublayer: bool
    other_bonds: int
    fragments: int
    bonds: tuple[str, ...]
    cause: str = ""
    places: tuple[tuple[str, ...], ...] = ()
    pairs: tuple[str, ...] = ()
    contacts: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    formed: tuple[str, ...] = ()
    filled: int = 0
    termination: str = ""

    @property
    def bound(self) -> bool:
        """Whether the molecule holds on to the slab."""
        return self.surface_bonds > 0


def surface_table(reactants: Reactants, table: Bools) -> Bools:
    """(n_mol, n_slab), the bonds to the slab that mean something: a hydrogen's only once it has left its parent."""
    free: Bools = reactants.counted | lost_hydrogens(reactants, table)
    return table[:, : reactants.n_slab] & free[:, None]


def lost_hydrogens(reactants: Reactants, table: Bools) -> Bools:
    """(n_mol,), hydrogens without a bond to their parent."""
    own = table[:, reactants.n_slab :]
    index = np.arange(len(own))
    lost: Bools = (reactants.parent >= 0) & ~own[index, np.maximum(reactants.parent, 0)]
    return lost


def describe(reactants: Reactants, table: Bools, cause: str = "", weak: Bools | None = None) -> Features:
    """The features of a bond table.

    :param table: (n_mol, n); weak: (n_mol, n_slab + n_vacancies), contacts and filled vacancies, None for none.
    :param cause: from :func:`explosion`: it exploded anyway.
    """
    own = table[:, reactants.n_slab :]
    lost = lost_hydrogens(reactants, table)
    surface = surface_table(reactants, table)
    binding = surface & reactants.counted[:, None]
    gone = np.triu(reactants.bonds & ~own)
    hydrogen = reactants.parent >= 0
    broken = int(gone.sum()) - int((gone & (hydrogen[:, None] | hydrogen[None, :])).sum())
    pieces, free = _pieces(own, table[:, : reactants.n_slab]) if broken or lost.any() else (1, 0)
    if not cause and pieces >= 3 and free >= 2:
        cause = f"in {pieces} pieces, {free} of them free"
    per_group = [np.flatnonzero(binding[row].any(axis=0)) for row in reactants.members]
    bound = [k for k, atoms in enumerate(per_group) if len(atoms)]
    bonds = [(int(i), int(j)) for i, j in np.argwhere(surface)]
    return Features(
        exploded=bool(cause),
        h_lost=int(lost.sum()),
        h_on_slab=int((lost & surface.any(axis=1)).sum()),
        broken_bonds=broken,
        surface_bonds=int(binding.sum()),
        groups=tuple(reactants.chemistry.groups[k].name for k in bound),
        sites=tuple(_site(reactants, [int(a) for a in per_group[k]]) for k in bound),
        sublayer=bool(binding[:, reactants.slab.layer > 0].any()),
        other_bonds=int(binding[~reactants.members.any(axis=0)].sum()),
        fragments=pieces,
        bonds=tuple(f"{reactants.name(i + reactants.n_slab)}-{reactants.name(j)}" for i, j in bonds),
        cause=cause,
        places=tuple(_places(reactants, binding[reactants.members[k]]) for k in bound),
        pairs=_pairs(reactants, bonds),
        contacts=() if weak is None else _contacts(reactants, table, weak),
        broken=_within(reactants, gone),
        formed=_within(reactants, np.triu(own & ~reactants.bonds)),
        filled=0 if weak is None else int(weak[:, reactants.n_slab :].any(axis=0).sum()),
        termination="" if reactants.slab.perovskite is None else reactants.slab.perovskite.termination,
    )


def internal_temperature(masses: Floats, velocities: Floats) -> float:
    """K, kinetic temperature of (n, 3) velocities (Å/fs) about their centre of mass, 3n - 3 degrees of freedom."""
    if len(masses) < 2:
        return 0.0
    inner = velocities - masses @ velocities / masses.sum()
    energy = 0.5 * KINETIC * float(masses @ np.einsum("ij,ij->i", inner, inner))
    return 2.0 * energy / ((3 * len(masses) - 3) * BOLTZMANN)


def explosion(positions: Floats, velocities: Floats, temperature: float, limit: float) -> str:
    """Why this is no molecule on a slab any more; empty if it is.

    :param positions, velocities: (n, 3), all atoms.
    :param temperature, limit: the molecule's internal temperature and the highest allowed one, K.
    """
    if not (np.isfinite(positions).all() and np.isfinite(velocities).all()):
        return "positions or velocities are not finite numbers"
    if not temperature <= limit:
        return f"internal temperature of {temperature:.0f} K"
    return ""


def _pieces(own: Bools, slab: Bools) -> tuple[int, int]:
    """How many pieces there are, all those on the slab being one, and how many of them are not on the slab."""
    label = fragments(own | own.T)
    n = int(label.max()) + 1
    on_slab = np.bincount(label, weights=slab.any(axis=1), minlength=n) > 0
    free = n - int(on_slab.sum())
    return free + int(on_slab.any()), free


def _site(reactants: Reactants, atoms: list[int]) -> Site:
    """The kind of place that is made of these slab atoms."""
    if len(atoms) == 1:
        return "single"
    if len(atoms) > 2 or reactants.slab.layer[atoms].any():
        return "other"
    return "on_top" if reactants.partner[atoms[0]] == atoms[1] else "bridge"


def _places(reactants: Reactants, binding: Bools) -> tuple[str, ...]:
    """Where the bound ones among a group's atoms (k, n_slab) sit."""
    slab = reactants.slab
    return tuple(
        place_of([int(a) for a in np.flatnonzero(row)], slab.layer, slab.sites) for row in binding if row.any()
    )


def _pairs(reactants: Reactants, bonds: list[tuple[int, int]]) -> tuple[str, ...]:
    """Elements of bonds between an atom of the molecule and one of the slab, again with roles on a perovskite."""
    symbols = [chemical_symbols[z] for z in reactants.numbers]
    names = [f"{symbols[i + reactants.n_slab]}-{symbols[j]}" for i, j in bonds]
    if reactants.slab.perovskite is not None:
        role = reactants.slab.perovskite.role
        names += [f"{symbols[i + reactants.n_slab]}-{role[j]}" for i, j in bonds]
    return tuple(sorted(names))


def _contacts(reactants: Reactants, table: Bools, weak: Bools) -> tuple[str, ...]:
    """Elements of weak contacts; what is bonded, or a hydrogen without its parent, is in no contact."""
    n = reactants.n_slab
    free = weak[:, :n] & ~surface_table(reactants, table) & ~lost_hydrogens(reactants, table)[:, None]
    return _pairs(reactants, [(int(i), int(j)) for i, j in np.argwhere(free)])


def _within(reactants: Reactants, pairs: Bools) -> tuple[str, ...]:
    """Elements of pairs of the molecule's own atoms (n_mol, n_mol)."""
    if not pairs.any():
        return ()
    symbols = [chemical_symbols[z] for z in reactants.numbers[reactants.n_slab :]]
    return tuple(sorted("-".join(sorted((symbols[i], symbols[j]))) for i, j in np.argwhere(pairs)))

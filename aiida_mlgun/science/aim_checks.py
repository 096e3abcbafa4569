"""What a start geometry must satisfy before steps are spent on it.  Å, Å/fs; all refusals are ``geometry_refused``."""

from __future__ import annotations

from typing import Final

import numpy as np
from ase.data import atomic_masses, chemical_symbols
from numpy.typing import NDArray

from ..contract.errors import RefusedError
from ..contract.shooting import BondRule
from .aim import centre_of_mass
from .images import Lattice
from .outcomes.bonds import bond_limits, fragments, radii_sums
from .slabs import Slab

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Molecule and slab start at least this times the sum of covalent radii apart.
CLEARANCE: Final = 1.5

#: Masses this share from the standard one are the same element by another table; 13C is 8 % off.
MASS_TOLERANCE: Final = 0.02


def check_geometry(
    numbers: Ints,
    positions: Floats,
    velocities: Floats,
    cell: Floats,
    pbc: Bools,
    slab: Slab,
    *,
    min_gap: float = 5.0,
) -> None:
    """Refuse a start that cannot give a shot.

    :param numbers: (n,), slab first; positions, velocities: (n, 3).
    :param min_gap: smallest distance (Å) between the molecule's top and the slab's next periodic image above it.
    :raises RefusedError: not finite; molecule in several pieces, inside or below the surface, or too close to it; not
        moving down; vacuum too small.
    """
    n_slab = len(slab.layer)
    if not (np.isfinite(positions).all() and np.isfinite(velocities).all()):
        raise _refused("the start geometry has positions or velocities that are not finite numbers.")
    molecule, ground = positions[n_slab:], positions[:n_slab]
    kinds = numbers[n_slab:]
    lattice = Lattice.lateral(cell, pbc)

    distances = np.linalg.norm(molecule[:, None] - molecule[None], axis=-1)
    pieces = int(fragments(distances < bond_limits(kinds, kinds, BondRule()).make).max()) + 1
    if pieces > 1:
        raise _refused(f"the molecule is made of {pieces} fragments; shoot one connected molecule at a time.")

    lowest = float(molecule[:, 2].min()) - slab.surface_z
    if lowest <= 0:
        raise _refused(f"the molecule reaches {-lowest:.1f} Å below the surface plane; raise aim.height.")
    away = lattice.distances(molecule, ground)
    share = away / radii_sums(kinds, numbers[:n_slab])
    i, j = np.unravel_index(int(share.argmin()), share.shape)
    if share[i, j] < CLEARANCE:
        names = f"{chemical_symbols[kinds[i]]}{i} of the molecule and {chemical_symbols[numbers[j]]}{j} of the slab"
        raise _refused(f"{names} start only {away[i, j]:.2f} Å apart; raise aim.height.")

    fall = float(centre_of_mass(atomic_masses[kinds], velocities[n_slab:])[2])
    if fall >= 0:
        raise _refused(f"the molecule does not move towards the surface: v_z is {fall:.2e} Å/fs.")
    if pbc[2]:
        gap = float(ground[:, 2].min() + cell[2, 2] - molecule[:, 2].max())
        if gap < min_gap:
            raise _refused(
                f"the vacuum is too small: the molecule starts {gap:.1f} Å below the slab's next periodic image, "
                f"{min_gap:.1f} Å are needed. Lengthen the cell by {min_gap - gap:.1f} Å along z, lower aim.height, or "
                "switch periodicity along z off."
            )


def check_atoms(numbers: Ints, masses: Floats | None, what: str) -> None:
    """Refuse atoms that cannot move: placeholders, ghosts, and masses other than the standard ones that shots use.

    :param numbers: (n,), atomic numbers; masses: (n,), u, if they come with the structure.
    :param what: whose atoms, for the message.
    """
    unknown = np.flatnonzero((numbers < 1) | (numbers >= len(atomic_masses)))
    if len(unknown):
        i = int(unknown[0])
        message = f"{what}: atom {i} is no element (atomic number {numbers[i]}) and has no mass. Take it out."
        raise _refused(message)
    if masses is None:
        return
    standard = atomic_masses[numbers]
    with np.errstate(invalid="ignore"):
        odd = np.flatnonzero(~(np.abs(masses - standard) <= MASS_TOLERANCE * standard))
    if len(odd):
        i = int(odd[0])
        raise _refused(
            f"{what}: atom {i} ({chemical_symbols[numbers[i]]}) has the mass {masses[i]:g} u; shots use the standard "
            f"one, {standard[i]:g} u. Isotopes are not supported."
        )


def check_images(molecule: Floats, cell: Floats, pbc: Bools, min_gap: float) -> None:
    """Refuse a cell in which the molecule would meet its own lateral images, however it is turned.

    The gap is the shortest lateral lattice vector minus the molecule's diameter (largest distance of two atoms).

    :param molecule: (n_mol, 3), Å, in one piece.
    :param min_gap: Å.
    """
    diameter = float(np.linalg.norm(molecule[:, None] - molecule[None], axis=-1).max())
    width = Lattice.lateral(cell, pbc).shortest
    if width - diameter < min_gap:
        raise _refused(
            f"the cell is too narrow: it repeats every {width:.1f} Å and the molecule is {diameter:.1f} Å long, which "
            f"leaves {width - diameter:.1f} Å between a molecule and its periodic image, {min_gap:.1f} Å are needed. "
            "Repeat the slab along x and y."
        )


def _refused(message: str) -> RefusedError:
    return RefusedError(message, status="geometry_refused")

"""Elements and geometries of ``StructureData`` and ``TrajectoryData`` nodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from aiida import orm
from ase.data import atomic_numbers

from ...contract.errors import RefusedError
from ...science.frames import Floats, Ints


def elements_of(structure: orm.StructureData, what: str) -> dict[str, int]:
    """Kind name → atomic number.

    :raises RefusedError: for kinds that are alloys, vacancies or no element.
    """
    found = {}
    for kind in structure.kinds:
        if kind.is_alloy or kind.has_vacancies or kind.symbol not in atomic_numbers:
            raise RefusedError(f"{what}: the kind {kind.name!r} of structure {structure.pk} is no single element.")
        found[kind.name] = atomic_numbers[kind.symbol]
    return found


def numbers_of(names: Sequence[str], structure: orm.StructureData | None, what: str) -> Ints:
    """(a,), atomic numbers of sites by kind name, from the kinds of ``structure`` where it is known.

    :raises RefusedError: when a name is neither one of those kinds nor a chemical symbol.
    """
    known = {} if structure is None else elements_of(structure, what)
    result = []
    for atom, name in enumerate(names):
        number = known.get(name, atomic_numbers.get(name))
        if not number:
            raise RefusedError(f"{what}: atom {atom} is called {name!r}, which is no chemical symbol.")
        result.append(number)
    return np.array(result, dtype=np.int64)


def geometry_of(structure: orm.StructureData, what: str) -> tuple[Ints, Floats, Floats]:
    """Atomic numbers (a,), positions (a, 3) and cell (3, 3), Å."""
    numbers = numbers_of([site.kind_name for site in structure.sites], structure, what)
    positions = np.array([site.position for site in structure.sites], dtype=np.float64)
    return numbers, positions, np.array(structure.cell, dtype=np.float64)


def periodicity(trajectory: orm.TrajectoryData | None, structure: orm.StructureData | None) -> tuple[bool, bool, bool]:
    """Of the structure, else of the trajectory; trajectories older than AiiDA 2.8 do not say, a cell then means yes."""
    if structure is not None:
        a, b, c = structure.pbc
        return bool(a), bool(b), bool(c)
    if trajectory is not None and trajectory.pbc is not None:
        a, b, c = trajectory.pbc
        return bool(a), bool(b), bool(c)
    cell = trajectory is not None and trajectory.get_cells() is not None
    return cell, cell, cell


def farthest(a: Floats, b: Floats, cell: Floats) -> float:
    """Largest distance (Å) between atoms of (a, 3) positions, up to whole lattice vectors; infinite if none compare."""
    if a.shape != b.shape:
        return float("inf")
    difference = a - b
    if abs(np.linalg.det(cell)) > 1e-6:
        fractional = np.linalg.solve(cell.T, difference.T).T
        difference = (fractional - np.round(fractional)) @ cell
    return float(np.linalg.norm(difference, axis=1).max(initial=0.0))

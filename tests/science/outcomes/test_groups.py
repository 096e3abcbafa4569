from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ase.build import molecule

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.shooting import ReactiveGroup
from aiida_mlgun.science.outcomes import find_groups


def of(name: str) -> tuple[ReactiveGroup, ...]:
    atoms = molecule(name)
    return find_groups(atoms.numbers.astype(np.int64), atoms.positions)


@pytest.mark.parametrize(("name", "n"), [("C2H2", 1), ("C2H4", 1), ("C6H6", 3), ("butadiene", 2), ("C3H4_C3v", 1)])
def test_double_and_triple_bonds(name: str, n: int) -> None:
    groups = of(name)
    assert len(groups) == n
    atoms = [atom for group in groups for atom in group.atoms]
    assert len(set(atoms)) == len(atoms) == 2 * n
    assert all(group.name == f"C{group.atoms[0]}C{group.atoms[1]}" for group in groups)


def test_butadiene_has_its_short_bonds() -> None:
    atoms = molecule("butadiene")
    lengths = [atoms.get_distance(*group.atoms) for group in of("butadiene")]
    assert max(lengths) < 1.36


def test_triple_bond_of_cyclooctyne(trajectory: Callable[[str], Any]) -> None:
    run = trajectory("si001_4x4_c8h12_precursor")
    n = run["n_slab"]
    assert find_groups(run["numbers"][n:], run["positions"][0][n:]) == (ReactiveGroup("C4C5", (4, 5)),)


@pytest.mark.parametrize("name", ["C2H6", "H2CO", "H2", "NH3"])
def test_molecules_without_one_must_be_told(name: str) -> None:
    with pytest.raises(RefusedError, match="Name its reactive groups"):
        of(name)

from __future__ import annotations

from collections import Counter
from typing import Literal

import numpy as np
import pytest
from ase import Atoms
from ase.build import fcc111
from outcomes.surfaces import A, cspbi3, highest

from aiida_mlgun.science.perovskites import Perovskite
from aiida_mlgun.science.slabs import Slab, analyse


def of(atoms: Atoms) -> Slab:
    return analyse(atoms.numbers.astype(np.int64), atoms.positions, atoms.cell.array, atoms.pbc)


def perovskite(atoms: Atoms) -> Perovskite:
    found = of(atoms).perovskite
    assert found is not None
    return found


@pytest.mark.parametrize("rattle", [0.0, 0.15])
@pytest.mark.parametrize(
    ("termination", "layers", "top"), [("AX", 5, {"Cs": 4, "I": 4}), ("BX2", 6, {"Pb": 4, "I": 8})]
)
def test_layers_roles_and_termination(
    termination: Literal["AX", "BX2"], layers: int, top: dict[str, int], rattle: float
) -> None:
    atoms = cspbi3(termination)
    atoms.rattle(rattle, seed=4)
    slab, found = of(atoms), perovskite(atoms)
    assert slab.n_layers == layers and not len(slab.dimers)
    assert Counter(atoms.get_chemical_symbols()[i] for i in np.flatnonzero(slab.layer == 0)) == top
    roles = {"Cs": "a_site", "Pb": "metal", "I": "halide"}
    assert found.role.tolist() == [roles[symbol] for symbol in atoms.get_chemical_symbols()]
    assert found.termination == termination and found.vacancies.shape == (0, 3)


@pytest.mark.parametrize("termination", ["AX", "BX2"])
@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_a_missing_halide_is_found_where_it_was(termination: Literal["AX", "BX2"], shift: float) -> None:
    atoms = cspbi3(termination)
    atoms.positions[:, :2] += shift * A
    atoms.wrap()
    atoms.rattle(0.1, seed=5)
    gone = highest(atoms, "I")
    place = atoms.positions[gone].copy()
    del atoms[gone]
    found = perovskite(atoms)
    assert found.termination == termination and len(found.vacancies) == 1
    atoms.append("I")
    atoms.positions[-1] = found.vacancies[0]
    atoms.append("I")
    atoms.positions[-1] = place
    assert atoms.get_distance(len(atoms) - 2, len(atoms) - 1, mic=True) < 0.6


def test_a_halide_missing_deep_below_is_none_of_the_surface() -> None:
    atoms = cspbi3("AX", cells=4)
    deep = int(np.flatnonzero((atoms.numbers == 53) & (atoms.positions[:, 2] < atoms.positions[:, 2].min() + 4))[0])
    del atoms[deep]
    assert not len(perovskite(atoms).vacancies)


def test_other_crystals_are_none() -> None:
    assert of(fcc111("Cu", (3, 3, 3), vacuum=10)).perovskite is None
    salt = Atoms("NaCl" * 4, positions=np.arange(24).reshape(8, 3) * 2.8, cell=[20, 20, 80], pbc=(True, True, False))
    assert of(salt).perovskite is None


def test_an_organic_cation_on_top_is_no_dimer() -> None:
    """Methylammonium in the place of a caesium of the top layer: a short bond, but held by nothing below."""
    atoms = cspbi3("AX")
    place = highest(atoms, "Cs")
    atoms.numbers[place] = 6
    atoms.append("N")
    atoms.positions[-1] = atoms.positions[place] + [1.48, 0.0, 0.0]
    slab = of(atoms)
    assert not len(slab.dimers) and perovskite(atoms).role[[place, -1]].tolist() == ["a_site", "a_site"]

"""3-aminopropylsilanetriol on CsPbI3(001) in the outcomes of the shipped catalogue."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.io import read

from aiida_mlgun.contract.shooting import Decision
from aiida_mlgun.science.outcomes import (
    Features,
    ShotTracker,
    System,
    Verdict,
    classify,
    complete_chemistry,
    outcome_names,
    reclassify,
)
from aiida_mlgun.science.slabs import analyse

from .surfaces import cspbi3, highest

FIXTURES = Path(__file__).parents[2] / "fixtures"
UP = np.array([0.0, 0.0, 1.0])
N, SI, OXYGEN, HYDROGEN_OF_O = 0, 4, 5, 16


@pytest.fixture(scope="module")
def aminosilane() -> Atoms:
    """Upright, nitrogen below: the long axis along z, its own bonds untouched."""
    with (FIXTURES / "aminopropylsilanetriol.extxyz").open() as handle:
        atoms = read(handle, format="extxyz")
    atoms.rotate(atoms.positions[SI] - atoms.positions[N], UP)
    return atoms


def turned_over(atoms: Atoms, lowest: int) -> Atoms:
    """So that from the centre of mass to atom `lowest` it goes straight down."""
    turned = atoms.copy()
    turned.rotate(turned.positions[lowest] - turned.get_center_of_mass(), -UP)
    return turned


class Scene:
    """A molecule over a slab."""

    def __init__(self, slab: Atoms, guest: Atoms, place: Any, atom: int) -> None:
        """`atom` of the molecule is at `place`."""
        self.slab, self.start = slab, guest
        self.molecule = guest.positions + (np.asarray(place) - guest.positions[atom])
        given: dict[str, Any] = {"file": "perovskite"}
        if 7 not in guest.numbers:
            given["groups"] = [{"name": "any", "atoms": [0]}]
        self.chemistry = complete_chemistry(given, guest.numbers.astype(np.int64), guest.positions)

    def system(self) -> System:
        slab, cell, pbc = self.slab, self.slab.cell.array, self.slab.pbc
        known = analyse(slab.numbers.astype(np.int64), slab.positions, cell, pbc)
        numbers = np.concatenate([slab.numbers, self.start.numbers]).astype(np.int64)
        return System(known, numbers, cell, pbc, self.start.positions)

    def verdict(self) -> Verdict:
        positions = np.concatenate([self.slab.positions, self.molecule])[None]
        shots = (positions, np.zeros_like(positions), ["max_steps"])
        return reclassify(self.system(), self.chemistry, Decision(), *shots)[0]


def over(slab: Atoms, guest: Atoms, atom: int, symbol: str, height: float) -> Scene:
    place = slab.positions[highest(slab, symbol)]
    return Scene(slab, turned_over(guest, atom), place + height * UP, atom)


def test_groups_of_the_molecule(aminosilane: Atoms) -> None:
    chemistry = over(cspbi3("BX2"), aminosilane, N, "Pb", 2.6).chemistry
    assert [(group.name, group.atoms) for group in chemistry.groups] == [
        ("amine", (0,)),
        ("alkoxysilane", (4, 5, 6, 7)),
    ]
    assert {"dative_N amine", "dative_O alkoxysilane", "vacancy_fill", "other"} <= set(outcome_names(chemistry))


@pytest.mark.parametrize(
    ("atom", "symbol", "termination", "height", "mode"),
    [
        (N, "Pb", "BX2", 2.55, "dative_N amine"),
        (N, "Pb", "BX2", 2.88, "dative_N amine"),
        (N, "Pb", "BX2", 2.92, "other"),  # between made and broken, and nothing is known of its past
        (N, "Pb", "BX2", 3.45, "detached"),
        (OXYGEN, "Pb", "BX2", 2.55, "dative_O alkoxysilane"),
        (N, "Cs", "AX", 3.1, "a_site amine"),
        (N, "I", "AX", 7.0, "detached"),
    ],
)
def test_dative_bonds(
    aminosilane: Atoms, atom: int, symbol: str, termination: Literal["AX", "BX2"], height: float, mode: str
) -> None:
    verdict = over(cspbi3(termination), aminosilane, atom, symbol, height).verdict()
    assert verdict.mode == mode, verdict.reason


@pytest.mark.parametrize(
    ("name", "atom", "height", "mode"),
    [("CH3OH", 3, 2.6, "hydrogen_bonded"), ("CH3OH", 3, 3.4, "detached"), ("CH4", 1, 2.6, "detached")],
)
def test_a_hydrogen_bond_needs_a_polar_hydrogen(name: str, atom: int, height: float, mode: str) -> None:
    scene = over(cspbi3("AX"), molecule(name), atom, "I", height)
    verdict = scene.verdict()
    assert verdict.mode == mode, verdict.reason
    assert verdict.final == (mode == "detached")


def test_amine_in_the_place_of_a_halide(aminosilane: Atoms) -> None:
    slab = cspbi3("AX")
    gone = highest(slab, "I")
    place = slab.positions[gone].copy()
    del slab[gone]
    filled = Scene(slab, turned_over(aminosilane, N), place - 0.6 * UP, N).verdict()
    assert (filled.mode, filled.productive, filled.final) == ("vacancy_fill", True, True), filled.reason
    assert "1 vacancies filled" in filled.reason
    above = Scene(slab, turned_over(aminosilane, N), place + 2.5 * UP, N).verdict()
    assert above.mode != "vacancy_fill" and "filled" not in above.reason


def test_a_proton_goes_to_a_halide(aminosilane: Atoms) -> None:
    slab = cspbi3("AX")
    iodine = slab.positions[highest(slab, "I")]
    scene = over(slab, aminosilane, OXYGEN, "I", 4.5)
    scene.molecule[HYDROGEN_OF_O] = iodine + 1.65 * UP
    verdict = scene.verdict()
    assert verdict.mode == "proton_to_halide", verdict.reason


def test_a_proton_goes_from_oxygen_to_nitrogen(aminosilane: Atoms) -> None:
    scene = over(cspbi3("AX"), aminosilane, N, "I", 8.0)
    away = scene.molecule[N] - scene.molecule[[8, 9, 1]].mean(axis=0)
    scene.molecule[HYDROGEN_OF_O] = scene.molecule[N] + 1.02 * away / np.linalg.norm(away)
    verdict = scene.verdict()
    assert verdict.mode == "proton_transfer" and "new in the molecule H-N" in verdict.reason


def test_amine_takes_a_proton_from_an_organic_cation(aminosilane: Atoms) -> None:
    slab = cspbi3("AX")
    cation = slab.positions[highest(slab, "Cs")].copy()
    slab.numbers[highest(slab, "Cs")] = 7
    slab.append("H")
    slab.positions[-1] = cation + 3.0 * UP
    scene = Scene(slab, turned_over(aminosilane, N), cation + 4.05 * UP, N)
    assert scene.verdict().mode == "protonated", scene.verdict().reason


def test_silane_cleaved_and_backbone_broken(aminosilane: Atoms) -> None:
    bound = over(cspbi3("BX2"), aminosilane, N, "Pb", 2.55)
    bound.molecule[[6, 17]] += [0.0, 3.0, 2.0]  # a hydroxyl leaves the silicon
    assert bound.verdict().mode == "silane_cleaved", bound.verdict().reason
    free = over(cspbi3("BX2"), aminosilane, N, "Pb", 8.0)
    free.molecule[[6, 17]] += [0.0, 3.0, 2.0]
    assert free.verdict().mode == "backbone_broken"


def test_both_groups_bound_and_two_ways_at_once(aminosilane: Atoms) -> None:
    chemistry = over(cspbi3("BX2"), aminosilane, N, "Pb", 2.55).chemistry
    one = Features(False, 0, 0, 0, 1, ("amine",), ("single",), False, 0, 1, ("N0-Pb7",), pairs=("N-Pb", "N-metal"))
    both = replace(one, surface_bonds=2, groups=("amine", "alkoxysilane"), sites=("single", "single"))
    assert classify(one, chemistry).mode == "dative_N amine" and classify(both, chemistry).mode == "double"
    strange = replace(one, surface_bonds=2, other_bonds=1, pairs=("N-Pb", "N-metal", "O-Pb", "O-metal"))
    verdict = classify(strange, chemistry)
    assert verdict.mode == "other" and "dative_N amine and dative_O amine fit alike" in verdict.reason


def test_explosion(aminosilane: Atoms) -> None:
    apart = over(cspbi3("BX2"), aminosilane, N, "Pb", 12.0)
    apart.molecule = apart.molecule * [2.5, 2.5, 1.0]
    assert apart.verdict().mode == "explosion"


def test_a_shot_that_hangs_by_a_hydrogen_bond_goes_on(aminosilane: Atoms) -> None:
    scene = over(cspbi3("AX"), aminosilane, HYDROGEN_OF_O, "I", 2.6)
    system, start = scene.system(), np.concatenate([scene.slab.positions, scene.molecule + 12 * UP])
    tracker = ShotTracker(
        system.slab, system.numbers, system.n_slab, system.cell, system.pbc, scene.chemistry, Decision(), start
    )
    here, still = np.concatenate([scene.slab.positions, scene.molecule]), np.zeros(start.shape)
    assert [tracker.update(10.0 * k, here, still) for k in range(120)] == [None] * 120
    assert tracker.final(1190.0).mode == "hydrogen_bonded"
    saved = tracker.state()
    again = ShotTracker(
        system.slab, system.numbers, system.n_slab, system.cell, system.pbc, scene.chemistry, Decision(), start
    )
    again.restore(saved)
    assert again.verdict == tracker.verdict and again.events == tracker.events

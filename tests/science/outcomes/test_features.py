"""Geometries made by hand: acetylene (group CC: atoms 0 and 1; hydrogens 2 and 3) on the 2×2 Si(001) slab."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import fcc111

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.shooting import Chemistry, ReactiveGroup
from aiida_mlgun.science.outcomes import Features, Reactants, classify, describe, load_catalogue
from aiida_mlgun.science.outcomes.features import explosion, internal_temperature
from aiida_mlgun.science.slabs import analyse
from aiida_mlgun.science.units import ACCELERATION, BOLTZMANN

UP = np.array([0.0, 0.0, 1.0])


@pytest.fixture
def look(si001: Any, acetylene: Any, chemistry: Chemistry) -> Any:
    """The features of acetylene with its atoms at the given places (4, 3), having started high above the slab."""
    numbers, shape = acetylene
    numbers = np.concatenate([si001.numbers, numbers])
    start = np.concatenate([si001.positions, shape + 25.0 * UP])
    one = Reactants.of(si001.slab, numbers, 24, si001.cell, si001.pbc, chemistry, start)

    def call(molecule: Any) -> Features:
        before = one.table(start)[0]
        return describe(one, one.table(np.concatenate([si001.positions, molecule]), before)[0])

    return call


@pytest.fixture
def sit(si001: Any) -> Any:
    """Acetylene over two slab atoms: each C is `height` Å above its Si and moved towards the other C by `inwards` Å."""

    def call(first: int, second: int, image: Any = (0, 0, 0), height: float = 1.75, inwards: float = 0.2) -> Any:
        a, b = si001.positions[first], si001.positions[second] + np.asarray(image) @ si001.cell
        along = (b - a) * [1, 1, 0] / np.linalg.norm((b - a)[:2])
        c = np.array([a + height * UP + inwards * along, b + height * UP - inwards * along])
        return np.concatenate([c, [c[0] - 0.9 * along + 0.6 * UP, c[1] + 0.9 * along + 0.6 * UP]])

    return call


def name(features: Features, chemistry: Chemistry) -> str:
    return classify(features, chemistry).mode


def test_on_top_of_a_dimer(look: Any, sit: Any, chemistry: Chemistry) -> None:
    features = look(sit(12, 14))
    assert features.bonds == ("C0-Si12", "C1-Si14") and features.sites == ("on_top",)
    assert features.surface_bonds == 2 and features.groups == ("CC",) and not features.sublayer
    assert name(features, chemistry) == "on_top CC"


def test_on_top_of_a_dimer_far_outside_the_cell(look: Any, sit: Any, si001: Any) -> None:
    away = np.array([-3, 5, 0]) @ si001.cell
    assert look(sit(12, 14) + away) == look(sit(12, 14))


@pytest.mark.parametrize("image", [(0, 0, 0), (-1, 0, 0)])
def test_bridge_between_neighbouring_dimers_also_across_the_boundary(
    look: Any, sit: Any, chemistry: Chemistry, image: Any
) -> None:
    features = look(sit(12, 13, image, inwards=1.2))
    assert features.bonds == ("C0-Si12", "C1-Si13") and features.sites == ("bridge",)
    assert features.broken_bonds == 0 and name(features, chemistry) == "bridge CC"


def test_precursor_on_one_atom(look: Any, si001: Any, acetylene: Any, chemistry: Chemistry) -> None:
    features = look(acetylene[1] + si001.positions[12] + 2.1 * UP)
    assert features.bonds == ("C0-Si12", "C1-Si12") and features.sites == ("single",)
    assert name(features, chemistry) == "precursor"


def test_sublayer(look: Any, si001: Any, chemistry: Chemistry) -> None:
    c = si001.positions[8] + [0.0, 0.0, 2.0]  # second layer, top atoms are more than 2.3 Å away
    molecule = np.array([c, c + 1.2 * UP, c + 1.07 * UP[[0, 2, 1]], c + 2.27 * UP])
    features = look(molecule)
    assert features.sublayer and "C0-Si8" in features.bonds
    assert name(features, chemistry) == "sublayer"


def test_hydrogen_lost_to_the_slab(look: Any, sit: Any, si001: Any, chemistry: Chemistry) -> None:
    molecule = sit(12, 14)
    molecule[3] = si001.positions[15] + 1.5 * UP
    features = look(molecule)
    assert (features.h_lost, features.h_on_slab, features.fragments) == (1, 1, 1)
    assert "H3-Si15" in features.bonds and features.surface_bonds == 2
    assert name(features, chemistry) == "h_abstraction"


def test_hydrogen_close_to_the_slab_but_with_its_carbon_is_no_bond(
    look: Any, si001: Any, acetylene: Any, chemistry: Chemistry
) -> None:
    upright = acetylene[1][:, [1, 2, 0]]
    features = look(upright + si001.positions[12] + (1.67 + 1.6) * UP)
    assert features.bonds == () and not features.bound
    assert name(features, chemistry) == "intact"


def test_broken_backbone(look: Any, acetylene: Any, chemistry: Chemistry) -> None:
    apart = acetylene[1] + [0, 0, 25] + np.outer([-1, 1, -1, 1], [1, 0, 0])
    features = look(apart)
    assert (features.broken_bonds, features.h_lost, features.fragments) == (1, 0, 2)
    assert name(features, chemistry) == "backbone_broken"


def test_pieces_that_fly_apart_are_an_explosion(look: Any, chemistry: Chemistry) -> None:
    features = look(np.array([[0, 0, 20.0], [0, 0, 23.0], [0, 0, 26.0], [0, 0, 29.0]]))
    assert features.exploded and features.fragments == 4
    verdict = classify(features, chemistry)
    assert (verdict.mode, verdict.reason) == ("explosion", "in 4 pieces, 4 of them free")


def test_two_hydrogens_on_the_slab_are_no_explosion(look: Any, si001: Any, sit: Any) -> None:
    molecule = sit(12, 14)
    molecule[2:] = si001.positions[[13, 15]] + 1.5 * UP
    features = look(molecule)
    assert not features.exploded and (features.h_lost, features.h_on_slab, features.fragments) == (2, 2, 1)


def test_the_slabs_back_is_not_met_through_the_vacuum(look: Any, si001: Any, acetylene: Any) -> None:
    above = si001.positions[16] + si001.cell[2] - 2.0 * UP  # touches the next image's hydrogens from below
    assert look(acetylene[1] + above).bonds == ()


def test_two_groups_and_bonds_besides_them(si001: Any) -> None:
    """A chain C0≡C1-C2-C3≡C4 without hydrogens, judged by its table of bonds."""
    chain = np.arange(5)[:, None] * [1.4, 0, 0] + [0, 0, 25.0]
    groups = (ReactiveGroup("A", (0, 1)), ReactiveGroup("B", (3, 4)))
    chemistry = Chemistry(groups, load_catalogue())
    numbers = np.concatenate([si001.numbers, [6] * 5])
    start = np.concatenate([si001.positions, chain])
    one = Reactants.of(si001.slab, numbers, 24, si001.cell, si001.pbc, chemistry, start)
    table = one.table(start)[0]

    def modes(*bonds: tuple[int, int]) -> str:
        bound = table.copy()
        for atom, slab_atom in bonds:
            bound[atom, slab_atom] = True
        return classify(describe(one, bound), chemistry).mode

    assert modes((0, 12), (1, 14)) == "on_top A" and modes((3, 12), (4, 13)) == "bridge B"
    assert modes((0, 12), (1, 14), (3, 13), (4, 15)) == "double"
    assert modes((0, 12), (3, 13)) == "other"
    assert modes((0, 12), (1, 14), (4, 8)) == "sublayer_double"
    assert modes((2, 12)) == "other" and modes((0, 12), (1, 14), (2, 13)) == "other"
    assert modes((0, 12), (1, 14), (1, 15)) == "other"


def test_dissociation_of_hydrogen_on_copper() -> None:
    """H2 has no parent atom: its bond is the backbone and its atoms bind."""
    slab = fcc111("Cu", (3, 3, 4), vacuum=10, a=3.65)
    known = analyse(slab.numbers.astype(np.int64), slab.positions, slab.cell.array, slab.pbc)
    atoms = slab + Atoms("H2", [[0, 0, 25], [0.74, 0, 25]])
    chemistry = Chemistry((ReactiveGroup("HH", (0, 1)),), load_catalogue())
    one = Reactants.of(known, atoms.numbers, 36, slab.cell.array, slab.pbc, chemistry, atoms.positions)
    here = atoms.positions.copy()
    here[36:] = slab.positions[[27, 28]] + 1.55 * UP
    features = describe(one, one.table(here, one.table(atoms.positions)[0])[0])
    assert (features.h_lost, features.broken_bonds, features.surface_bonds) == (0, 1, 2)
    assert features.sites == ("bridge",) and features.bonds == ("H0-Cu27", "H1-Cu28")


def test_internal_temperature_is_equipartition() -> None:
    rng = np.random.default_rng(6)
    masses = rng.uniform(1, 20, 400)
    velocities = rng.normal(size=(400, 3)) * np.sqrt(BOLTZMANN * 500 * ACCELERATION / masses)[:, None]
    assert internal_temperature(masses, velocities) == pytest.approx(500, rel=0.05)
    assert internal_temperature(masses, velocities + 9.0) == pytest.approx(internal_temperature(masses, velocities))
    assert internal_temperature(masses[:1], velocities[:1]) == 0.0


def test_explosion_of_a_geometry() -> None:
    still = np.zeros((2, 3))
    assert explosion(still, still, 300, 3e4) == ""
    assert "not finite" in explosion(still * np.nan, still, 300, 3e4)
    assert explosion(still, still, 40000, 3e4) == "internal temperature of 40000 K"


def test_input_that_does_not_fit_is_refused(si001: Any, acetylene: Any, chemistry: Chemistry) -> None:
    numbers = np.concatenate([si001.numbers, acetylene[0]])
    start = np.concatenate([si001.positions, acetylene[1] + [0, 0, 25]])
    far = replace(chemistry, groups=(ReactiveGroup("CX", (0, 4)),))
    with pytest.raises(RefusedError, match="names atom 4, but the molecule's atoms are 0 to 3"):
        Reactants.of(si001.slab, numbers, 24, si001.cell, si001.pbc, far, start)
    torn = start.copy()
    torn[-1] += 3.0
    with pytest.raises(RefusedError, match="2 fragments"):
        Reactants.of(si001.slab, numbers, 24, si001.cell, si001.pbc, chemistry, torn)
    with pytest.raises(RefusedError, match="do not make a slab"):
        Reactants.of(si001.slab, numbers, 20, si001.cell, si001.pbc, chemistry, start)

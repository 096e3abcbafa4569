from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bcc100, bcc110, fcc100, fcc110, fcc111, hcp0001
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_mlgun.science.sites import place_of
from aiida_mlgun.science.slabs import Slab, analyse


def of(atoms: Atoms) -> Slab:
    return analyse(atoms.numbers.astype(np.int64), atoms.positions, atoms.cell.array, atoms.pbc)


FCC111 = {"top": 9, "bridge_site": 27, "fcc": 9, "hcp": 9}
CASES: dict[str, tuple[Atoms, dict[str, int]]] = {
    "fcc111": (fcc111("Cu", (3, 3, 4), a=3.65, vacuum=10), FCC111),
    "fcc111 orthogonal": (
        fcc111("Cu", (4, 4, 4), a=3.65, vacuum=10, orthogonal=True),
        {"top": 16, "bridge_site": 48, "fcc": 16, "hcp": 16},
    ),
    "fcc111 2x2": (fcc111("Cu", (2, 2, 3), a=3.65, vacuum=10), {"top": 4, "bridge_site": 12, "fcc": 4, "hcp": 4}),
    "two layers": (
        fcc111("Cu", (3, 3, 2), a=3.65, vacuum=10),
        {"top": 9, "bridge_site": 27, "hollow": 9, "hcp": 9},
    ),
    "one layer": (fcc111("Cu", (3, 3, 1), a=3.65, vacuum=10), {"top": 9, "bridge_site": 27, "hollow": 18}),
    "hcp0001": (hcp0001("Ru", (3, 3, 4), vacuum=10), {"top": 9, "bridge_site": 27, "hcp": 9, "hollow": 9}),
    "fcc100": (fcc100("Cu", (3, 3, 4), a=3.65, vacuum=10), {"top": 9, "bridge_site": 18, "fourfold": 9}),
    "fcc110": (fcc110("Cu", (3, 3, 4), a=3.65, vacuum=10), {"top": 9, "bridge_site": 18, "fourfold": 9}),
    "bcc100": (bcc100("Fe", (3, 3, 4), a=2.87, vacuum=10), {"top": 9, "bridge_site": 18, "fourfold": 9}),
    "bcc110": (bcc110("Fe", (3, 3, 4), a=2.87, vacuum=10), {"top": 9, "bridge_site": 27, "hollow": 18}),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("rattle", [0.0, 0.05])
def test_places_of_low_index_surfaces(name: str, rattle: float) -> None:
    atoms, kinds = CASES[name]
    atoms = atoms.copy()
    atoms.rattle(rattle, seed=1)
    assert Counter(site.kind for site in of(atoms).sites) == kinds


def test_what_lies_under_the_places_of_fcc111() -> None:
    atoms, _ = CASES["fcc111"]
    slab = of(atoms)
    spacing = 3.65 / np.sqrt(2)
    away = {"top": 0.0, "bridge_site": spacing / 2, "hcp": spacing / np.sqrt(3), "fcc": spacing / np.sqrt(3)}
    for site in slab.sites:
        probe = atoms + Atoms("H", [site.position])
        sideways = probe.get_distances(len(atoms), range(len(atoms)), mic=True, vector=True)[:, :2]
        nearest = [np.linalg.norm(sideways[slab.layer == depth], axis=1).min() for depth in range(3)]
        assert nearest[0] == pytest.approx(away[site.kind], abs=1e-6)
        assert (nearest[1] < 1e-6) == (site.kind == "hcp") and (nearest[2] < 1e-6) == (site.kind == "fcc")


def test_dimer_rows_of_silicon(si001: Any) -> None:
    kinds = Counter(site.kind for site in si001.slab.sites)
    assert kinds == {"top": 4, "bridge_site": 8, "fourfold": 4}
    assert {site.atoms for site in si001.slab.sites if site.kind == "bridge_site"} >= {(12, 14), (13, 15), (12, 13)}


def test_the_place_of_a_bound_atom() -> None:
    atoms, _ = CASES["fcc100"]
    slab = of(atoms)
    hollow = next(site for site in slab.sites if site.kind == "fourfold")
    corners = atoms.get_distances(hollow.atoms[0], list(hollow.atoms), mic=True)
    beside, across = hollow.atoms[int(np.argsort(corners)[1])], hollow.atoms[int(corners.argmax())]
    below = int(np.flatnonzero(slab.layer == 1)[0])

    def place(*bonded: int) -> str:
        return place_of(bonded, slab.layer, slab.sites)

    assert place(hollow.atoms[0]) == "top" and place(hollow.atoms[0], beside) == "bridge_site"
    assert place(*hollow.atoms) == place(*hollow.atoms[:3]) == place(hollow.atoms[0], across) == "fourfold"
    assert place(*hollow.atoms, below) == "fourfold" and place(below) == "below"
    far = [int(i) for i in np.flatnonzero(slab.layer == 0) if i not in hollow.atoms]
    assert place(*far, *hollow.atoms) == "no_site"


def test_two_hollows_of_the_same_atoms_are_just_a_hollow() -> None:
    slab = of(CASES["fcc111 2x2"][0])
    three = next(site for site in slab.sites if site.kind == "fcc").atoms
    assert place_of(three, slab.layer, slab.sites) == "hollow"


def test_without_periodicity_there_are_only_tops() -> None:
    atoms = CASES["fcc111"][0].copy()
    atoms.pbc = False
    assert {site.kind for site in of(atoms).sites} == {"top"}


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(["fcc111", "fcc100", "bcc110", "fcc111 orthogonal"]),
    by=st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
    seed=st.integers(0, 1000),
)
def test_places_do_not_depend_on_order_origin_or_wrapping(name: str, by: tuple[float, float], seed: int) -> None:
    atoms, _ = CASES[name]
    order = np.random.default_rng(seed).permutation(len(atoms))
    moved = atoms[order]
    moved.positions += np.asarray(by) @ atoms.cell.array[:2]
    moved.wrap()
    before = Counter((site.kind, site.atoms) for site in of(atoms).sites)
    after = Counter((site.kind, tuple(sorted(int(order[i]) for i in site.atoms))) for site in of(moved).sites)
    assert after == before

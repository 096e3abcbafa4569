from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.geometry import get_distances
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_mlgun.science.filters.near import at_least
from aiida_mlgun.science.frames import from_atoms
from aiida_mlgun.science.pairs import bond_lengths, displacement, has_closer_than


def crowd(seed: int, n: int = 6) -> Atoms:
    rng = np.random.default_rng(seed)
    cell = np.diag(rng.uniform(3, 6, 3)) + rng.uniform(-1.5, 1.5, (3, 3))
    return Atoms(f"Si{n}", rng.uniform(-6, 12, (n, 3)), cell=cell, pbc=rng.random(3) < 0.7)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.05, 1.4))
def test_close_atoms_are_those_of_a_full_search(seed: int, distance: float) -> None:
    images = [crowd(seed + k) for k in range(4)]
    expected = []
    for atoms in images:
        _, d = get_distances(atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        thin = 1 / np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)
        near = np.abs(d[np.triu_indices(len(atoms), 1)] - distance).min() < 1e-9
        if near or (thin < 2.9).any():  # images of images: a case of its own below
            return
        expected.append(bool((d[np.triu_indices(len(atoms), 1)] < distance).any()))
    assert has_closer_than(from_atoms(images), distance).tolist() == expected


def test_a_cell_thinner_than_the_distance_is_too_close_to_itself() -> None:
    thin = Atoms("Si", cell=[0.4, 5, 5], pbc=True)
    flat = Atoms("Si", cell=[0.4, 5, 5], pbc=[False, True, True])
    assert has_closer_than(from_atoms([thin, flat]), 0.5).tolist() == [True, False]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31))
def test_bond_lengths_are_ases(seed: int) -> None:
    atoms = crowd(seed)
    bonds = np.array([[0, 1], [2, 5], [3, 4]])
    found = bond_lengths(from_atoms([atoms, atoms]), bonds)
    expected = [atoms.get_distance(int(a), int(b), mic=True) for a, b in bonds]
    assert found[1] == pytest.approx(expected, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.floats(1e-3, 0.2))
def test_displacement_finds_the_best_renumbering_and_its_bound_lies_below(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    atoms = Atoms("Si4H3", rng.uniform(0, 9, (7, 3)), cell=[[9, 0, 0], [2, 9, 0], [1, 1, 9]], pbc=True)
    other = atoms.copy()
    step = rng.normal(size=(7, 3))
    other.positions += step * size / np.sqrt((step**2).sum() / 7)
    other = other[[2, 0, 3, 1, 6, 5, 4]]
    other.positions += rng.integers(-2, 3, (7, 3)) @ atoms.cell.array
    frames = from_atoms([atoms, other])
    found = displacement(frames.select([0]), frames.select([1]))
    assert found <= size * (1 + 1e-6)
    assert at_least(frames, np.array([[0, 1]]))[0] <= found * (1 + 1e-6) + 1e-9
    same = from_atoms([atoms, atoms])
    assert displacement(same.select([0]), same.select([1])) == pytest.approx(0, abs=1e-9)

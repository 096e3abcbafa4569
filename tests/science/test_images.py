from __future__ import annotations

import itertools

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.images import Lattice

ALL = np.array([True, True, True])
CELLS = {
    "orthogonal": np.diag([7.0, 8.0, 18.0]),
    "hexagonal": np.array([[7.7, 0, 0], [3.85, 6.7, 0], [0, 0, 20.0]]),
    "badly chosen": np.array([[7.7, 0, 0], [30.8 + 3.85, 6.7, 0], [0, 0, 20.0]]),
    "triclinic": np.array([[5.0, 0, 0], [1.5, 6.0, 0], [2.0, -1.0, 7.0]]),
}


def brute_force(vectors: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> np.ndarray:
    ranges = [range(-15, 16) if periodic else [0] for periodic in pbc]
    shifts = np.array(list(itertools.product(*ranges))) @ cell
    return np.linalg.norm(vectors[:, None] + shifts, axis=-1).min(axis=1)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("pbc", [[True, True, True], [True, True, False], [False, True, False], [False] * 3])
def test_nearest_image_is_the_shortest(name: str, pbc: list[bool]) -> None:
    vectors = np.random.default_rng(1).uniform(-12, 12, (15, 3))
    found = Lattice.of(CELLS[name], np.array(pbc)).nearest(vectors)
    assert np.linalg.norm(found, axis=1) == pytest.approx(brute_force(vectors, CELLS[name], np.array(pbc)))


def test_positions_far_outside_the_cell() -> None:
    lattice = Lattice.of(CELLS["hexagonal"], ALL)
    a = np.array([[0.1, 0.2, 0.3]])
    assert lattice.distances(a, a + [3, -2, 5] @ CELLS["hexagonal"])[0, 0] == pytest.approx(0, abs=1e-12)


def test_lateral_lattice_does_not_wrap_along_z() -> None:
    lattice = Lattice.lateral(CELLS["orthogonal"], ALL)
    assert lattice.nearest(np.array([6.5, 0.0, 17.5])) == pytest.approx([-0.5, 0.0, 17.5])


def test_shortest_vector_of_a_badly_chosen_cell() -> None:
    assert Lattice.lateral(CELLS["badly chosen"], ALL).shortest == pytest.approx(7.7)


def test_without_periodicity_the_shortest_vector_is_infinite() -> None:
    assert Lattice.of(np.zeros((3, 3)), ~ALL).shortest == np.inf


def test_flat_cell_is_refused() -> None:
    with pytest.raises(RefusedError, match="not independent"):
        Lattice.of(np.diag([5.0, 0.0, 5.0]), ALL)


def test_surface_must_lie_in_the_xy_plane() -> None:
    with pytest.raises(RefusedError, match="xy plane"):
        Lattice.lateral(np.array([[5.0, 0, 1.0], [0, 5, 0], [0, 0, 9]]), ALL)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("pbc", [[True, True, True], [True, True, False], [False, True, False], [False] * 3])
def test_distances_are_the_lengths_of_the_nearest_vectors(name: str, pbc: list[bool]) -> None:
    a, b = np.random.default_rng(7).normal(0, 20, (2, 12, 3))
    lattice = Lattice.of(CELLS[name], np.array(pbc))
    expected = np.linalg.norm(lattice.nearest(b[None] - a[:, None]), axis=-1)
    assert lattice.distances(a, b) == pytest.approx(expected, abs=1e-10)

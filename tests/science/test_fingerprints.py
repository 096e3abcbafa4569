from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_mlgun.science.fingerprints import GRID, geometry_hashes, wave_radius, waves
from aiida_mlgun.science.frames import from_atoms


def cell(seed: int = 0, skew: float = 1.5) -> Atoms:
    rng = np.random.default_rng(seed)
    atoms = Atoms("Si3C2H3", rng.uniform(0, 8, (8, 3)), cell=[[8, 0, 0], [skew, 9, 0], [0.5, -skew, 10]], pbc=True)
    return atoms


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 2**31))
def test_renumbering_and_lattice_translations_change_nothing(seed: int, moves: int) -> None:
    rng = np.random.default_rng(moves)
    atoms = cell(seed)
    other = atoms[rng.permutation(len(atoms))]
    other.positions += rng.integers(-3, 4, (len(atoms), 3)) @ atoms.cell.array
    one, two = geometry_hashes(from_atoms([atoms, other]))
    assert one == two
    assert np.allclose(*waves(from_atoms([atoms, other])), atol=1e-8)


@pytest.mark.parametrize("change", ["position", "species", "cell", "pbc", "mirror"])
def test_other_geometries_have_other_hashes(change: str) -> None:
    atoms, other = cell(), cell()
    if change == "position":
        other.positions[2, 1] += 2 * GRID
    elif change == "species":
        other.numbers[[0, 3]] = other.numbers[[3, 0]]
    elif change == "cell":
        other.cell[2, 2] += 2 * GRID
    elif change == "pbc":
        other.pbc = [True, True, False]
    else:
        other.positions[:, 0] *= -1
    one, two = geometry_hashes(from_atoms([atoms, other]))
    assert one != two


def test_directions_without_periodicity_do_not_wrap() -> None:
    slab = Atoms("SiH", [(0, 0, 1), (1, 1, 3)], cell=[5, 5, 12], pbc=[True, True, False])
    beside, above = slab.copy(), slab.copy()
    beside.positions[1] += [5, -5, 0]
    above.positions[1] += [0, 0, 12]
    hashes = geometry_hashes(from_atoms([slab, beside, above]))
    assert hashes[0] == hashes[1] != hashes[2]


def test_rounding_in_a_file_changes_nothing() -> None:
    for seed in range(50):
        atoms, short = cell(seed), cell(seed)
        short.positions = np.round(short.positions, 10)
        one, two = geometry_hashes(from_atoms([atoms, short]))
        assert one == two


def test_a_thousand_random_frames_all_differ() -> None:
    atoms = bulk("Si", cubic=True)
    rng = np.random.default_rng(1)
    images = []
    for _ in range(1000):
        image = atoms.copy()
        image.positions += rng.normal(scale=0.01, size=image.positions.shape)
        images.append(image)
    assert len(set(geometry_hashes(from_atoms(images)))) == 1000


def test_molecules_without_a_cell_have_a_hash() -> None:
    one, two, three = (
        Atoms("H2", [(0, 0, 0), (0, 0, 0.7)]),
        Atoms("H2", [(0, 0, 0.7), (0, 0, 0)]),
        Atoms("H2", [(0, 0, 0), (0, 0.7, 0)]),
    )
    hashes = geometry_hashes(from_atoms([one, two, three]))
    assert hashes[0] == hashes[1] != hashes[2]
    assert geometry_hashes(from_atoms([one]).select([])) == []


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.floats(1e-4, 0.3))
def test_no_frame_within_the_displacement_lies_outside_the_radius(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    atoms, other = cell(seed), cell(seed)
    step = rng.normal(size=(len(atoms), 3))
    step[0] *= rng.choice([1, 30])  # one atom may take it all
    step *= size / np.sqrt((step**2).sum() / len(atoms))
    other.positions += step
    frames = from_atoms([atoms, other])
    sums = waves(frames)
    assert np.linalg.norm(sums[0] - sums[1]) <= wave_radius(frames, size)[0] * (1 + 1e-9)

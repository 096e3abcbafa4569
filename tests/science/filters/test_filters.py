from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from aiida_mlgun.science.filters import (
    AboveForce,
    BondFission,
    Book,
    Conflicts,
    Duplicates,
    EnergyOutliers,
    Filter,
    NearDuplicates,
    Strays,
    TooClose,
    Unconverged,
    WithoutLabels,
)
from aiida_mlgun.science.frames import Frames, concatenate, from_atoms

from .chain import dropped

MakeFrames = Callable[..., Frames]


def test_frames_without_labels_are_found(make_frames: MakeFrames) -> None:
    frames = make_frames(4)
    energy, forces = frames.energy.copy(), frames.forces.copy()
    energy[1], forces[5, 2] = np.nan, np.inf
    assert dropped(WithoutLabels(), replace(frames, energy=energy, forces=forces)) == [1, 2]
    assert dropped(WithoutLabels(), replace(frames, forces=None)) == [0, 1, 2, 3]


def test_unconverged_frames_are_found(make_frames: MakeFrames) -> None:
    frames = make_frames(3).with_tag("scf_converged", ["True", "False", "F"])
    assert dropped(Unconverged(), frames) == [1, 2]


def test_a_force_above_the_ceiling_is_found(make_frames: MakeFrames) -> None:
    frames = make_frames(3)
    forces = frames.forces.copy()
    forces[3, 1] = -60.0
    assert dropped(AboveForce(50.0), replace(frames, forces=forces)) == [1]
    assert dropped(AboveForce(50.0), replace(frames, forces=None)) == []


def test_close_atoms_are_found_across_the_boundary() -> None:
    across = Atoms("H2", [(0.1, 4, 4), (7.8, 4, 4)], cell=[8, 8, 8], pbc=True)
    apart = Atoms("H2", [(0.1, 4, 4), (7.8, 4, 4)], cell=[8, 8, 8], pbc=False)
    assert dropped(TooClose(0.5), from_atoms([across, apart, Atoms("H")])) == [0]


def test_an_atom_far_outside_is_a_stray() -> None:
    cell, pbc = [8, 8, 20], [True, True, False]
    inside = Atoms("Si2H", [(0, 0, 1), (4, 4, 1), (1, 1, 25)], cell=cell, pbc=pbc)  # 5 Å above the cell
    outside = Atoms("Si2H", [(0, 0, 1), (4, 4, 1), (1, 1, 75)], cell=cell, pbc=pbc)
    below = Atoms("Si2H", [(0, -60, 1), (4, 4, 1), (1, 1, 5)], cell=cell, pbc=pbc)
    bare, gone = Atoms("CH2", [(90, 0, 0), (91, 0, 0), (90, 1, 0)]), Atoms("CH2", [(0, 0, 0), (1, 0, 0), (0, 70, 0)])
    assert dropped(Strays(50.0), from_atoms([inside, outside, below, bare, gone])) == [1, 2, 4]
    assert dropped(Strays(4.9), from_atoms([inside])) == [0]


def test_an_energy_outlier_is_one_of_its_own_composition(make_frames: MakeFrames) -> None:
    h2, co = make_frames(20), make_frames(20, Atoms("CO", [(0, 0, 0), (1.1, 0, 0)], cell=[9, 9, 9]), seed=1)
    frames = concatenate([h2, replace(co, energy=co.energy - 500.0)])
    assert dropped(EnergyOutliers(20.0), frames) == []
    energy = frames.energy.copy()
    energy[25] += 40.0
    assert dropped(EnergyOutliers(20.0), replace(frames, energy=energy)) == [25]
    few = replace(frames, energy=energy).select(np.arange(24, 31))  # seven: too few to judge
    assert dropped(EnergyOutliers(20.0), few) == []


def test_the_second_of_two_equal_frames_is_the_duplicate(make_frames: MakeFrames) -> None:
    frames = make_frames(3)
    assert dropped(Duplicates(Book()), frames.select([0, 1, 0, 2, 1])) == [2, 4]
    assert dropped(Duplicates(Book()), frames.select([0, 0, 0]), alive=np.array([False, True, True])) == [2]


def test_a_renumbered_and_shifted_copy_is_a_duplicate(make_frames: MakeFrames) -> None:
    frames = make_frames(1, molecule("CH4", cell=[7, 8, 9], pbc=True))
    copy = frames.positions[[0, 3, 1, 4, 2]] + np.array([[7, 0, 0], [0, -8, 0], [0, 0, 9], [-14, 0, 0], [0, 0, 0]])
    both = concatenate([frames, replace(frames, positions=copy)])
    assert dropped(Duplicates(Book()), both) == [1]


def test_contradicting_energies_of_one_geometry_fall_together(make_frames: MakeFrames) -> None:
    frames = make_frames(3).select([0, 1, 0, 2, 1])
    energy = frames.energy.copy()
    energy[2] += 0.01  # 5 meV/atom
    assert dropped(Conflicts(1e-3, Book()), replace(frames, energy=energy)) == [0, 2]
    assert dropped(Conflicts(1e-2, Book()), replace(frames, energy=energy)) == []


def test_near_duplicates_fall_whatever_their_numbering() -> None:
    rng = np.random.default_rng(3)
    slab = bulk("Si", cubic=True).repeat((2, 2, 1))
    images = []
    for _ in range(6):
        image = slab.copy()
        image.positions += rng.normal(scale=0.05, size=(len(slab), 3))
        images.append(image)
    close, order = images[1].copy(), rng.permutation(len(slab))
    close.positions += rng.normal(scale=2e-4, size=(len(slab), 3))
    renumbered = images[2][order]
    renumbered.positions += 3e-4 + renumbered.cell[0]
    far = images[3].copy()
    far.positions += 0.01 / np.sqrt(3)  # moved as a whole, 0.01 Å
    frames = from_atoms([*images, close, renumbered, far])
    assert dropped(NearDuplicates(1e-3), frames) == [6, 7]
    assert dropped(NearDuplicates(0.0101), frames) == [6, 7, 8]
    assert dropped(Duplicates(Book()), frames.select([0, 1, 2])) == []


def test_near_duplicates_of_a_dropped_frame_stay() -> None:
    chain = [Atoms("H2", [(0, 0, 0), (0.7 + 0.001 * k, 0, 0)], cell=[6, 6, 6], pbc=True) for k in range(4)]
    # each lies 0.0007 Å (rms) from the next: the second falls to the first, the third has only the first left, too far
    assert dropped(NearDuplicates(0.001), from_atoms(chain)) == [1, 3]


def _ch4(stretch: float) -> Atoms:
    atoms = molecule("CH4", cell=[10, 10, 10], pbc=True)
    atoms.positions[1] = atoms.positions[0] + stretch * (atoms.positions[1] - atoms.positions[0])
    return atoms


@pytest.mark.parametrize("chunk", [1, 2, 6])
def test_bond_fission_drops_the_frame_and_the_rest_of_its_run(chunk: int) -> None:
    runs = [("a", 1.0), ("a", 1.1), ("b", 1.0), ("a", 2.0), ("a", 1.0), ("b", 1.2)]
    frames = from_atoms([_ch4(s) for _, s in runs], {"run": [r for r, _ in runs]})
    assert dropped(BondFission([("C", "H")], 1.5), frames, chunk) == [3, 4]
    assert dropped(BondFission([("C", "H")], 1.5, rest_of_run=False), frames, chunk) == [3]
    assert dropped(BondFission([("C", "C")], 1.5), frames, chunk) == []


def test_a_frame_without_a_run_falls_alone() -> None:
    frames = from_atoms([_ch4(1.0), _ch4(2.0), _ch4(1.0)], {"run": ["", "", ""]})
    assert dropped(BondFission([("H", "C")], 1.5), frames) == [1]


def test_a_frame_without_a_run_is_compared_with_the_first_of_its_atoms_in_any_run() -> None:
    frames = from_atoms([_ch4(1.0), _ch4(2.0), _ch4(1.0)], {"run": ["a", "", ""]})
    assert dropped(BondFission([("H", "C")], 1.5), frames) == [1]


def test_the_runs_first_frame_is_the_reference_even_if_it_was_dropped() -> None:
    frames = from_atoms([_ch4(1.0), _ch4(2.0), _ch4(1.0)], {"run": ["a"] * 3})
    assert dropped(BondFission([("H", "C")], 1.5), frames, alive=np.array([False, True, True])) == [1, 2]


@pytest.mark.parametrize(
    "one",
    [
        WithoutLabels(),
        Unconverged(),
        Strays(50.0),
        TooClose(0.5),
        BondFission([("C", "H")], 1.4),
        AboveForce(50.0),
        EnergyOutliers(20.0),
        Conflicts(1e-3, Book()),
        Duplicates(Book()),
        NearDuplicates(1e-3),
    ],
    ids=lambda one: one.name,
)
def test_good_frames_of_all_kinds_pass(one: Filter, make_frames: MakeFrames) -> None:
    frames = concatenate([make_frames(9), make_frames(9, molecule("CH4", cell=[9, 9, 9], pbc=True), seed=2)])
    assert dropped(one, frames) == []
    assert all(isinstance(value, float | list | str) for value in one.parameters().values())

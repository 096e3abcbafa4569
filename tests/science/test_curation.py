from __future__ import annotations

from dataclasses import replace

import numpy as np
from ase import Atoms
from ase.build import molecule

from aiida_mlgun.science import curation
from aiida_mlgun.science.frames import concatenate, from_atoms


def test_frames_without_labels_are_found(make_frames) -> None:
    frames = make_frames(4)
    energy, forces = frames.energy.copy(), frames.forces.copy()
    energy[1], forces[5, 2] = np.nan, np.inf
    assert curation.without_labels(replace(frames, energy=energy, forces=forces)).tolist() == [False, True, True, False]
    assert curation.without_labels(replace(frames, forces=None)).all()


def test_unconverged_frames_are_found(make_frames) -> None:
    frames = make_frames(3).with_tag("scf_converged", ["True", "False", "F"])
    assert curation.unconverged(frames).tolist() == [False, True, True]


def test_a_force_above_the_ceiling_is_found(make_frames) -> None:
    frames = make_frames(3)
    forces = frames.forces.copy()
    forces[3, 1] = -60.0
    assert curation.above_force(replace(frames, forces=forces), 50.0).tolist() == [False, True, False]


def test_close_atoms_are_found_across_the_boundary() -> None:
    across = Atoms("H2", [(0.1, 4, 4), (7.8, 4, 4)], cell=[8, 8, 8], pbc=True)
    apart = Atoms("H2", [(0.1, 4, 4), (7.8, 4, 4)], cell=[8, 8, 8], pbc=False)
    assert curation.too_close(from_atoms([across, apart, Atoms("H")]), 0.5).tolist() == [True, False, False]


def test_an_energy_outlier_is_one_of_its_own_composition(make_frames) -> None:
    h2, co = make_frames(20), make_frames(20, Atoms("CO", [(0, 0, 0), (1.1, 0, 0)], cell=[9, 9, 9]), seed=1)
    frames = concatenate([h2, replace(co, energy=co.energy - 500.0)])
    assert not curation.energy_outliers(frames, 20.0).any()
    energy = frames.energy.copy()
    energy[25] += 40.0
    assert np.flatnonzero(curation.energy_outliers(replace(frames, energy=energy), 20.0)).tolist() == [25]


def test_the_second_of_two_equal_frames_is_the_duplicate(make_frames) -> None:
    frames = make_frames(3)
    assert curation.duplicates(frames.select([0, 1, 0, 2, 1])).tolist() == [False, False, True, False, True]


def _ch4(stretch: float) -> Atoms:
    atoms = molecule("CH4", cell=[10, 10, 10], pbc=True)
    atoms.positions[1] = atoms.positions[0] + stretch * (atoms.positions[1] - atoms.positions[0])
    return atoms


def test_bond_fission_drops_the_frame_and_the_rest_of_its_run() -> None:
    runs = [("a", 1.0), ("a", 1.1), ("a", 2.0), ("a", 1.0), ("b", 1.0), ("b", 1.2)]
    frames = from_atoms([_ch4(s) for _, s in runs], {"run": [r for r, _ in runs]})
    assert curation.bond_fission(frames, [("C", "H")], 1.5).tolist() == [False, False, True, True, False, False]
    assert not curation.bond_fission(frames, [("C", "C")], 1.5).any()


def test_a_frame_without_a_run_falls_alone() -> None:
    frames = from_atoms([_ch4(1.0), _ch4(2.0), _ch4(1.0)], {"run": ["", "", ""]})
    assert curation.bond_fission(frames, [("H", "C")], 1.5).tolist() == [False, True, False]

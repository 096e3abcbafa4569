from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from aiida_mlgun.science.e0s import estimated_e0s
from aiida_mlgun.science.frames import from_atoms


def test_a_shift_per_element_is_found_exactly() -> None:
    frames = from_atoms([molecule("CH4"), molecule("C2H2"), molecule("H2"), Atoms("C")])
    counts = np.array([[4, 1], [2, 2], [2, 0], [0, 1]])
    predicted = np.array([-20.0, -18.0, -6.0, -1.0])
    labelled = replace(frames, energy=predicted + counts @ [-13.0, -37.0])
    parent = {"H": 1.0, "C": 2.0, "O": 3.0}
    assert estimated_e0s(labelled, predicted, parent) == pytest.approx({"H": -12.0, "C": -35.0, "O": 3.0})


def test_one_composition_gets_the_smallest_shift() -> None:
    frames = replace(from_atoms([molecule("H2O")]), energy=np.array([-15.0]))
    found = estimated_e0s(frames, np.array([-10.0]), {"H": 0.0, "O": 0.0})
    assert 2 * found["H"] + found["O"] == pytest.approx(-5.0)
    assert found["H"] == pytest.approx(2 * found["O"])

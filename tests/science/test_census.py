from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science import curation
from aiida_mlgun.science.census import Census
from aiida_mlgun.science.frames import Frames, concatenate

MakeFrames = Callable[..., Frames]
CO = Atoms("CO", [(0, 0, 0), (1.1, 0, 0)], cell=[9, 9, 9])
OHCO = Atoms("OHCO", [(0, 0, 0), (1.1, 0, 0), (0, 1.1, 0), (0, 0, 1.2)], cell=[9, 9, 9])


@pytest.fixture
def census(make_frames: MakeFrames) -> Census:
    """Four H2 in stratum a, three CO in b, two OHCO without a stratum; energies −1 eV per H, −3 per C, −5 per O."""
    h2 = make_frames(4, stratum="a", run="r1")
    co = make_frames(3, CO, seed=1, stratum="b", level="PBE")
    ohc = make_frames(2, OHCO, seed=2)
    found = Census()
    for frames, energy in ((h2, -2.0), (co, -8.0), (ohc, -14.0)):
        found.enter(replace(frames, energy=np.full(len(frames), energy)))
    return found


def test_columns_and_words(census: Census) -> None:
    assert len(census) == 9
    assert census.symbols == ["H", "C", "O"]
    assert census.counts(np.array([0, 4, 8])).tolist() == [[2, 0, 0], [0, 1, 1], [1, 1, 2]]
    assert census.tag("stratum").tolist() == ["a"] * 4 + ["b"] * 3 + [""] * 2
    assert census.words("level", np.arange(9)) == ["PBE"]
    assert census.words("level", np.arange(4)) == []
    assert census.formulas(np.arange(9)) == {"H2": 4, "CO": 3, "HCO2": 2}


def test_the_largest_force_is_a_component(make_frames: MakeFrames) -> None:
    frames = make_frames(3)
    forces = frames.forces.copy()
    forces[2, 1] = -7.5
    found = Census()
    found.enter(replace(frames, forces=forces))
    found.enter(replace(frames, forces=None))
    column = found.column("max_force")
    assert column[1] == 7.5
    assert np.isnan(column[3:]).all()


def test_least_squares_recovers_the_reference_energies_and_leaves_nothing(census: Census) -> None:
    values, report = curation.reference_energies(census, np.arange(9), "least_squares", {}, None)
    assert values == pytest.approx({"H": -1.0, "C": -3.0, "O": -5.0}, abs=1e-9)
    assert report["rmse"] == pytest.approx(0, abs=1e-9)
    assert set(report["strata"]) == {"", "a", "b"}


def test_compositions_that_leave_an_element_open_are_refused(census: Census) -> None:
    with pytest.raises(RefusedError, match="2 different compositions of H, C, O fix 2 of 3") as caught:
        curation.reference_energies(census, np.arange(7), "least_squares", {}, None)
    assert caught.value.status == "e0_missing"


def test_given_and_isolated_energies_leave_binding_energies(census: Census) -> None:
    isolated = {"H": 0.0, "C": -3.0, "O": -5.0}
    _, report = curation.reference_energies(census, np.arange(9), "isolated", isolated, None)
    assert report["strata"] == pytest.approx({"a": 1.0, "b": 0.0, "": 1 / 4})
    assert report["max_abs"] == pytest.approx(1.0)
    values, report = curation.reference_energies(census, np.arange(4), "given", {}, {"H": -1.0})
    assert (values, report["method"], report["rmse"]) == ({"H": -1.0}, "given", 0.0)
    _, report = curation.reference_energies(census, np.arange(9), "isolated", {"H": -1.0}, None)
    assert report["rmse"] is None
    energy, quantity = curation.energy_per_atom(census, {"H": -1.0})
    assert quantity == "E per atom"
    assert energy[0] == -1.0


def test_the_table_of_strata(census: Census) -> None:
    energy, quantity = curation.energy_per_atom(census, {"H": 0.0, "C": -3.0, "O": -5.0})
    assert quantity == "E - sum of E0s, per atom"
    sides = {"train": np.array([0, 1, 4]), "test": np.array([5])}
    kept = np.array([0, 1, 4, 5])
    table = curation.strata_table(census, energy, sides, kept, np.arange(9))
    assert table["a"] | {"max_force": None} == {
        "raw": 4,
        "kept": 2,
        "train": 2,
        "test": 0,
        "formulas": {"H2": 2},
        "energy_per_atom": [-1.0, -1.0, -1.0],
        "max_force": None,
    }
    assert table[""]["kept"] == 0 and table[""]["energy_per_atom"] is None
    assert table["b"]["test"] == 1


def test_histograms_count_every_frame() -> None:
    values = np.array([0.0, 1.0, 2.0, 500.0, np.nan, -500.0])
    found = curation.histogram(values, np.arange(6), np.arange(3))
    assert found is not None
    assert sum(found["raw"]) == 5
    assert sum(found["kept"]) == 3
    assert (found["raw"][0], found["raw"][-1]) == (2, 1)  # 0 and −500 in the first bin: no energy below zero is kept
    assert curation.histogram(values, np.arange(6), np.array([4])) is None


def test_frames_of_a_kind_that_was_never_seen(make_frames: MakeFrames) -> None:
    found = Census()
    found.enter(concatenate([make_frames(1), make_frames(1, CO)]))
    assert found.formulas(np.empty(0, dtype=np.int64)) == {}

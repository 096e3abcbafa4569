from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from aiida import orm
from ase import Atoms, units

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.data.harvesting.sources import Source, read_source, read_sources
from aiida_mlgun.data.harvesting.units import factor
from tests.harvest_nodes import PW, pw_inputs, pw_outputs, structure, trajectory

CELL = np.array([[5.0, 0.0, 0.0], [1.0, 6.0, 0.0], [0.0, 0.0, 7.0]])
SYMBOLS = ["Si", "H"]
START = np.array([[0.2, 0.3, 0.1], [1.1, 1.2, 1.6]])
PATH = np.stack([START, START + 0.05, START + np.array([[0.1, 0.0, 0.0], [0.0, -0.1, 0.0]])])
FORCES = np.arange(18, dtype=float).reshape(3, 2, 3) / 10
ENERGY = np.array([-10.5, -10.6, -10.7])
STRESS = np.tile(np.diag([1.0, 2.0, 3.0]), (3, 1, 1))
STATUS = {"finished": True, "electronic_converged": True, "ionic_converged": True, "contains_nelm_breach": False}


@pytest.fixture(autouse=True)
def profile(aiida_profile: Any) -> None:
    pass


def atoms(positions: Any = START) -> Atoms:
    return Atoms(SYMBOLS, positions, cell=CELL, pbc=True)


def vasp(fractions: bool = True, **others: orm.Data) -> dict[str, Any]:
    positions = np.linalg.solve(CELL.T, PATH.reshape(-1, 3).T).T.reshape(PATH.shape) % 1 if fractions else PATH
    arrays = {"positions": positions, "cells": np.tile(CELL, (3, 1, 1)), "forces": FORCES, "stress": STRESS}
    energies = orm.ArrayData(
        {
            "energy_extrapolated": ENERGY,
            "energy_extrapolated_electronic": ENERGY,
            "electronic_steps": np.array([9, 60, 8]),
        }
    )
    nodes = {
        "trajectory": trajectory(SYMBOLS, arrays | {"steps": np.arange(3)}),
        "energies": energies,
        "misc": orm.Dict({"run_status": STATUS, "total_energies": {"energy_extrapolated": -10.7}}),
        "structure": structure(atoms(PATH[-1])),
        "input_structure": structure(atoms()),
        "input_parameters": orm.Dict({"incar": {"NSW": 3, "ibrion": 2}}),
    }
    return nodes | others


def taken(nodes: dict[str, Any], level: str = "") -> Any:
    return read_source(Source("Calc<7>", "run7", nodes), "slab", level)


def test_vasp_positions_are_fractions_and_stress_is_in_kbar() -> None:
    frames, entry = taken(vasp())
    for i in range(3):
        unfolded = np.linalg.solve(CELL.T, (frames.positions.reshape(3, 2, 3)[i] - PATH[i]).T)
        assert unfolded == pytest.approx(np.round(unfolded), abs=1e-9)
    assert frames.forces == pytest.approx(FORCES.reshape(-1, 3))
    assert frames.energy == pytest.approx(ENERGY)
    assert frames.stress[0] == pytest.approx(-1e-4 * 6.24150907 * np.array([1, 2, 3, 0, 0, 0]), rel=1e-6)
    assert frames.tag("scf_converged").tolist() == ["True", "False", "True"]
    assert frames.tag("run").tolist() == ["run7"] * 3
    assert entry.names == {
        "energy": "energies.energy_extrapolated",
        "forces": "trajectory.forces",
        "stress": "trajectory.stress",
    }


def test_vasp_positions_in_angstrom_are_seen_to_be_so() -> None:
    assert taken(vasp(fractions=False))[0].positions.reshape(3, 2, 3) == pytest.approx(PATH)


def test_vasp_geometries_that_agree_with_no_structure_are_refused() -> None:
    elsewhere = structure(atoms(START + np.array([[0.3, 0, 0], [0, 0, 0]])))
    with pytest.raises(RefusedError, match="Calc<7>: whether the positions of its trajectory are fractions or Å"):
        taken(vasp(structure=elsewhere, input_structure=elsewhere))


def test_vasp_energy_of_which_forces_are_the_derivative_comes_first() -> None:
    newer = orm.ArrayData({"energies_energy_free": ENERGY - 0.01, "energies_energy_extrapolated": ENERGY})
    nodes = vasp(arrays=newer)
    del nodes["energies"]
    frames, entry = taken(nodes)
    assert frames.energy == pytest.approx(ENERGY - 0.01)
    assert entry.names["energy"] == "arrays.energies_energy_free"
    assert frames.tag("scf_converged").tolist() == ["True"] * 3


def test_vasp_5_entropy_in_place_of_the_energy_is_refused() -> None:
    wrong = orm.ArrayData({"energy_extrapolated": ENERGY * 0 - 5e-4, "energy_extrapolated_electronic": ENERGY})
    with pytest.raises(RefusedError, match="that is no total energy"):
        taken(vasp(energies=wrong))


def single(**others: Any) -> dict[str, Any]:
    misc = {
        "run_status": STATUS | {"ionic_converged": None},
        "total_energies": {"energy_extrapolated": -10.5, "energy_extrapolated_electronic": -10.5},
        "forces": FORCES[0].tolist(),
        "stress": STRESS[0].tolist(),
    }
    return {
        "misc": orm.Dict(misc),
        "input_structure": structure(atoms()),
        "input_parameters": orm.Dict({"NSW": 0}),
    } | others


def test_vasp_single_point_without_trajectory() -> None:
    frames, entry = taken(single())
    assert (len(frames), frames.energy[0]) == (1, -10.5)
    assert frames.positions == pytest.approx(START)
    assert frames.forces == pytest.approx(FORCES[0])
    assert entry.names == {
        "energy": "misc.total_energies.energy_extrapolated",
        "forces": "misc.forces",
        "stress": "misc.stress",
    }
    older = single(forces=orm.ArrayData({"final": FORCES[1]}))
    assert taken(older)[0].forces == pytest.approx(FORCES[1])


def test_vasp_last_geometry_of_a_relaxation_counts_when_converged() -> None:
    moving = {"input_parameters": orm.Dict({"incar": {"nsw": 5, "ibrion": 2}}), "structure": structure(atoms(PATH[2]))}
    with pytest.raises(RefusedError, match="to which geometry its forces belong cannot be told"):
        taken(single(**moving))
    nodes = single(**moving)
    nodes["misc"] = orm.Dict(nodes["misc"].get_dict() | {"run_status": STATUS})
    frames, _ = taken(nodes)
    assert frames.positions == pytest.approx(PATH[2])
    assert frames.tag("step").tolist() == ["last"]


def test_vasp_without_forces_or_unfinished_is_refused() -> None:
    with pytest.raises(RefusedError, match="Calc<7>: no forces among its outputs; have the parser add"):
        taken({"misc": orm.Dict({"total_energies": {"energy_extrapolated": -1.0}})})
    with pytest.raises(RefusedError, match="VASP did not finish"):
        taken(vasp(misc=orm.Dict({"run_status": STATUS | {"finished": False}})))


def cp2k(
    cells: bool = False, motion: dict[str, Any] | None = None, run_type: str = "MD", **arrays: Any
) -> dict[str, Any]:
    stored = {"positions": PATH, "steps": np.array([0, 5, 10]), "energies": ENERGY, "forces": FORCES} | arrays
    if cells:
        stored["cells"] = np.tile(CELL * 1.01, (3, 1, 1))
    settings = {"GLOBAL": {"RUN_TYPE": run_type}, "MOTION": {"MD": {"ENSEMBLE": "NVE"}} | (motion or {})}
    info = {"scf_converged": [True, False, True]}
    return {
        "output_trajectory": trajectory(SYMBOLS, {k: v for k, v in stored.items() if v is not None}),
        "output_parameters": orm.Dict({"energy": -10.7, "energy_units": "a.u.", "motion_step_info": info}),
        "output_structure": structure(atoms(PATH[-1])),
        "input_structure": structure(atoms()),
        "input_parameters": orm.Dict(settings),
    }


def test_cp2k_atomic_units_become_ev_and_angstrom() -> None:
    frames, entry = taken(cp2k(), level="BLYP")
    assert entry.kind == "CP2K"
    assert frames.energy == pytest.approx(ENERGY * 27.211386, rel=1e-7)
    assert frames.forces == pytest.approx(FORCES.reshape(-1, 3) * 51.4220670, rel=1e-7)
    assert frames.positions.reshape(3, 2, 3) == pytest.approx(PATH)
    assert frames.cell[2] == pytest.approx(CELL)
    assert frames.tag("step").tolist() == ["0", "5", "10"]
    assert frames.tag("scf_converged").tolist() == ["True", "False", "True"]
    assert frames.tag("level").tolist() == ["BLYP"] * 3
    assert taken(cp2k(cells=True))[0].cell[0] == pytest.approx(CELL * 1.01)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"forces": None}, "no forces among its outputs; print MOTION/PRINT/FORCES"),
        ({"run_type": "GEO_OPT"}, "its run type is GEO_OPT; frames are taken from MD runs"),
        ({"motion": {"PRINT": {"FORCES": {"UNIT": "eV*angstrom^-1"}}}}, "MOTION/PRINT/FORCES/UNIT is ev\\*angstrom"),
        ({"motion": {"MD": {"ENSEMBLE": "NPT_F"}}}, "its cell moves, and was not printed"),
        ({"forces": FORCES[:2]}, "positions .* has shape|need"),
    ],
)
def test_cp2k_refusals(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        taken(cp2k(**changes))


def plain(**attributes: Any) -> dict[str, Any]:
    arrays = {"positions": PATH, "cells": np.tile(CELL, (3, 1, 1)), "steps": np.arange(3)}
    labels = {"energy": ENERGY, "forces": FORCES, "velocities": FORCES, "stress": STRESS}
    return {"anything": trajectory(SYMBOLS, arrays | labels, pbc=[True, True, False], **attributes)}


def test_a_trajectory_that_says_its_units() -> None:
    said = {"units|energy": "Ry", "units|forces": "Ry/bohr", "units|velocities": "a.u."}
    frames, entry = taken(plain(**said))
    assert frames.energy == pytest.approx(ENERGY * 13.605693, rel=1e-7)
    assert frames.forces == pytest.approx(FORCES.reshape(-1, 3) * 25.7110335, rel=1e-7)
    assert frames.velocities == pytest.approx(FORCES.reshape(-1, 3) * 21.8769126, rel=1e-6)
    assert frames.pbc[0].tolist() == [True, True, False]
    assert entry.notes == ("stress left out: no convention tells its sign",)


def test_a_trajectory_without_units_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"attribute 'units\|energy'\) does not say the unit"):
        taken(plain())
    with pytest.raises(RefusedError, match="'furlong' is no known unit of forces; known are ev/angstrom"):
        taken(plain(**{"units|energy": "eV", "units|forces": "furlong"}))
    bare = {"t": trajectory(SYMBOLS, {"positions": PATH, "steps": np.arange(3)})}
    with pytest.raises(RefusedError, match="has no energy; its arrays are positions, steps"):
        taken(bare)


def test_outputs_that_nobody_knows() -> None:
    with pytest.raises(RefusedError, match=r"Calc<7>: no trajectory and no forces among its outputs \(bands\)"):
        taken({"bands": orm.Dict({}), "input_structure": structure(atoms())})


def test_units_agree_with_their_definition() -> None:
    assert factor("velocities", "angstrom/ps", "x") == 1e-3
    assert factor("velocities", "a.u.", "x") == pytest.approx(units.Bohr * units.fs / units.AUT)
    assert factor("stress", "GPascal", "x") == pytest.approx(10 * factor("stress", "kbar", "x"))


def pw_source() -> Source:
    nodes = pw_outputs() | {f"input_{name}": node for name, node in pw_inputs().items()}
    return Source("Pw<1>", "pw", nodes)


def test_what_must_not_be_mixed() -> None:
    vasp_source = Source("Vasp<2>", "v", vasp())
    with pytest.raises(RefusedError, match="the outputs of Vasp<2> do not say its level of theory beside 'PBE"):
        read_sources([pw_source(), vasp_source])
    with pytest.raises(RefusedError, match="these are of different codes"):
        read_sources([pw_source(), vasp_source], level="PBE")
    other = pw_source()
    parameters = other.nodes["output_parameters"].get_dict() | {"dft_exchange_correlation": "BLYP"}  # type: ignore[attr-defined]
    changed = Source("Pw<2>", "q", {**other.nodes, "output_parameters": orm.Dict(parameters)})
    with pytest.raises(RefusedError, match="different levels of theory"):
        read_sources([pw_source(), changed])
    free = vasp(energies=orm.ArrayData({"energy_free": ENERGY}))
    with pytest.raises(RefusedError, match="different kinds of energy"):
        read_sources([vasp_source, Source("Vasp<3>", "w", free)])
    frames, _ = read_sources([pw_source(), pw_source()])
    assert frames.positions.reshape(2, 5, 4, 3)[1] == pytest.approx(PW["positions"], abs=1e-8)

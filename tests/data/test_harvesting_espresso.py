from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from aiida import orm
from ase import units

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.data.harvesting import espresso
from tests.harvest_nodes import PW, pw_inputs, pw_outputs, trajectory


@pytest.fixture(autouse=True)
def profile(aiida_profile: Any) -> None:
    pass


def nodes(late: bool = False, calculation: str = "md", control: dict[str, Any] | None = None, **changes: Any) -> Any:
    inputs = {f"input_{name}": node for name, node in pw_inputs(calculation, **(control or {})).items()}
    return pw_outputs(late, **changes) | inputs


def test_numbers_of_a_real_run() -> None:
    found = espresso.read(nodes(), "Pw<1>")
    frames = found.frames("Pw<1>", "abc", "molecule", "")
    assert frames.numbers[:4].tolist() == [6, 6, 1, 1]
    assert frames.positions.reshape(5, 4, 3) == pytest.approx(PW["positions"], abs=1e-8)
    assert frames.energy == pytest.approx(PW["energy"], abs=1e-5)
    assert frames.forces is not None
    assert frames.forces.reshape(5, 4, 3) == pytest.approx(PW["forces"], abs=1e-6)
    assert frames.tags["scf_converged"].tolist() == ["True"] * 5
    assert frames.tags["level"].tolist() == ["PBE+grimme-d3"] * 5
    assert frames.tags["step"].tolist() == ["0", "1", "2", "3", "4"]
    assert frames.pbc.all()
    assert found.notes == ()


def test_geometries_printed_after_each_step_are_put_back() -> None:
    stored = nodes(late=True)
    assert np.abs(stored["output_trajectory"].get_array("positions") - PW["positions"]).max() > 0.01
    found = espresso.read(stored, "Pw<1>")
    assert found.positions == pytest.approx(PW["positions"], abs=1e-8)
    assert found.notes == ("geometries were stored one step late: put back, the starting structure first",)


def test_one_step_of_dynamics_stored_late() -> None:
    found = espresso.read(nodes(late=True, n=1), "Pw<1>")
    assert found.positions == pytest.approx(PW["start"][None], abs=1e-8)


def test_a_relaxation_read_from_standard_output_repeats_its_last_geometry() -> None:
    printed = PW["printed_positions"][[0, 1, 2, 3, 3]]
    relaxed = nodes(calculation="relax", positions=printed)
    relaxed["output_structure"] = orm.StructureData(ase=_at(printed[-1]))
    found = espresso.read(relaxed, "Pw<1>")
    assert found.positions[1:] == pytest.approx(printed[:-1])
    moved = nodes(late=True, calculation="relax")
    with pytest.raises(RefusedError, match="labels cannot be matched"):
        espresso.read(moved, "Pw<1>")


def test_a_restart_whose_geometries_cannot_be_told_is_refused() -> None:
    with pytest.raises(RefusedError, match="Pw<1>: its first geometry is not the structure it started from"):
        espresso.read(nodes(late=True, control={"restart_mode": "restart"}), "Pw<1>")
    lost = nodes(late=True)
    del lost["output_structure"]
    with pytest.raises(RefusedError, match="one step ahead of forces cannot be told"):
        espresso.read(lost, "Pw<1>")
    with pytest.raises(RefusedError, match="the structure it started from is needed"):
        espresso.read(pw_outputs(), "Pw<1>")


def test_an_electronic_cycle_that_only_claims_to_have_converged() -> None:
    accuracy = PW["accuracy_ry"] * units.Ry
    accuracy[2] = 0.40924782 * units.Ry  # a real one: pw.x printed that convergence had been achieved
    found = espresso.read(nodes(energy_accuracy=accuracy), "Pw<1>")
    assert found.converged == [True, True, False, True, True]
    assert found.notes == ("1 of 5 electronic cycles not converged: tagged, for curation to drop",)


def test_stress_changes_sign_and_unit() -> None:
    stress = np.tile(np.array([[1.0, 0.4, 0.5], [0.4, 2.0, 0.6], [0.5, 0.6, 3.0]]), (5, 1, 1))
    found = espresso.read(nodes(stress=stress), "Pw<1>")
    assert found.stress is not None
    assert found.stress[4] == pytest.approx(-0.00624150907 * np.array([1, 2, 3, 0.6, 0.5, 0.4]), rel=1e-6)
    assert found.names["stress"] == "output_trajectory.stress"
    last_alone = espresso.read(nodes(stress=stress[:1]), "Pw<1>")
    assert last_alone.stress is None
    assert last_alone.notes == ("stress left out: 1 for 5 frames",)


def test_the_final_scf_of_a_vc_relax_is_left_out() -> None:
    more = {name: np.concatenate([PW[name], PW[name][-1:]]) for name in ("energy", "forces")}
    final = nodes(calculation="vc-relax", **more)
    with pytest.raises(RefusedError, match=r"shape \(5, 4, 3\), but 6 frames of 4 atoms need"):
        espresso.read(final, "Pw<1>").frames("Pw<1>", "a", "", "")
    final["output_parameters"] = orm.Dict(final["output_parameters"].get_dict() | {"final_scf": True})
    found = espresso.read(final, "Pw<1>")
    assert (len(found.forces), len(found.energy)) == (5, 5)
    assert "final SCF" in found.notes[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"forces": None}, "output_trajectory has no forces; set tprnfor"),
        ({"energy": None}, "has no array 'energy'"),
        ({"positions": PW["positions"][:, :3]}, "3 atoms in output_trajectory, 4 in the structure"),
        ({"forces": PW["forces"][:4]}, "forces \\(from output_trajectory.forces\\) has shape|need"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        espresso.read(nodes(**changes), "Pw<1>").frames("Pw<1>", "a", "", "")


@pytest.mark.parametrize("name", ["positions", "forces"])
def test_no_number_is_refused_with_frame_and_atom(name: str) -> None:
    broken = PW[name].copy()
    broken[3, 2, 0] = np.nan
    with pytest.raises(RefusedError, match=f"Pw<1>: {name}.* not finite in frame 3, atom 2"):
        espresso.read(nodes(**{name: broken}), "Pw<1>").frames("Pw<1>", "a", "", "")


@pytest.mark.parametrize("unit", [None, "Ry / bohr^2"])
def test_units_are_never_guessed(unit: str | None) -> None:
    odd = nodes()
    odd["output_parameters"] = orm.Dict(odd["output_parameters"].get_dict() | {"forces_units": unit})
    with pytest.raises(RefusedError, match="unit"):
        espresso.read(odd, "Pw<1>")


def test_names_of_kinds_are_turned_into_elements() -> None:
    start = orm.StructureData(cell=PW["cell"].tolist())
    for name, element, position in zip(["C1", "C2", "Ha", "Hb"], ["C", "C", "H", "H"], PW["start"], strict=True):
        start.append_atom(position=position, symbols=element, name=name)
    arrays = {name: nodes()["output_trajectory"].get_array(name) for name in ("positions", "cells", "energy", "forces")}
    named = nodes() | {"input_structure": start, "output_trajectory": trajectory(["C1", "C2", "Ha", "Hb"], arrays)}
    assert espresso.read(named, "Pw<1>").numbers.tolist() == [6, 6, 1, 1]


def _at(positions: Any) -> Any:
    from ase import Atoms

    return Atoms(list(PW["symbols"]), positions, cell=PW["cell"], pbc=True)

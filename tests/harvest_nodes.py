"""Process nodes with the output labels, arrays and units of other plugins, built without those plugins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from aiida.common.links import LinkType
from ase import Atoms, units
from plumpy import ProcessState

PW = dict(np.load(Path(__file__).parent / "fixtures" / "pw_c2h2_md.npz"))
RY = float(units.Rydberg)
BOHR = float(units.Bohr)


def structure(atoms: Atoms) -> orm.StructureData:
    return orm.StructureData(ase=atoms)


def pw_start() -> orm.StructureData:
    return structure(Atoms(list(PW["symbols"]), PW["start"], cell=PW["cell"], pbc=True))


def trajectory(symbols: list[str], arrays: dict[str, Any], **attributes: Any) -> orm.TrajectoryData:
    """A TrajectoryData with exactly these arrays, as parsers of all ages leave them."""
    node = orm.TrajectoryData()
    node.base.attributes.set("symbols", symbols)
    node.base.attributes.set_many(attributes)
    for name, values in arrays.items():
        node.set_array(name, np.asarray(values))
    return node


def process(
    kind: type[orm.ProcessNode],
    label: str,
    outputs: dict[str, orm.Data],
    inputs: dict[str, orm.Data] | None = None,
    exit_status: int | None = 0,
    caller: orm.ProcessNode | None = None,
) -> Any:
    """A stored process with its links; ``exit_status`` None: still running."""
    node: Any = kind(computer=_computer()) if kind is orm.CalcJobNode else kind()
    calculation = isinstance(node, orm.CalculationNode)
    node.set_process_label(label)
    for name, data in (inputs or {}).items():
        data.store()
        node.base.links.add_incoming(data, LinkType.INPUT_CALC if calculation else LinkType.INPUT_WORK, name)
    if caller is not None:
        node.base.links.add_incoming(caller, LinkType.CALL_CALC if calculation else LinkType.CALL_WORK, "call")
    if exit_status is None:
        node.set_process_state(ProcessState.RUNNING)
    else:
        node.set_process_state(ProcessState.FINISHED)
        node.set_exit_status(exit_status)
        node.set_exit_message("something broke" if exit_status else "")
    node.store()
    for name, data in outputs.items():
        data.base.links.add_incoming(node, LinkType.CREATE if calculation else LinkType.RETURN, name)
        data.store()
    return node


def _computer() -> orm.Computer:
    found = orm.Computer.collection.find({"label": "elsewhere"})
    if found:
        return found[0]
    return orm.Computer("elsewhere", "elsewhere.org", transport_type="core.local", scheduler_type="core.direct").store()


def pw_outputs(late: bool = False, n: int = 5, **changes: Any) -> dict[str, orm.Data]:
    """What PwParser stores of the real run; ``late``: from standard output, so positions are those after each step."""
    arrays = {
        "positions": PW["printed_positions"][:n] if late else PW["positions"][:n],
        "cells": np.tile(PW["cell"], (n, 1, 1)),
        "steps": np.arange(n),
        "energy": PW["energy_ry"][:n] * RY,
        "energy_accuracy": PW["accuracy_ry"][:n] * RY,
        "forces": PW["forces_ry_bohr"][:n] * RY / BOHR,
        "scf_iterations": PW["scf_iterations"][:n],
        **changes,
    }
    parameters = {
        "creator_name": "pwscf",
        "creator_version": "6.7MaX",
        "format_name": "QEXSD",
        "dft_exchange_correlation": "PBE",
        "lda_plus_u_calculation": False,
        "energy_units": "eV",
        "forces_units": "ev / angstrom",
        "stress_units": "GPascal",
        "energy": float(PW["energy_ry"][n - 1] * RY),
    }
    end = Atoms(list(PW["symbols"]), PW["printed_positions"][n - 1], cell=PW["cell"], pbc=True)
    kept = {name: values for name, values in arrays.items() if values is not None}
    return {
        "output_trajectory": trajectory(list(PW["symbols"]), kept, pbc=[True, True, True]),
        "output_parameters": orm.Dict(parameters),
        "output_structure": structure(end),
    }


def pw_inputs(calculation: str = "md", **control: Any) -> dict[str, orm.Data]:
    settings = {
        "CONTROL": {"calculation": calculation, "tprnfor": True, **control},
        "SYSTEM": {"ecutwfc": 30, "vdw_corr": "grimme-d3"},
        "ELECTRONS": {"conv_thr": 5e-7},
    }
    return {"structure": pw_start(), "parameters": orm.Dict(settings)}


def pw(late: bool = False, exit_status: int | None = 0, **changes: Any) -> orm.CalcJobNode:
    """A stored PwCalculation of the real run."""
    node = process(orm.CalcJobNode, "PwCalculation", pw_outputs(late, **changes), pw_inputs(), exit_status)
    assert isinstance(node, orm.CalcJobNode)
    return node

"""CP2K through aiida-cp2k: ``output_trajectory`` with ``energies`` and ``forces``, ``output_parameters``.

Names: ``aiida_cp2k/parsers/__init__.py`` (``_parse_trajectory``), ``aiida_cp2k/utils/parser.py`` (``energy_units``
"a.u.", ``motion_step_info``).  The parser keeps the numbers of CP2K's files: positions in Å, energies "E =" in
Hartree, forces in Hartree/Bohr, which are the defaults of MOTION/PRINT/TRAJECTORY/UNIT and MOTION/PRINT/FORCES/UNIT in
CP2K's input reference; another unit in the input is refused.
"""

from __future__ import annotations

import numpy as np
from aiida import orm

from ...contract.errors import RefusedError
from .labelled import Labelled
from .nodes import Nodes, array, content, section, take, true
from .structures import numbers_of, periodicity
from .units import factor


def recognises(nodes: Nodes) -> bool:
    """Parameters that CP2K's parser wrote."""
    parameters = content(nodes, "output_parameters")
    return parameters.get("energy_units") == "a.u." or "motion_step_info" in parameters


def read(nodes: Nodes, what: str) -> Labelled:
    """The frames of one CP2K molecular dynamics run.

    :raises RefusedError: for other run types, without printed forces, or with units set in the input.
    """
    trajectory = take(nodes, "output_trajectory", orm.TrajectoryData)
    forces, energy = array(trajectory, "forces"), array(trajectory, "energies")
    if trajectory is None or forces is None:
        raise RefusedError(
            f"{what}: no forces among its outputs; print MOTION/PRINT/FORCES of a molecular dynamics run."
        )
    if energy is None:
        raise RefusedError(f"{what}: output_trajectory has no array 'energies'.")
    settings = content(nodes, "input_parameters")
    run_type = str(section(settings, "GLOBAL").get("run_type", "")).upper()
    if run_type not in ("MD", "MOLECULAR_DYNAMICS"):
        raise RefusedError(
            f"{what}: its run type is {run_type or 'not known'}; frames are taken from MD runs, where forces and "
            "positions are printed for the same geometry."
        )
    for name, unit in (("TRAJECTORY", "angstrom"), ("FORCES", "hartree*bohr^-1"), ("CELL", "angstrom")):
        asked = str(section(settings, "MOTION", "PRINT", name).get("unit", unit)).lower()
        if asked not in (unit, f"[{unit}]"):
            raise RefusedError(f"{what}: MOTION/PRINT/{name}/UNIT is {asked}; only CP2K's default {unit} is read.")
    positions, cells = array(trajectory, "positions"), array(trajectory, "cells")
    start = take(nodes, "input_structure", orm.StructureData) or take(nodes, "output_structure", orm.StructureData)
    if positions is None:
        raise RefusedError(f"{what}: output_trajectory has no positions.")
    if cells is None:
        if start is None:
            raise RefusedError(f"{what}: neither its trajectory nor a structure gives the cell.")
        if "NPT" in str(section(settings, "MOTION", "MD").get("ensemble", "")).upper():
            raise RefusedError(f"{what}: its cell moves, and was not printed (MOTION/PRINT/CELL).")
        cells = np.tile(np.array(start.cell, dtype=np.float64), (len(positions), 1, 1))
    return Labelled(
        numbers_of(trajectory.symbols, start, what),
        positions,
        cells,
        periodicity(trajectory, start),
        energy * factor("energy", "hartree", what),
        forces * factor("forces", "hartree/bohr", what),
        [str(int(step)) for step in trajectory.get_stepids()],
        converged=_converged(nodes, len(positions)),
        names={"energy": "output_trajectory.energies", "forces": "output_trajectory.forces"},
    )


def _converged(nodes: Nodes, n: int) -> list[bool | None]:
    flags = section(content(nodes, "output_parameters"), "motion_step_info").get("scf_converged", [])
    return [true(flag) for flag in flags] if len(flags) == n else [None] * n

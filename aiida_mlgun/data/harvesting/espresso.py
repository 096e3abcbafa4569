"""pw.x through aiida-quantumespresso: ``output_trajectory`` and ``output_parameters``.

Units and names, in the plugin's repository: ``parsers/parse_raw/pw.py`` (``default_force_units`` "ev / angstrom",
``default_energy_units`` "eV", ``default_stress_units`` "GPascal", all also written to ``output_parameters`` under
``<name>_units``), ``parsers/parse_xml/parse.py`` (``parse_step_to_trajectory``: the same units from the XML),
``parsers/pw.py`` (``build_output_trajectory``).  The stress is pw.x's, whose trace is three times the pressure:
positive under compression (``utils/validation/trajectory.py``).  ``energy`` is the total energy with the smearing
term, whose derivative the forces are.

Where the trajectory was read from standard output, its positions and cells are those printed *after* each step, while
energies and forces belong to the geometry *before* it (issue 1230 of the plugin).  Which of the two a node holds is
seen from the structure the calculation started from.
"""

from __future__ import annotations

import numpy as np
from aiida import orm

from ...contract.errors import RefusedError
from ...science.frames import Floats
from .labelled import Labelled, voigt
from .nodes import Nodes, array, content, section, take, true
from .structures import farthest, geometry_of, numbers_of, periodicity
from .units import RYDBERG_EV, factor

#: pw.x's default of ``conv_thr``, Ry (INPUT_PW, namelist ELECTRONS).
CONV_THR = 1e-6
#: Å; two geometries nearer than this, after another value of the Bohr radius at most, are the same.
SAME = 2e-6


def recognises(nodes: Nodes) -> bool:
    """A trajectory beside parameters that pw.x's parser wrote."""
    parameters = content(nodes, "output_parameters")
    written = str(parameters.get("creator_name", "")).startswith("pw") or "forces_units" in parameters
    return take(nodes, "output_trajectory", orm.TrajectoryData) is not None and written


def read(nodes: Nodes, what: str) -> Labelled:
    """The frames of one pw.x calculation (scf, relax, vc-relax, md).

    :raises RefusedError: without forces, energies or the structure it started from, with units other than documented,
        or when labels cannot be told to belong to geometries.
    """
    trajectory, start = take(nodes, "output_trajectory", orm.TrajectoryData), take(nodes, "input_structure", _STRUCTURE)
    parameters = content(nodes, "output_parameters")
    assert trajectory is not None
    forces, energy = array(trajectory, "forces"), array(trajectory, "energy")
    if forces is None:
        raise RefusedError(f"{what}: output_trajectory has no forces; set tprnfor in CONTROL and run it again.")
    if energy is None:
        raise RefusedError(f"{what}: output_trajectory has no array 'energy'.")
    if start is None:
        raise RefusedError(f"{what}: the structure it started from is needed to tell geometries from steps.")
    energy = energy * factor("energy", parameters.get("energy_units"), f"{what}: output_parameters")
    forces = forces * factor("forces", parameters.get("forces_units"), f"{what}: output_parameters")
    numbers = numbers_of(trajectory.symbols, start, what)
    positions, cells, notes = _geometries(nodes, trajectory, start, what)
    n = len(positions)
    if len(forces) == n + 1 and true(parameters.get("final_scf")):
        notes.append("the final SCF, on another set of plane waves than the steps, was left out")
        forces, energy = forces[:n], energy[:n]
    names = {"energy": "output_trajectory.energy", "forces": "output_trajectory.forces"}
    stress = array(trajectory, "stress")
    if stress is not None and len(stress) in (n, n + 1) and len(stress) >= len(forces):
        names["stress"] = "output_trajectory.stress"
        stress = voigt(stress[:n], factor("stress", parameters.get("stress_units"), f"{what}: output_parameters"))
    elif stress is not None:
        notes.append(f"stress left out: {len(stress)} for {n} frames")
        stress = None
    converged = _converged(nodes, trajectory, n)
    if loose := converged.count(False):
        notes.append(f"{loose} of {n} electronic cycles not converged: tagged, for curation to drop")
    return Labelled(
        numbers,
        positions,
        cells,
        periodicity(trajectory, start),
        energy,
        forces,
        [str(i) for i in range(n)],
        stress,
        converged=converged,
        level=_level(nodes),
        names=names,
        notes=tuple(notes),
    )


_STRUCTURE = orm.StructureData


def _geometries(
    nodes: Nodes, trajectory: orm.TrajectoryData, start: orm.StructureData, what: str
) -> tuple[Floats, Floats, list[str]]:
    """Positions and cells of the geometries that were labelled, and a note if they had to be put back by one step."""
    positions, cells = array(trajectory, "positions"), array(trajectory, "cells")
    if positions is None or cells is None or positions.ndim != 3 or cells.shape != (len(positions), 3, 3):
        raise RefusedError(f"{what}: output_trajectory has no positions and cells that fit together.")
    _, first, cell = geometry_of(start, what)
    if first.shape != positions.shape[1:]:
        raise RefusedError(
            f"{what}: {positions.shape[1]} atoms in output_trajectory, {len(first)} in the structure it started from."
        )
    if not np.isfinite(positions).all():
        frame, atom, _ = np.argwhere(~np.isfinite(positions))[0]
        raise RefusedError(f"{what}: positions are not finite in frame {frame}, atom {atom}; leave it out.")
    if farthest(positions[0], first, cell) < SAME and np.abs(cells[0] - cell).max() < SAME:
        return positions, cells, []
    control = section(content(nodes, "input_parameters"), "CONTROL")
    end = take(nodes, "output_structure", _STRUCTURE)
    doubt = f"{what}: its first geometry is not the structure it started from"
    if control.get("restart_mode", "from_scratch") != "from_scratch" or "calculation" not in control or end is None:
        raise RefusedError(f"{doubt}, and whether geometries are one step ahead of forces cannot be told.")
    _, last, end_cell = geometry_of(end, what)
    late = farthest(positions[-1], last, end_cell) < SAME
    if "relax" in str(control["calculation"]) and len(positions) > 1:
        late = late and farthest(positions[-1], positions[-2], cells[-1]) < SAME
    if not late:
        raise RefusedError(f"{doubt}, nor are its geometries those printed after each step: labels cannot be matched.")
    note = "geometries were stored one step late: put back, the starting structure first"
    return np.concatenate([first[None], positions[:-1]]), np.concatenate([cell[None], cells[:-1]]), [note]


def _converged(nodes: Nodes, trajectory: orm.TrajectoryData, n: int) -> list[bool | None]:
    """From the accuracy of each electronic cycle: pw.x can print that convergence was achieved where it was not."""
    accuracy = array(trajectory, "energy_accuracy")
    settings = content(nodes, "input_parameters")
    if accuracy is not None and len(accuracy) >= n and settings:
        threshold = float(section(settings, "ELECTRONS").get("conv_thr", CONV_THR)) * RYDBERG_EV
        return [bool(value <= 1.01 * threshold) for value in accuracy[:n]]
    flag = section(content(nodes, "output_parameters"), "convergence_info", "scf_conv").get("convergence_achieved")
    return [None if flag is None else true(flag)] if n == 1 else [None] * n


def _level(nodes: Nodes) -> str:
    """Functional and dispersion; empty where the nodes do not settle it (no inputs, Hubbard corrections)."""
    parameters, settings = content(nodes, "output_parameters"), content(nodes, "input_parameters")
    functional = parameters.get("dft_exchange_correlation")
    if not functional or not settings or true(parameters.get("lda_plus_u_calculation")):
        return ""
    dispersion = str(section(settings, "SYSTEM").get("vdw_corr", "none")).lower()
    return str(functional) if dispersion in ("none", "") else f"{functional}+{dispersion}"

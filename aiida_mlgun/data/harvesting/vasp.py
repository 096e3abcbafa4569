"""VASP through aiida-vasp: ``trajectory``, ``energies`` or ``arrays``, ``forces``, ``stress``, ``structure``, ``misc``.

Names, in the plugin's repository: ``parsers/settings.py`` (output nodes to version 4), ``parsers/vasp.py`` (from
version 5: ``arrays`` with the prefix ``energies_``; ``forces`` and ``stress`` inside ``misc``),
``parsers/content_parsers/vasprun.py``.  The parser keeps the numbers of ``vasprun.xml``: energies eV, forces eV/Å,
stress kbar and positive under compression (VASP's manual), **positions of the trajectory as fractions of the cell**.
Whether a node's positions are fractions is seen from a structure of the same calculation.  Atoms keep the order of the
input structure (``content_parsers/poscar.py``, ``conserve_order``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm

from ...contract.errors import RefusedError
from ...science.frames import Floats
from .labelled import Labelled, voigt
from .nodes import Nodes, array, content, section, take, true
from .structures import farthest, geometry_of, numbers_of, periodicity
from .units import KILOBAR

#: The free energy is what forces are the derivative of; the extrapolated one is what the plugin keeps by default.
ENERGIES = ("energy_free", "energy_extrapolated")
#: VASP's default of NELM.
NELM = 60
#: Å; vasprun.xml prints eight digits of fractional coordinates.
SAME = 1e-5


def recognises(nodes: Nodes) -> bool:
    """``misc`` with what VASP's run came to."""
    return bool({"run_status", "total_energies"} & set(content(nodes, "misc")))


def read(nodes: Nodes, what: str) -> Labelled:
    """The frames of one VASP calculation.

    :raises RefusedError: when it did not finish, without forces or energies, or when geometries cannot be told.
    """
    misc = content(nodes, "misc")
    if not true(section(misc, "run_status").get("finished", True)):
        raise RefusedError(f"{what}: VASP did not finish.")
    trajectory = take(nodes, "trajectory", orm.TrajectoryData)
    if trajectory is None:
        return _last(nodes, misc, what)
    forces = array(trajectory, "forces")
    if forces is None:
        raise RefusedError(f"{what}: its trajectory has no forces.")
    start = take(nodes, "input_structure", orm.StructureData)
    positions, cells = _cartesian(nodes, trajectory, what)
    n = len(positions)
    energy, name = _energy(nodes, misc, n, what)
    names = {"energy": name, "forces": "trajectory.forces"}
    stress = array(trajectory, "stress")
    if stress is not None:
        names["stress"] = "trajectory.stress"
    return Labelled(
        numbers_of(trajectory.symbols, start, what),
        positions,
        cells,
        periodicity(trajectory, start),
        energy,
        forces,
        [str(int(step)) for step in trajectory.get_stepids()],
        None if stress is None else voigt(stress, KILOBAR),
        converged=_converged(nodes, misc, n),
        names=names,
    )


def _last(nodes: Nodes, misc: dict[str, Any], what: str) -> Labelled:
    """The last geometry alone, from ``forces`` and ``stress``."""
    forces, names = _final(nodes, misc, "forces"), {"forces": _where(nodes, "forces")}
    if forces is None:
        raise RefusedError(f"{what}: no forces among its outputs; have the parser add forces or the trajectory.")
    incar = _incar(nodes)
    static = int(incar.get("nsw", 0)) <= 0 or int(incar.get("ibrion", -1)) < 0
    end = take(nodes, "structure", orm.StructureData)
    structure = take(nodes, "input_structure", orm.StructureData) if static and incar else end
    if structure is None or not (static or true(section(misc, "run_status").get("ionic_converged"))):
        raise RefusedError(
            f"{what}: to which geometry its forces belong cannot be told without a trajectory; "
            "have the parser add the trajectory."
        )
    numbers, positions, cell = geometry_of(structure, what)
    energy, name = _energy(nodes, misc, 1, what)
    stress = _final(nodes, misc, "stress")
    names |= {"energy": name} | ({} if stress is None else {"stress": _where(nodes, "stress")})
    return Labelled(
        numbers,
        positions[None],
        cell[None],
        periodicity(None, structure),
        energy,
        forces[None],
        ["0" if static else "last"],
        None if stress is None else voigt(stress[None], KILOBAR),
        converged=_converged(nodes, misc, 1),
        names=names,
    )


def _where(nodes: Nodes, name: str) -> str:
    return f"{name}.final" if name in nodes else f"misc.{name}"


def _final(nodes: Nodes, misc: dict[str, Any], name: str) -> Floats | None:
    """``final`` of an array node, or the list in ``misc``."""
    node = take(nodes, name, orm.ArrayData)
    if node is not None:
        return array(node, "final")
    listed = misc.get(name)
    if isinstance(listed, dict):
        listed = listed.get("final")
    return None if listed is None else np.asarray(listed, dtype=np.float64)


def _cartesian(nodes: Nodes, trajectory: orm.TrajectoryData, what: str) -> tuple[Floats, Floats]:
    """Positions in Å and cells; fractions are told from Å by the geometry of a structure of the calculation."""
    positions, cells = array(trajectory, "positions"), array(trajectory, "cells")
    if positions is None or cells is None or positions.ndim != 3 or cells.shape != (len(positions), 3, 3):
        raise RefusedError(f"{what}: its trajectory has no positions and cells that fit together.")
    unfolded = np.einsum("nai,nij->naj", positions, cells)
    for label, frame in (("input_structure", 0), ("structure", -1)):
        structure = take(nodes, label, orm.StructureData)
        if structure is None:
            continue
        _, known, cell = geometry_of(structure, what)
        if np.abs(cell - cells[frame]).max() > SAME:
            continue
        fractions = farthest(unfolded[frame], known, cell) < SAME
        angstrom = farthest(positions[frame], known, cell) < SAME
        if fractions != angstrom:
            return (unfolded if fractions else positions), cells
    raise RefusedError(
        f"{what}: whether the positions of its trajectory are fractions or Å cannot be told: neither agrees with the "
        "structure it started from or ended at."
    )


def _energy(nodes: Nodes, misc: dict[str, Any], n: int, what: str) -> tuple[Floats, str]:
    """(n,) energies after each ionic step, eV, and where they were found."""
    totals = section(misc, "total_energies")
    for name in ENERGIES:
        for label, prefix in (("energies", ""), ("arrays", "energies_")):
            node = take(nodes, label, orm.ArrayData)
            values = array(node, prefix + name)
            if values is not None:
                _check_final(values, array(node, f"{prefix}{name}_electronic"), f"{what}: {label}.{prefix}{name}")
                return values.reshape(-1), f"{label}.{prefix}{name}"
        if n == 1 and name in totals:
            values = np.array([float(totals[name])])
            electronic = totals.get(f"{name}_electronic")
            _check_final(values, None if electronic is None else np.array([electronic]), f"{what}: misc.{name}")
            return values, f"misc.total_energies.{name}"
    raise RefusedError(f"{what}: no energies for its {n} geometries; have the parser include energies.")


def _check_final(values: Floats, electronic: Floats | None, where: str) -> None:
    """VASP 5 writes the entropy term where the energy is expected; some versions of the plugin passed it on."""
    if electronic is not None and abs(values.flat[-1]) < 0.5 * abs(electronic.flat[-1]):
        raise RefusedError(
            f"{where} ends at {values.flat[-1]:.5f} eV, the electronic cycle at {electronic.flat[-1]:.5f} eV: "
            "that is no total energy (a known fault of VASP 5's vasprun.xml). Parse it again with a newer plugin."
        )


def _incar(nodes: Nodes) -> dict[str, Any]:
    """The INCAR tags of the inputs, which may be nested under ``incar``."""
    settings = content(nodes, "input_parameters")
    return section(settings, "incar") or section(settings)


def _converged(nodes: Nodes, misc: dict[str, Any], n: int) -> list[bool | None]:
    status = section(misc, "run_status")
    last = status.get("electronic_converged")
    if n == 1:
        return [None if last is None else true(last)]
    steps = array(take(nodes, "energies", orm.ArrayData), "electronic_steps")
    if steps is None:
        steps = array(take(nodes, "arrays", orm.ArrayData), "energies_electronic_steps")
    incar = _incar(nodes)
    if steps is not None and len(steps) == n and incar:
        return [bool(count < int(incar.get("nelm", NELM))) for count in steps]
    if last is not None and true(last) and status.get("contains_nelm_breach") is False:
        return [True] * n
    return [None] * n

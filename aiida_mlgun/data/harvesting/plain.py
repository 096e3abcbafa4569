"""Any other ``TrajectoryData`` that says its units itself.

Positions and cells in Å are AiiDA's convention, ``units|positions`` = "bohr" its exception (``TrajectoryData`` in
aiida-core).  By the same convention the attributes ``units|<array>`` must tell the units of energies, forces and
velocities; there is no other place, so without them the node is refused.  Stress has no convention for its sign.
"""

from __future__ import annotations

import numpy as np
from aiida import orm

from ...contract.errors import RefusedError
from ...science.frames import Floats
from .labelled import Labelled
from .nodes import Nodes, array, take
from .structures import numbers_of, periodicity
from .units import factor

ENERGIES = ("energy", "energies", "total_energy", "potential_energy")
FORCES = ("forces", "atomic_forces")


def trajectory_of(nodes: Nodes) -> tuple[str, orm.TrajectoryData] | None:
    """The first trajectory among the outputs and its label."""
    for label in sorted(nodes):
        node = nodes[label]
        if isinstance(node, orm.TrajectoryData) and not label.startswith("input_"):
            return label, node
    return None


def recognises(nodes: Nodes) -> bool:
    """Some trajectory."""
    return trajectory_of(nodes) is not None


def read(nodes: Nodes, what: str) -> Labelled:
    """The frames of a trajectory with units.

    :raises RefusedError: without forces or energies, or without their units.
    """
    found = trajectory_of(nodes)
    assert found is not None
    label, node = found
    where = f"{what}, {label}<{node.pk}>"
    taken: dict[str, Floats] = {}
    names = {}
    for quantity, candidates in (("energy", ENERGIES), ("forces", FORCES), ("velocities", ("velocities",))):
        there = [name for name in candidates if name in node.get_arraynames()]
        if not there and quantity == "velocities":
            continue
        if len(there) != 1:
            arrays = ", ".join(sorted(node.get_arraynames()))
            lack = f"no {quantity}" if not there else f"two arrays of {quantity}"
            raise RefusedError(f"{where} has {lack}; its arrays are {arrays}.")
        taken[quantity] = _scaled(node, quantity, there[0], where)
        names[quantity] = f"{label}.{there[0]}"
    notes = ("stress left out: no convention tells its sign",) if "stress" in node.get_arraynames() else ()
    start = take(nodes, "input_structure", orm.StructureData)
    positions = _scaled(node, "positions", "positions", where, "angstrom")
    n, cells = len(positions), array(node, "cells")
    pbc = (False, False, False) if cells is None else periodicity(node, None)
    if cells is not None:
        cells = cells * factor("positions", node.base.attributes.get("units|cells", "angstrom"), where)
    return Labelled(
        numbers_of(node.symbols, start, what),
        positions,
        np.zeros((n, 3, 3)) if cells is None else cells,
        pbc,
        taken["energy"],
        taken["forces"],
        [str(int(step)) for step in node.get_stepids()],
        velocities=taken.get("velocities"),
        names=names,
        notes=notes,
    )


def _scaled(node: orm.TrajectoryData, quantity: str, name: str, where: str, default: str | None = None) -> Floats:
    values = array(node, name)
    if values is None:
        raise RefusedError(f"{where} has no array {name!r}.")
    unit = node.base.attributes.get(f"units|{name}", default)
    return values * factor(quantity, unit, f"{where} (attribute 'units|{name}')")

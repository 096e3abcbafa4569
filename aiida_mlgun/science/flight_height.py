"""Where a flight may begin and when it is over for good: just outside the model's reach.  Å, Å/fs, u.

A message-passing model with L layers sees as far as L × r_max, but a message goes from atom to atom in steps of at most
r_max.  Across a gap wider than that none goes, whatever L: slab and molecule are two graphs, the energy is the sum of
both, and neither feels the other (Batatia et al., NeurIPS 2022).  Higher up a shot only costs steps.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

import numpy as np
from ase.data import atomic_masses
from numpy.typing import NDArray

from ..contract.errors import RefusedError
from ..contract.shooting import Aim, Decision
from .aim import centre_of_mass
from .frames import Frames
from .slabs import Slab

Floats = NDArray[np.float64]

#: Å beyond r_max, for atoms that swing farther than in any start state.
MARGIN: Final = 0.5


def start_height(
    orientation: Literal["random", "snapshot"],
    slab_states: Frames,
    molecule_states: Frames,
    slab: Slab,
    r_max: float,
) -> float:
    """Å, the lowest height of the centre of mass from which no start state feels the slab.

    The molecule's lowest atom, for every start state and however it may be turned, is then r_max and :data:`MARGIN`
    above the topmost atom of all the slab's start states.
    """
    top = float(slab_states.positions[:, 2].max()) - slab.surface_z
    return top + max(_drops(orientation, molecule_states)) + r_max + MARGIN


def with_height(
    aim: Aim, decision: Decision, slab_states: Frames, molecule_states: Frames, slab: Slab, r_max: float
) -> Aim:
    """``aim`` with a number for its height: its own, or :func:`start_height`.

    :raises RefusedError: when the height found is not above an explicit ``decision.leave_height``.
    """
    if aim.height is not None:
        return aim
    height = start_height(aim.orientation, slab_states, molecule_states, slab, r_max)
    low = decision.leave_height
    if low is not None and decision.early and height <= low:
        raise RefusedError(
            f"decision.leave_height is {low:g} Å, and shots start {height:.1f} Å high, just outside the model's r_max: "
            "leave it out (null), lower it, or set aim.height.",
            status="geometry_refused",
        )
    return replace(aim, height=height)


def is_free(positions: Floats, velocities: Floats, masses: Floats, top: float, r_max: float) -> bool:
    """Whether a piece of the molecule rises and can never feel again what it left behind.

    Nothing acts on it now, so its centre of mass keeps its speed; its atoms stay within their distance from it, the
    slab's about where they are; :data:`MARGIN` is for the vibrations of both.

    :param positions: (m, 3), Å, of one connected piece, and ``velocities`` (m, 3), Å/fs, ``masses`` (m,), u.
    :param top: Å, z of the topmost atom that stays.
    """
    centre = centre_of_mass(masses, positions)
    radius = float(np.linalg.norm(positions - centre, axis=1).max())
    rising = float(centre_of_mass(masses, velocities)[2]) > 0
    return rising and float(centre[2]) - radius >= top + r_max + MARGIN


def _drops(orientation: Literal["random", "snapshot"], states: Frames) -> list[float]:
    """Å per state, how far the molecule may reach below its centre of mass."""
    drops = []
    for i in range(len(states)):
        part = states.part(i)
        shape = states.positions[part] - centre_of_mass(atomic_masses[states.numbers[part]], states.positions[part])
        lowest = -shape[:, 2] if orientation == "snapshot" else np.linalg.norm(shape, axis=1)
        drops.append(float(lowest.max()))
    return drops

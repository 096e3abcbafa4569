"""Velocity Verlet (Swope et al., J. Chem. Phys. 1982, 76, 637) on a batch of systems with the same atoms.

========================  =========================================================
equation                  here
========================  =========================================================
a = F / m                 ``forces * push``; ``push`` = ACCELERATION / m, 0 if fixed
v½ = v(t) + a(t) Δt/2     ``half``
x(t+Δt) = x(t) + v½ Δt    ``positions``
v(t+Δt) = v½ + a(t+Δt) Δt/2  ``velocities``
========================  =========================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...science.units import ACCELERATION, KINETIC
from .evaluator import Evaluator


@dataclass(frozen=True)
class State:
    """Rows of systems at one time.

    :param positions: (rows, n, 3), Å.   :param velocities: (rows, n, 3), Å/fs.
    :param forces: (rows, n, 3), eV/Å.   :param energies: (rows,), potential energy, eV.
    :param keys: one per row, all different: the number by which the evaluator knows the system.
    """

    positions: torch.Tensor
    velocities: torch.Tensor
    forces: torch.Tensor
    energies: torch.Tensor
    keys: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.energies)

    def rows(self, index: list[int]) -> State:
        """The systems ``index``, in that order."""
        keys = tuple(self.keys[row] for row in index)
        return State(self.positions[index], self.velocities[index], self.forces[index], self.energies[index], keys)

    @staticmethod
    def join(parts: Sequence[State]) -> State:
        """All systems of one or more ``parts``, one part after the other."""
        return State(
            torch.cat([part.positions for part in parts]),
            torch.cat([part.velocities for part in parts]),
            torch.cat([part.forces for part in parts]),
            torch.cat([part.energies for part in parts]),
            tuple(key for part in parts for key in part.keys),
        )


@dataclass(frozen=True)
class Inertia:
    """The atoms' answer to forces.

    :param push: (n, 1), Å²·u/(fs²·eV)/u: ACCELERATION / mass, 0 for fixed atoms.
    :param half_mass: (n,), eV·fs²/Å²: times v² it is the kinetic energy in eV; 0 for fixed atoms.
    :param n_free: number of atoms that move.
    """

    push: torch.Tensor
    half_mass: torch.Tensor
    n_free: int


def inertia(masses: NDArray[np.floating[Any]], fixed: NDArray[np.bool_], device: torch.device | str = "cpu") -> Inertia:
    """From masses (n,), u, and the mask of atoms that never move (n,)."""
    free = ~np.asarray(fixed, dtype=bool)
    push = torch.as_tensor(np.where(free, ACCELERATION / masses, 0.0), dtype=torch.float64, device=device)
    half_mass = torch.as_tensor(np.where(free, 0.5 * KINETIC * masses, 0.0), dtype=torch.float64, device=device)
    return Inertia(push[:, None], half_mass, int(free.sum()))


def nve_init(
    evaluate: Evaluator, positions: torch.Tensor, velocities: torch.Tensor, body: Inertia, keys: Sequence[int] = ()
) -> State:
    """The state at t = 0: forces evaluated, velocities of fixed atoms zero; keys () numbers the rows from 0."""
    names = tuple(keys) or tuple(range(len(positions)))
    energies, forces = evaluate(positions, names)
    return State(positions, torch.where(body.push > 0, velocities, 0.0), forces, energies, names)


def nve_step(evaluate: Evaluator, state: State, body: Inertia, dt: float | torch.Tensor) -> State:
    """One step of ``dt``, fs; a tensor (rows, 1, 1) gives each row its own step, 0 leaves it as it is."""
    half = state.velocities + state.forces * body.push * (0.5 * dt)
    positions = state.positions + half * dt
    energies, forces = evaluate(positions, state.keys)
    return State(positions, half + forces * body.push * (0.5 * dt), forces, energies, state.keys)


def kinetic_energy(velocities: torch.Tensor, body: Inertia) -> torch.Tensor:
    """(rows,), eV, of velocities (rows, n, 3), Å/fs; fixed atoms carry none."""
    return (velocities.square().sum(dim=2) * body.half_mass).sum(dim=1)

"""Whether an evaluator gives the reference's energies and forces, and whether its forces are its energy's gradient.

Tolerances: a model's own errors are 1 meV/atom and 20 meV/Å at best, so what is allowed here changes no outcome's
probability; what breaks a program (other elements, other units, a lost term, a wrong cutoff) is far above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase.data import covalent_radii
from ase.geometry import get_distances
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from ..evaluator import Evaluator, Listing
from .system import System

ENERGY_TOLERANCE = 1e-4  # eV/atom; float32 gives each atom a nearly constant 4e-6
FORCE_TOLERANCE = 1e-4  # of the geometry's largest force, and besides
FORCE_FLOOR = 1e-3  # eV/Å, for geometries near rest
GRADIENT_TOLERANCE = 2e-3  # of the slope along the forces, and besides the energies' rounding, eV/atom:
ROUNDING = {torch.float32: 1e-6, torch.float64: 1e-11}
STEP = 0.02  # Å, of all atoms together, for the slope
GEOMETRIES = 2  # of those given; two more are made of the first
_RATTLE = 0.1  # Å
_BOND = 1.25  # × sum of covalent radii
_TRIES = 101
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Probed:
    """What was found: the largest errors, and what is wrong (empty: nothing).

    :param energy_error: eV/atom.   :param force_error: eV/Å.   :param slope_error: of the slope.
    """

    energy_error: float
    force_error: float
    slope_error: float
    wrong: str


def geometries(positions: Floats, system: System) -> torch.Tensor:
    """Probe geometries (rows, n, 3), Å, from start positions (k, n, 3): their first and last, the first one shaken, and
    with its free fragment, if there is one, pushed on to a bond's length from the rest.
    """
    starts = np.asarray(positions, dtype=np.float64)
    given = starts[[0, -1]] if len(starts) > 1 else starts
    rows = [*given[:GEOMETRIES], starts[0] + np.random.default_rng(0).normal(0, _RATTLE, starts[0].shape)]
    touching = touched(starts[0], system)
    return torch.from_numpy(np.stack(rows if touching is None else [*rows, touching]))


def touched(positions: Floats, system: System) -> Floats | None:
    """Positions (n, 3), Å, with the smallest fragment in contact with the rest; None if all is one fragment."""
    numbers = system.numbers
    vectors, distances = get_distances(positions, cell=system.cell, pbc=system.pbc)
    sums = covalent_radii[numbers][:, None] + covalent_radii[numbers][None, :]
    count, label = connected_components(distances < _BOND * sums, directed=False)
    if count < 2:
        return None
    part = label == np.argmin(np.bincount(label))
    gaps = np.where(part[:, None] & ~part[None, :], distances / sums, np.inf)
    i, j = np.unravel_index(np.argmin(gaps), gaps.shape)
    for share in np.linspace(1.0, 0.0, _TRIES):  # as far along the shortest gap as nobody else comes nearer
        moved = positions.copy()
        moved[part] += share * vectors[i, j] * (1 - sums[i, j] / distances[i, j])
        _, near = get_distances(moved[part], moved[~part], cell=system.cell, pbc=system.pbc)
        if (near >= 0.99 * sums[part][:, ~part]).all():
            break
    return moved


def compare(
    evaluate: Evaluator, dtype: torch.dtype, rows: torch.Tensor, energies: torch.Tensor, forces: torch.Tensor
) -> Probed:
    """Compare with the reference's energies (rows,), eV, and forces (rows, n, 3), eV/Å, at ``rows``, Å; tensors on one
    device, float64.  The evaluator keeps no list of it.
    """
    count, n = rows.shape[:2]
    keys = range(count + 5)  # no list is used for two geometries: nobody asks whether it holds
    told, pushed = evaluate(rows, keys[:count])
    slope, steep = _slope(evaluate, rows[-1], forces[-1], keys[count:])
    if isinstance(evaluate, Listing):
        evaluate.forget(keys)
    energy_error = float((told - energies).abs().max()) / n
    difference = (pushed - forces).abs().amax(dim=(1, 2))
    allowed = FORCE_TOLERANCE * forces.abs().amax(dim=(1, 2)) + FORCE_FLOOR
    slope_error = abs(slope - steep) / max(steep, 1e-12)
    wrong = []
    if not energy_error <= ENERGY_TOLERANCE:
        wrong.append(f"energies differ by {energy_error:.1e} eV/atom, {ENERGY_TOLERANCE:.0e} is allowed")
    if not bool((difference <= allowed).all()):
        row = int((difference - allowed).nan_to_num(torch.inf).argmax())
        wrong.append(f"forces differ by {float(difference[row]):.1e} eV/Å, {float(allowed[row]):.1e} is allowed")
    if not abs(slope - steep) <= GRADIENT_TOLERANCE * steep + ROUNDING[dtype] * n / STEP:
        wrong.append(f"along the forces the energy falls by {slope:.4g} eV/Å, its forces say {steep:.4g}")
    return Probed(energy_error, float(difference.max()), slope_error, "; ".join(wrong))


def _slope(
    evaluate: Evaluator, positions: torch.Tensor, forces: torch.Tensor, keys: Sequence[int]
) -> tuple[float, float]:
    """How fast the energy falls along ``forces``, eV/Å: from four energies, and as the evaluator's own forces say."""
    direction = forces / forces.norm().clamp(min=1e-12)
    steps = torch.tensor([-2.0, -1.0, 1.0, 2.0], dtype=torch.float64, device=positions.device)
    around = positions + 0.5 * STEP * steps[:, None, None] * direction
    energies, _ = evaluate(around, keys[:4])
    e = energies.tolist()
    slope = -(e[0] - 8 * e[1] + 8 * e[2] - e[3]) / (12 * 0.5 * STEP)
    _, own = evaluate(positions[None], keys[4:])
    return slope, float((own[0] * direction).sum())

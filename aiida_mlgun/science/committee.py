"""Several models' predictions of the same frames: their mean and their disagreement (T9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..contract.errors import RefusedError
from .frames import Floats


@dataclass(frozen=True)
class Disagreement:
    """Means and standard deviations over k members, with k − 1 in the denominator (Schran et al., J. Chem. Phys. 2020,
    153, 104105).

    :param energy_mean: (n,), eV; ``energy_std`` (n,), eV.
    :param forces_mean: (m, 3), eV/Å; ``forces_std`` (m, 3), eV/Å, per component.
    :param atom_std: (m,), eV/Å: root of the mean of an atom's three variances.
    """

    energy_mean: Floats
    energy_std: Floats
    forces_mean: Floats
    forces_std: Floats
    atom_std: Floats


def disagreement(energies: Sequence[Floats], forces: Sequence[Floats]) -> Disagreement:
    """What the members say together.

    :param energies: one (n,) per member, eV.
    :param forces: one (m, 3) per member, eV/Å.
    :raises RefusedError: fewer than two members, or predictions of different frames.
    """
    if len(energies) < 2 or len(energies) != len(forces):
        raise RefusedError(f"a committee needs at least two members, not {len(energies)}.")
    if len({e.shape for e in energies}) > 1 or len({f.shape for f in forces}) > 1:
        raise RefusedError("the members' predictions are of different frames.")
    forces_std = np.std(forces, axis=0, ddof=1)
    return Disagreement(
        energy_mean=np.mean(energies, axis=0),
        energy_std=np.std(energies, axis=0, ddof=1),
        forces_mean=np.mean(forces, axis=0),
        forces_std=forces_std,
        atom_std=np.sqrt((forces_std**2).mean(axis=1)),
    )

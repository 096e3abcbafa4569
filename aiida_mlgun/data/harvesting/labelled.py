"""What every reader returns, and how it becomes frames once it has been checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...contract.errors import RefusedError
from ...science.frames import Floats, Frames, Ints


@dataclass(frozen=True)
class Labelled:
    """``n`` frames of the same ``a`` atoms.

    :param numbers: (a,), atomic numbers.
    :param positions: (n, a, 3), Å.
    :param cells: (n, 3, 3), Å, rows are lattice vectors.
    :param pbc: periodic along the three lattice vectors.
    :param energy: (n,), eV.
    :param forces: (n, a, 3), eV/Å.
    :param stress: (n, 6), eV/Å³, Voigt order xx yy zz yz xz xy, positive under tension.
    :param velocities: (n, a, 3), Å/fs.
    :param steps: (n,), what the plugin calls the frames.
    :param converged: (n,), whether the electronic cycle converged; None where the outputs do not tell.
    :param level: level of theory, empty where the outputs do not tell.
    :param names: label → the array or key it was found under.
    :param notes: what was left out or put right, in words.
    """

    numbers: Ints
    positions: Floats
    cells: Floats
    pbc: tuple[bool, bool, bool]
    energy: Floats
    forces: Floats
    steps: list[str]
    stress: Floats | None = None
    velocities: Floats | None = None
    converged: list[bool | None] = field(default_factory=list)
    level: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def frames(self, what: str, run: str, stratum: str, level: str) -> Frames:
        """The frames, tagged.

        :param what: the calculation or node they come from, for messages and the tag ``source``.
        :raises RefusedError: when shapes do not fit together or a value is no finite number.
        """
        self._check(what)
        n, a = self.positions.shape[:2]
        converged = self.converged or [None] * n
        tags = {
            "run": [run] * n,
            "step": self.steps,
            "source": [what] * n,
            "scf_converged": ["" if flag is None else str(flag) for flag in converged],
            "stratum": [stratum] * n,
            "level": [level or self.level] * n,
        }
        return Frames(
            np.arange(n + 1, dtype=np.int64) * a,
            np.tile(self.numbers, n),
            self.positions.reshape(-1, 3),
            self.cells,
            np.tile(np.array(self.pbc, dtype=bool), (n, 1)),
            self.energy,
            self.forces.reshape(-1, 3),
            self.stress,
            None if self.velocities is None else self.velocities.reshape(-1, 3),
            {name: np.asarray(values, dtype=np.str_) for name, values in tags.items() if any(values)},
        )

    def _check(self, what: str) -> None:
        n, a = len(self.forces), len(self.numbers)
        if n == 0:
            raise RefusedError(f"{what}: there is no frame in it.")
        shapes = {
            "positions": (n, a, 3),
            "cells": (n, 3, 3),
            "energy": (n,),
            "forces": (n, a, 3),
            "stress": (n, 6),
            "velocities": (n, a, 3),
        }
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array is None:
                continue
            where = f"{what}: {name} (from {self.names.get(name, name)})"
            if array.shape != shape:
                raise RefusedError(
                    f"{where} has shape {array.shape}, but {n} frames of {a} atoms need {shape}: "
                    "which label belongs to which geometry cannot be told."
                )
            if not np.isfinite(array).all():
                first = [int(i) for i in np.argwhere(~np.isfinite(array))[0]]
                atom = f", atom {first[1]}" if len(first) == 3 and name != "cells" else ""
                raise RefusedError(f"{where} is not finite in frame {first[0]}{atom}; leave this calculation out.")
        if len(self.steps) != n or len(self.converged) not in (0, n):
            raise RefusedError(f"{what}: {n} frames, {len(self.steps)} steps, {len(self.converged)} convergence marks.")
        if any(self.pbc) and (np.abs(np.linalg.det(self.cells)) < 1e-6).any() and all(self.pbc):
            raise RefusedError(f"{what}: it is periodic, but its cell has no volume.")


def voigt(stress: NDArray[Any], unit: float) -> Floats:
    """Stress as plane-wave codes print it, (n, 3, 3), positive under compression → as in :class:`Labelled`, (n, 6).

    :param unit: eV/Å³ of one unit of ``stress``.
    """
    even = -unit * 0.5 * (stress + np.swapaxes(stress, -1, -2))
    rows, columns = [0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]
    result: Floats = even[..., rows, columns].astype(np.float64)
    return result

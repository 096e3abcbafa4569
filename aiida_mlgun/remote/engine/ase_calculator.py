"""The engine's evaluator as an ASE calculator, so that ASE's optimisers and thermostats can drive it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from .evaluator import Deferred, Evaluator


class PartCalculator(Calculator):
    """Energy (eV) and forces (eV/Å) of the atoms that move, among others that do not.

    The ASE atoms that carry it are the moving part alone: thermostats then count the right number of degrees of
    freedom, which ASE's Nosé-Hoover chain does not do with ``FixAtoms``.

    :param positions: (n, 3), Å, of all atoms; ``moving``: (n,) bool.
    """

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012  ASE's own way

    def __init__(self, evaluate: Evaluator, positions: Any, moving: Any, device: torch.device) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._evaluate, self._device = evaluate, device
        self._moving, self._positions = np.asarray(moving, dtype=bool), np.array(positions, dtype=np.float64)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """See :class:`ase.calculators.calculator.Calculator`."""
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        assert self.atoms is not None
        self._positions[self._moving] = self.atoms.positions
        x = torch.as_tensor(self._positions, device=self._device)[None]
        if isinstance(self._evaluate, Deferred) and self._evaluate.deferred:
            self._evaluate.refresh(x, (0,))
        energies, forces = self._evaluate(x, (0,))
        energy = float(energies[0])
        self.results = {"energy": energy, "free_energy": energy, "forces": forces[0].cpu().numpy()[self._moving]}

"""Energies and forces of a batch of systems with the same atoms, by a MACE model in whatever precision it has."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from ase.data import chemical_symbols
from numpy.typing import NDArray

from ...contract.errors import RefusedError
from .neighbours import SkinLists, within_reach

SKIN = 0.5  # Å; about 50 rebuilds per 1000 steps of 0.5 fs at 300 K


class Evaluator(Protocol):
    """What moves atoms."""

    def __call__(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions (rows, n, 3), Å → energies (rows,), eV, and forces (rows, n, 3), eV/Å; float64 all.

        Rows do not see each other.  A row that can't be evaluated has the energy NaN.
        """


class MaceEvaluator:
    """A MACE model (``ScaleShiftMACE``) on systems of atoms ``numbers`` (n,) in ``cell`` (3, 3), Å, with ``pbc`` (3,).

    Device and precision are the model's.  Energies are the float64 sum of the isolated atoms' energies plus the
    model's interaction energy, so that a float32 model keeps its digits for the part that changes.

    :param head: the model's head; None takes the last one.
    :raises RefusedError: for an element (``element_not_covered``) or a head that the model lacks.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        numbers: NDArray[np.integer[Any]],
        cell: NDArray[np.float64],
        pbc: NDArray[np.bool_],
        *,
        head: str | None = None,
        skin: float = SKIN,
    ) -> None:
        known = [int(z) for z in _tensor(model, "atomic_numbers")]
        lacking = sorted({int(z) for z in numbers} - set(known))
        if lacking:
            names = ", ".join(chemical_symbols[z] for z in lacking)
            raise RefusedError(f"the model does not know {names}.", status="element_not_covered")
        heads: list[str] = list(getattr(model, "heads", None) or ["Default"])
        if head is not None and head not in heads:
            raise RefusedError(f"the model has no head {head!r}. It has: {', '.join(heads)}.")
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        r_max = _tensor(model, "r_max")
        self.r_max = float(r_max)
        self.model, self.n_atoms = model.eval(), len(numbers)
        self.device, self.dtype = r_max.device, r_max.dtype
        self.lists = SkinLists(self.n_atoms, cell, pbc, self.r_max, skin, self.device, self.dtype)
        species = torch.tensor([known.index(int(z)) for z in numbers], device=self.device)
        self._attributes = torch.nn.functional.one_hot(species, len(known)).to(self.dtype)
        self._cell = torch.as_tensor(np.asarray(cell), dtype=self.dtype, device=self.device)
        self._head = len(heads) - 1 if head is None else heads.index(head)
        e0s = _tensor(model.get_submodule("atomic_energies_fn"), "atomic_energies")
        isolated = e0s.double().reshape(-1, len(known))
        self._isolated = isolated[min(self._head, len(isolated) - 1), species].sum()
        self._static: dict[int, dict[str, torch.Tensor]] = {}

    def __call__(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See :class:`Evaluator`."""
        rows = len(positions)
        edges = self.lists.edges(positions)
        graph = {
            **self._batch(rows),
            "positions": positions.detach().reshape(-1, 3).to(self.dtype, copy=True),
            "edge_index": edges.index,
            "shifts": edges.shifts,
        }
        # on a CPU, TorchScript's optimiser gains nothing and makes a process's first call differ in its last digits
        with torch.jit.optimized_execution(self.device.type != "cpu"):  # type: ignore[attr-defined]
            out = self.model(graph, training=False, compute_force=True)
        energies = out["interaction_energy"].detach().double() + self._isolated
        forces = out["forces"].detach().double().reshape(rows, self.n_atoms, 3)
        return energies.masked_fill(~within_reach(positions), torch.nan), forces

    def _batch(self, rows: int) -> dict[str, torch.Tensor]:
        if rows not in self._static:
            systems = torch.arange(rows, device=self.device)
            self._static[rows] = {
                "node_attrs": self._attributes.repeat(rows, 1),
                "batch": systems.repeat_interleave(self.n_atoms),
                "ptr": torch.arange(rows + 1, device=self.device) * self.n_atoms,
                "cell": self._cell.repeat(rows, 1),
                "head": torch.full_like(systems, self._head),
            }
        return self._static[rows]


def _tensor(model: torch.nn.Module, name: str) -> torch.Tensor:
    value = getattr(model, name, None)
    if not isinstance(value, torch.Tensor):
        raise RefusedError(f"this is no MACE model: it has no {name}.")
    return value

"""The reference: a MACE model run by torch."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch

from ..neighbours import Edges, SkinLists, within_reach
from .system import SKIN, System, look_up, tensor


class TorchMace:
    """A MACE model (``ScaleShiftMACE``) on a system, in the model's precision, on its device.

    Energies are the float64 sum of the isolated atoms' energies plus the model's interaction energy, so that a float32
    model keeps its digits for the part that changes.

    On a CPU the pairs within ``r_max`` are picked at each call, so that the answer depends on the positions alone.
    Elsewhere the pairs of the skin lists are given to the model as they are (what lies beyond ``r_max`` it multiplies
    by zero), because picking would make the host wait for the device at each step: see
    :class:`~..evaluator.Deferred`.

    :param head: the model's head; None takes the last one.
    :param own_graphs: one call per row: its last digits then do not depend on the other rows.
    :param deferred: None: as the device is.
    :raises RefusedError: for an element (``element_not_covered``) or a head that the model lacks.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        system: System,
        *,
        head: str | None = None,
        skin: float = SKIN,
        own_graphs: bool = False,
        deferred: bool | None = None,
    ) -> None:
        known = look_up(model, system, head)
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        r_max = tensor(model, "r_max")
        self.r_max = float(r_max)
        self.model, self.n_atoms, self.own_graphs = model.eval(), len(system), own_graphs
        self.device, self.dtype = r_max.device, r_max.dtype
        self.deferred = self.device.type != "cpu" if deferred is None else deferred
        if self.device.type == "cuda":
            torch.set_float32_matmul_precision("highest")  # TF32 has 10 bits of mantissa: forces need all of float32's
        self.lists = SkinLists(self.n_atoms, system.cell, system.pbc, self.r_max, skin, self.device, self.dtype)
        species = torch.tensor(known.species, device=self.device)
        self._attributes = torch.nn.functional.one_hot(species, len(known.elements)).to(self.dtype)
        self._cell = torch.as_tensor(np.asarray(system.cell), dtype=self.dtype, device=self.device)
        self._head, self._isolated = known.head, known.isolated
        self._static: dict[int, dict[str, torch.Tensor]] = {}

    def __call__(self, positions: torch.Tensor, keys: Sequence[int] = ()) -> tuple[torch.Tensor, torch.Tensor]:
        """See :class:`~..evaluator.Evaluator`."""
        x = positions.detach()
        if self.deferred:
            edges = self.lists.held(x, keys)
            self.lists.watch(x)
        else:
            edges = self.lists.edges(x, keys)
        if self.own_graphs and len(x) > 1:
            parts = [self._run(x[[row]], part) for row, part in enumerate(self._parted(edges, len(x)))]
            energies, forces = (torch.cat(both) for both in zip(*parts, strict=True))
        else:
            energies, forces = self._run(x, edges)
        return energies.masked_fill(~within_reach(x), torch.nan), forces

    def refresh(self, positions: torch.Tensor, keys: Sequence[int]) -> None:
        """See :class:`~..evaluator.Deferred`."""
        self.lists.refresh(positions, keys, self.lists.skin / 4)

    def outrun(self) -> bool:
        """See :class:`~..evaluator.Deferred`."""
        return self.deferred and self.lists.outrun()

    def references(self, keys: Sequence[int]) -> torch.Tensor:
        """See :class:`~..evaluator.Listing`."""
        return self.lists.references(keys)

    def recall(self, keys: Sequence[int], references: torch.Tensor) -> None:
        """See :class:`~..evaluator.Listing`."""
        self.lists.recall(keys, references)

    def forget(self, keys: Sequence[int]) -> None:
        """See :class:`~..evaluator.Listing`."""
        self.lists.forget(keys)

    def _run(self, positions: torch.Tensor, edges: Edges) -> tuple[torch.Tensor, torch.Tensor]:
        rows = len(positions)
        graph = {
            **self._batch(rows),
            "positions": positions.reshape(-1, 3).to(self.dtype, copy=True),
            "edge_index": edges.index,
            "shifts": edges.shifts,
        }
        # on a CPU, TorchScript's optimiser gains nothing and makes a process's first call differ in its last digits
        with torch.jit.optimized_execution(self.device.type != "cpu"):  # type: ignore[attr-defined]
            out = self.model(graph, training=False, compute_force=True)
        energies = out["interaction_energy"].detach().double() + self._isolated
        return energies, out["forces"].detach().double().reshape(rows, self.n_atoms, 3)

    def _parted(self, edges: Edges, rows: int) -> list[Edges]:
        """Each row's edges on their own, atoms counted from 0."""
        starts = torch.arange(1, rows, device=self.device) * self.n_atoms
        cuts = torch.searchsorted(edges.index[0].contiguous(), starts).tolist()
        bounds = [0, *cuts, edges.index.shape[1]]
        return [
            Edges(edges.index[:, a:b] - row * self.n_atoms, edges.shifts[a:b])
            for row, (a, b) in enumerate(itertools.pairwise(bounds))
        ]

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

"""A MACE model run by torch, its sums in another order: see :mod:`aiida_mlgun.remote.mace.factorised`."""

from __future__ import annotations

import torch

from ...mace.factorised import factorised, padded
from ..neighbours import Edges
from .system import SKIN, System
from .torch_mace import TorchMace


class FactorisedMace(TorchMace):
    """As :class:`.TorchMace`, several times faster.

    :param model: in float64; it stays as it is.   :param dtype: of the arithmetic.
    :raises RefusedError: for a model it can't do; else as :class:`.TorchMace`.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        system: System,
        *,
        dtype: torch.dtype = torch.float64,
        head: str | None = None,
        skin: float = SKIN,
        own_graphs: bool = False,
        deferred: bool | None = None,
    ) -> None:
        twin = factorised(model, dtype)
        super().__init__(twin, system, head=head, skin=skin, own_graphs=own_graphs, deferred=deferred)
        self._padded: tuple[int, Edges] | None = None  # of this generation of the lists

    def _run(self, positions: torch.Tensor, edges: Edges) -> tuple[torch.Tensor, torch.Tensor]:
        return super()._run(positions, self._pad(edges, len(positions) * self.n_atoms))

    def _pad(self, edges: Edges, n_atoms: int) -> Edges:
        """Where lists are taken as they are, once per list: finding the number of edges waits for the device."""
        if not self.deferred or self.own_graphs:
            return Edges(*padded(edges.index, edges.shifts, n_atoms, self.r_max))
        if self._padded is None or self._padded[0] != self.lists.generation:
            made = Edges(*padded(edges.index, edges.shifts, n_atoms, self.r_max))
            self._padded = self.lists.generation, made
        return self._padded[1]

"""A MACE model run by symmetrix-xl; measured 14 to 17 times faster than MACE's modules on a CPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ...mace.symmetrix_model import SymmetrixModel
from ..neighbours import SkinLists, numbered, within_reach
from .system import SKIN, System, look_up

_CPU = torch.device("cpu")


class SymmetrixMace:
    """A two-layer MACE model on a system; positions and forces pass through the host's memory.

    All rows are one graph of separate parts, which the program keeps until a list changes.  Each atom's sums run over
    its own edges in their order, so a row's last digits do not depend on the other rows; they do depend on when its
    list was made, because pairs beyond ``r_max`` stay in it.

    :param model: in any precision; :param dtype: of the arithmetic.
    :param head: the model's head; None takes the last one.
    :param device: where positions come from and forces go to, and where the program computes.
    :raises RefusedError: the program is not there or can't do the model; else as :class:`~.torch_mace.TorchMace`.
    """

    deferred = False

    def __init__(
        self,
        model: torch.nn.Module,
        system: System,
        *,
        dtype: torch.dtype = torch.float64,
        head: str | None = None,
        skin: float = SKIN,
        device: torch.device = _CPU,
    ) -> None:
        known = look_up(model, system, head)
        elements = sorted({int(z) for z in system.numbers})
        precision = str(dtype).removeprefix("torch.")
        self._program = SymmetrixModel(model, elements, known.heads[known.head], precision, device.type)
        self.note, self.kernels = self._program.note, self._program.kernels
        self.r_max, self.n_atoms = self._program.r_max, len(system)
        self.device, self.dtype = device, dtype
        self.lists = SkinLists(self.n_atoms, system.cell, system.pbc, self.r_max, skin, _CPU, torch.float64)
        self._types = np.array([self._program.numbers.index(int(z)) for z in system.numbers], dtype=np.int32)
        self._isolated = known.isolated
        self._prepared = -1  # generation of the lists that the program holds

    def __call__(self, positions: torch.Tensor, keys: Sequence[int] = ()) -> tuple[torch.Tensor, torch.Tensor]:
        """See :class:`~..evaluator.Evaluator`."""
        x, rows = positions.detach().cpu(), len(positions)
        told = numbered(keys, rows)
        self.lists.refresh(x, told, self.lists.skin / 2)
        edges = self.lists.held(x, told)
        if self._prepared != self.lists.generation:
            senders, receivers = edges.index.to(torch.int32).numpy()
            self._program.prepare(np.tile(self._types, rows), senders.copy(), receivers.copy())
            self._prepared = self.lists.generation
        there = within_reach(x)
        flat = torch.where(there[:, None, None], x, 0.0).reshape(-1, 3)
        vectors = flat.index_select(0, edges.index[1]) - flat.index_select(0, edges.index[0]) + edges.shifts
        distances = vectors.norm(dim=1)
        vectors, distances, struck = self._held_in(vectors, distances)
        energies, forces = self._program.compute(vectors.numpy(), distances.numpy())
        total = torch.from_numpy(energies.reshape(rows, -1).sum(axis=1)) + self._isolated
        if bool(struck.any()):
            there[edges.index[0][struck] // self.n_atoms] = False
        pushed = torch.from_numpy(forces).reshape(rows, self.n_atoms, 3)
        return total.masked_fill(~there, torch.nan).to(self.device), pushed.to(self.device)

    def _held_in(
        self, vectors: torch.Tensor, distances: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Vectors and lengths as the program wants them: in (0, r_max]; and which pairs had no length at all.

        What lies beyond ``r_max`` is drawn in to it, where the model's cutoff makes it nothing.
        """
        struck = distances < _STRUCK
        vectors = torch.where(struck[:, None], vectors.new_tensor([self.r_max, 0.0, 0.0]), vectors)
        scale = (self.r_max / distances.clamp(min=_STRUCK)).clamp(max=1.0)
        return vectors * scale[:, None], torch.where(struck, self.r_max, distances.clamp(max=self.r_max)), struck

    def references(self, keys: Sequence[int]) -> torch.Tensor:
        """See :class:`~..evaluator.Listing`."""
        return self.lists.references(keys).to(self.device)

    def recall(self, keys: Sequence[int], references: torch.Tensor) -> None:
        """See :class:`~..evaluator.Listing`."""
        self.lists.recall(keys, references.cpu())

    def forget(self, keys: Sequence[int]) -> None:
        """See :class:`~..evaluator.Listing`."""
        self.lists.forget(keys)


_STRUCK = 1e-3  # Å; two nuclei in one place: no model knows an energy for that

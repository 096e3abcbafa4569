"""Neighbours of many systems at once, from lists with a skin (Verlet, Phys. Rev. 1967, 159, 98).

A row's list holds all pairs within ``r_max + skin`` of the positions it was made at.  As long as no atom of the row has
moved more than half a skin since, it holds every pair within ``r_max``; what is farther is left out at each call.  So
the answer depends on the positions alone: a row may be given to another system at any time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from vesin import NeighborList

#: Å; an atom beyond it was flung away.  vesin 0.6 ends the whole process on coordinates above about 1e5 Å.
REACH = 5000.0


@dataclass(frozen=True)
class Edges:
    """Directed pairs (each pair stands twice), atoms counted through the batch.

    :param index: (2, e) int64, senders and receivers.
    :param shifts: (e, 3), Å: receiver − sender + shift is the pair's vector.
    """

    index: torch.Tensor
    shifts: torch.Tensor


def within_reach(positions: torch.Tensor) -> torch.Tensor:
    """(rows,) bool: whether all coordinates of positions (rows, n, 3) are finite and below :data:`REACH`."""
    return positions.abs().amax(dim=(1, 2)) <= REACH


class SkinLists:
    """Skin lists of systems of ``n_atoms`` in one ``cell`` (3, 3), Å.

    :param r_max: cutoff, Å.
    :param skin: Å.
    :param dtype: of the shifts handed out.
    """

    def __init__(
        self,
        n_atoms: int,
        cell: NDArray[np.float64],
        pbc: NDArray[np.bool_],
        r_max: float,
        skin: float,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.n_atoms, self.r_max, self.skin, self.device, self.dtype = n_atoms, r_max, skin, device, dtype
        self.cell, self.pbc = np.ascontiguousarray(cell, dtype=np.float64), np.ascontiguousarray(pbc, dtype=np.bool_)
        self.builds = 0
        self._reference = torch.full((0, n_atoms, 3), torch.nan, dtype=torch.float64, device=device)
        self._rows: list[NDArray[np.int64]] = []  # per row (e, 5): sender, receiver, three unit shifts
        self._list = NeighborList(cutoff=r_max + skin, full_list=True, sorted=True, n_threads=1)

    def edges(self, positions: torch.Tensor) -> Edges:
        """All pairs closer than ``r_max`` in positions (rows, n_atoms, 3), Å, float64.

        A row out of reach (see :func:`within_reach`) has no pairs.
        """
        self._refresh(positions)
        flat = positions.reshape(-1, 3)
        vectors = flat.index_select(0, self._index[1]) - flat.index_select(0, self._index[0]) + self._shifts
        near = ((vectors * vectors).sum(dim=1) < self.r_max**2).nonzero().squeeze(1)
        return Edges(self._index.index_select(1, near), self._shifts.index_select(0, near).to(self.dtype))

    def _refresh(self, positions: torch.Tensor) -> None:
        rows = len(positions)
        if rows != len(self._rows):
            kept = min(rows, len(self._rows))
            reference = torch.full_like(positions, torch.nan)
            reference[:kept] = self._reference[:kept]
            self._reference, self._rows = reference, self._rows[:kept] + [_NO_PAIRS] * (rows - kept)
            self._join()
        moved = (positions - self._reference).square().sum(dim=2).amax(dim=1)
        stale = (~(moved <= (self.skin / 2) ** 2)).nonzero().squeeze(1).tolist()  # not >: NaN is stale
        if not stale:
            return
        there = within_reach(positions).tolist()
        host = positions.detach().cpu().numpy()
        for row in stale:
            self._rows[row] = self._build(host[row]) if there[row] else _NO_PAIRS
        self._reference = self._reference.clone()
        self._reference[stale] = positions[stale].detach()
        self._join()

    def _build(self, positions: NDArray[np.float64]) -> NDArray[np.int64]:
        self.builds += 1
        i, j, shift = self._list.compute(np.ascontiguousarray(positions), self.cell, self.pbc, "ijS")
        return np.concatenate([np.stack([i, j], axis=1).astype(np.int64), shift.astype(np.int64)], axis=1)

    def _join(self) -> None:
        counts = [len(row) for row in self._rows]
        table = np.concatenate(self._rows)
        first = np.repeat(np.arange(len(counts)) * self.n_atoms, counts)
        self._index = torch.from_numpy(np.ascontiguousarray(table[:, :2].T + first)).to(self.device)
        self._shifts = torch.from_numpy(table[:, 2:].astype(np.float64) @ self.cell).to(self.device)


_NO_PAIRS: NDArray[np.int64] = np.empty((0, 5), dtype=np.int64)

"""Neighbours of many systems at once, from lists with a skin (Verlet, Phys. Rev. 1967, 159, 98).

A system's list holds all pairs within ``r_max + skin`` of the positions it was made at, its reference.  As long as no
atom has moved more than half a skin since, it holds every pair within ``r_max``.  Lists are kept by key (a shot's
number), so that which list a system has depends on its own path alone, not on its place in a batch.  A list's pairs
stand in one total order (sender, receiver, shift); what is summed in that order does not depend on when it was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from vesin import NeighborList

from .lattice import LatticePairs

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


@dataclass(frozen=True)
class _List:
    """One system's pairs (e, 5) int64: sender, receiver, three unit shifts; made at ``reference`` (n, 3), Å."""

    pairs: torch.Tensor
    reference: torch.Tensor


def within_reach(positions: torch.Tensor) -> torch.Tensor:
    """(rows,) bool: whether all coordinates of positions (rows, n, 3) are finite and below :data:`REACH`."""
    return positions.abs().amax(dim=(1, 2)) <= REACH


def numbered(keys: Sequence[int], rows: int) -> tuple[int, ...]:
    """The keys of ``rows`` systems; () numbers them from 0."""
    told = tuple(keys) or tuple(range(rows))
    if len(told) != rows or len(set(told)) != rows:
        raise ValueError(f"{rows} systems need {rows} different keys, not {list(told)[:8]}.")
    return told


class SkinLists:
    """Skin lists of systems of ``n_atoms`` in one ``cell`` (3, 3), Å.

    :param r_max: cutoff, Å.
    :param skin: Å.
    :param dtype: of the shifts handed out.
    :param on_device: search pairs with torch where the positions are; False: with vesin on the host.
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
        *,
        on_device: bool | None = None,
    ) -> None:
        self.n_atoms, self.r_max, self.skin, self.device, self.dtype = n_atoms, r_max, skin, device, dtype
        self.cell, self.pbc = np.ascontiguousarray(cell, dtype=np.float64), np.ascontiguousarray(pbc, dtype=np.bool_)
        self.builds = 0  # lists made so far
        self.generation = 0  # grows whenever what the batch's rows hold changes
        self._lists: dict[int, _List] = {}
        self._keys: tuple[int, ...] | None = None  # of the batch that is joined
        self._far = torch.zeros((), dtype=torch.bool, device=device)
        self._vectors = torch.as_tensor(self.cell, device=device)
        self._device_search = device.type != "cpu" if on_device is None else on_device
        self._lattice = LatticePairs(self.cell, self.pbc, r_max + skin, device)
        self._host = NeighborList(cutoff=r_max + skin, full_list=True, sorted=True, n_threads=1)

    def edges(self, positions: torch.Tensor, keys: Sequence[int] = ()) -> Edges:
        """All pairs closer than ``r_max`` in positions (rows, n_atoms, 3), Å, float64.

        A row out of reach (see :func:`within_reach`) has no pairs.
        """
        self.refresh(positions, keys, self.skin / 2)
        flat = positions.reshape(-1, 3)
        vectors = flat.index_select(0, self._index[1]) - flat.index_select(0, self._index[0]) + self._shifts
        near = ((vectors * vectors).sum(dim=1) < self.r_max**2).nonzero().squeeze(1)
        return Edges(self._index.index_select(1, near), self._shifts.index_select(0, near).to(self.dtype))

    def held(self, positions: torch.Tensor, keys: Sequence[int] = ()) -> Edges:
        """All pairs of the rows' lists as they are, those beyond ``r_max`` too; rows without a list get one."""
        told = numbered(keys, len(positions))
        if told != self._keys:
            self.refresh(positions, told, torch.inf)
        return Edges(self._index, self._handed)

    def watch(self, positions: torch.Tensor) -> None:
        """Remember for :meth:`outrun` whether a row of the last batch is too far for its list; without waiting."""
        moved = (positions - self._reference).square().sum(dim=2).amax(dim=1)
        self._far = self._far | ((moved > (self.skin / 2) ** 2) & within_reach(positions)).any()

    def outrun(self) -> bool:
        """Whether :meth:`watch` met a row beyond half a skin since the last call of this; waits for the device."""
        far = bool(self._far)
        self._far = torch.zeros_like(self._far)
        return far

    def refresh(self, positions: torch.Tensor, keys: Sequence[int], allowed: float) -> None:
        """Remake the lists of rows in which an atom moved more than ``allowed``, Å, and those that are not there."""
        told = numbered(keys, len(positions))
        reference = self._reference if told == self._keys else self.references(told)
        moved = (positions - reference).square().sum(dim=2).amax(dim=1)
        stale = (~(moved <= allowed**2)).nonzero().squeeze(1).tolist()  # not >: NaN is stale
        if stale:
            self._build(positions[stale].detach(), [told[row] for row in stale])
        if stale or told != self._keys:
            self._join(told)

    def references(self, keys: Sequence[int]) -> torch.Tensor:
        """See :class:`~.evaluator.Listing`."""
        unknown = torch.full((self.n_atoms, 3), torch.nan, dtype=torch.float64, device=self.device)
        rows = [self._lists[key].reference if key in self._lists else unknown for key in keys]
        return torch.stack(rows) if rows else unknown.new_empty((0, self.n_atoms, 3))

    def recall(self, keys: Sequence[int], references: torch.Tensor) -> None:
        """See :class:`~.evaluator.Listing`; a key whose reference is NaN is forgotten."""
        self.forget(keys)
        known = (~references.isnan().any(dim=2).any(dim=1)).nonzero().squeeze(1).tolist()
        if known:
            self._build(references[known].to(self.device, torch.float64), [keys[row] for row in known])

    def forget(self, keys: Sequence[int]) -> None:
        """See :class:`~.evaluator.Listing`."""
        for key in keys:
            self._lists.pop(key, None)
        self._keys = None

    def _build(self, positions: torch.Tensor, keys: Sequence[int]) -> None:
        there = within_reach(positions)
        if self._device_search:
            found = self._lattice(torch.where(there[:, None, None], positions, torch.nan))
        else:
            host = positions.cpu().numpy()
            found = [self._search(x) if ok else _NO_PAIRS for x, ok in zip(host, there.tolist(), strict=True)]
        self.builds += len(keys)
        for key, pairs, reference in zip(keys, found, positions.clone(), strict=True):
            self._lists[key] = _List(pairs.to(self.device), reference)

    def _search(self, positions: NDArray[np.float64]) -> torch.Tensor:
        i, j, shift = self._host.compute(np.ascontiguousarray(positions), self.cell, self.pbc, "ijS")
        table = np.column_stack([i, j, shift]).astype(np.int64)
        width = 2 * int(np.abs(table[:, 2:]).max(initial=0)) + 1
        order = np.lexsort((table[:, 2:] @ [width**2, width, 1], table[:, 0] * self.n_atoms + table[:, 1]))
        return torch.from_numpy(table[order])

    def _join(self, keys: tuple[int, ...]) -> None:
        lists = [self._lists[key] for key in keys]
        table = torch.cat([a.pairs for a in lists])
        counts = torch.tensor([len(a.pairs) for a in lists], device=self.device)
        first = (torch.arange(len(lists), device=self.device) * self.n_atoms).repeat_interleave(counts)
        self._index = (table[:, :2] + first[:, None]).T.contiguous()
        self._shifts = table[:, 2:].to(torch.float64) @ self._vectors
        self._handed = self._shifts.to(self.dtype)
        self._reference = torch.stack([a.reference for a in lists])
        self._keys = keys
        self.generation += 1


_NO_PAIRS = torch.empty((0, 5), dtype=torch.int64)

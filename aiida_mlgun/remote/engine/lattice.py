"""All pairs within a cutoff, of many systems at once, with torch alone: over lattice images, on any device."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


class LatticePairs:
    """Pairs within ``cutoff``, Å, in ``cell`` (3, 3), Å, any shape, periodic along the vectors that ``pbc`` (3,) names.

    Cost: rows · n² · images distances; one image of all rows is held at a time.
    """

    def __init__(self, cell: NDArray[np.float64], pbc: NDArray[np.bool_], cutoff: float, device: torch.device) -> None:
        full = _completed(np.asarray(cell, dtype=np.float64), np.asarray(pbc, dtype=bool))
        inverse = np.linalg.inv(full)
        # a coordinate along vector d changes by at most cutoff · |its gradient| within the cutoff
        reach = np.where(pbc, np.ceil(cutoff * np.linalg.norm(inverse, axis=0)), 0).astype(int)
        axes = [np.arange(-m, m + 1) for m in reach]
        images = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        self._cutoff2 = cutoff**2
        self._cell, self._inverse = (torch.as_tensor(a, device=device) for a in (full, inverse))
        self._periodic = torch.as_tensor(np.asarray(pbc, dtype=np.float64), device=device)
        self._images = torch.as_tensor(images, device=device)

    def __call__(self, positions: torch.Tensor) -> list[torch.Tensor]:
        """Positions (rows, n, 3), Å, float64 → per row (e, 5) int64: sender, receiver, three unit shifts.

        In the order (sender, receiver, shift).  receiver − sender + shift · cell is a pair's vector.  A row with a
        coordinate that is not a number has no pair.
        """
        rows, n = positions.shape[:2]
        good = ~positions.isnan().any(dim=2).any(dim=1)
        x = torch.where(good[:, None, None], positions, 0.0)
        turns = (x @ self._inverse).floor() * self._periodic  # how often an atom has left the cell
        inside = x - turns @ self._cell
        found = []
        for image in self._images:
            d = inside[:, None, :, :] - inside[:, :, None, :] + image.double() @ self._cell
            near = (d.square().sum(dim=3) < self._cutoff2) & good[:, None, None]
            if not image.any():
                near &= ~torch.eye(n, dtype=torch.bool, device=near.device)
            row, i, j = near.nonzero(as_tuple=True)
            shift = image + (turns[row, i] - turns[row, j]).long()
            found.append(torch.cat([torch.stack([row, i, j], dim=1), shift], dim=1))
        table = torch.cat(found)
        table = table[_order(table, n)]
        ends = torch.bincount(table[:, 0], minlength=rows).cumsum(0).tolist()
        return [part[:, 1:] for part in torch.tensor_split(table, ends[:-1])]


def _order(table: torch.Tensor, n: int) -> torch.Tensor:
    """Indices that sort (row, i, j, three shifts)."""
    width = 2 * int(table[:, 3:].abs().max()) + 1 if len(table) else 1
    shift = (table[:, 3] * width + table[:, 4]) * width + table[:, 5]
    first = shift.argsort(stable=True)
    pair = (table[:, 0] * n + table[:, 1]) * n + table[:, 2]
    return first[pair[first].argsort(stable=True)]


def _completed(cell: NDArray[np.float64], pbc: NDArray[Any]) -> NDArray[np.float64]:
    """A cell that can be inverted: the periodic vectors as they are, the others at right angles to them."""
    full = np.where(pbc[:, None], cell, 0.0)
    _, sizes, directions = np.linalg.svd(full)
    spare = list(directions[int((sizes > 1e-8).sum()) :])
    for d in range(3):
        if not pbc[d]:
            full[d] = spare.pop()
    return full

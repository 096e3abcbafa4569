"""Where over the cell the molecule has been, and how low ([W] Fig. 6, S3, S4; row O7)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import RefusedError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: In :attr:`LowestMap.owners`: nobody was here.
NOBODY: Final = -1


class LowestMap:
    """The lowest height per bin of the lateral cell, and whose it was; shots are added one after the other.

    The memory is that of the bins, however many points come: 12 bytes each.

    :param cell: (2, 2), Å, lateral lattice vectors as rows; they may be oblique.
    :param bins: along a and b; entry [i, j] covers the fractions i/bins … (i+1)/bins of a and likewise of b.
    :raises RefusedError: when the cell is flat or there is no bin.
    """

    def __init__(self, cell: Floats, bins: int | tuple[int, int] = 1000) -> None:
        self.shape = (bins, bins) if isinstance(bins, int) else bins
        lateral = np.asarray(cell, dtype=np.float64)
        if min(self.shape) < 1 or lateral.shape != (2, 2) or abs(np.linalg.det(lateral)) < 1e-9:
            raise RefusedError(
                "a sampling map needs two independent lateral lattice vectors and at least one bin each."
            )
        self._inverse = np.linalg.inv(lateral)
        self._lowest = np.full(self.shape[0] * self.shape[1], np.inf)
        self._owner = np.full(self.shape[0] * self.shape[1], NOBODY, dtype=np.int32)
        self.n_points = 0

    def add(self, points: Floats, owner: int = 0) -> None:
        """Add the points of one shot, or of one kind of shots.

        :param points: (k, 3), Å, x, y and height above the surface; x and y anywhere, they are folded into the cell.
        :param owner: a number that is not negative; where two are equally low, the first stays.
        :raises RefusedError: when a point is not finite.
        """
        if not np.isfinite(points).all():
            raise RefusedError("a sampling map needs finite points.")
        index, heights = self._flat(points), points[:, 2]
        lower = heights < self._lowest[index]
        np.minimum.at(self._lowest, index[lower], heights[lower])
        self._owner[index[lower]] = owner
        self.n_points += len(points)

    def heights(self) -> Floats:
        """(bins along a, bins along b), Å, NaN where no point fell."""
        return np.where(np.isfinite(self._lowest), self._lowest, np.nan).reshape(self.shape)

    def owners(self) -> NDArray[np.int32]:
        """(bins along a, bins along b), the owner of the lowest point, :data:`NOBODY` where there is none."""
        return self._owner.reshape(self.shape).copy()

    def visited(self) -> float:
        """The share of bins in which a point fell."""
        return float(np.isfinite(self._lowest).mean())

    def _flat(self, points: Floats) -> Ints:
        """(k,), the number of each point's bin."""
        fractions = points[:, :2] @ self._inverse
        fractions -= np.floor(fractions)
        along = [np.minimum((fractions[:, i] * n).astype(np.int64), n - 1) for i, n in enumerate(self.shape)]
        return np.asarray(along[0] * self.shape[1] + along[1])


class SideView:
    """Points per bin of one lattice direction and height: the cell seen along its other direction.

    :param cell: (2, 2), Å, lateral lattice vectors as rows.
    :param along: 0: across is a, seen along b; 1: across is b, seen along a.
    :param bins: across and up.
    :param low, high: Å, heights of the lower and upper edge; points beyond are left out.
    :raises RefusedError: when the cell is flat, or there is no bin or no height.
    """

    def __init__(self, cell: Floats, along: int, bins: tuple[int, int], low: float, high: float) -> None:
        lateral = np.asarray(cell, dtype=np.float64)
        if min(bins) < 1 or lateral.shape != (2, 2) or abs(np.linalg.det(lateral)) < 1e-9 or not low < high:
            raise RefusedError("a side view needs two independent lateral lattice vectors, bins, and low below high.")
        self.shape, self.low, self.high = bins, low, high
        self._column = np.linalg.inv(lateral)[:, along]
        self._counts = np.zeros(bins[0] * bins[1], dtype=np.int64)

    def add(self, points: Floats) -> None:
        """Add points (k, 3), Å: x, y, height; x and y are folded into the cell."""
        fraction = points[:, :2] @ self._column
        fraction -= np.floor(fraction)
        up = (points[:, 2] - self.low) / (self.high - self.low)
        inside = (up >= 0) & (up < 1)
        across = np.minimum((fraction[inside] * self.shape[0]).astype(np.int64), self.shape[0] - 1)
        row = np.minimum((up[inside] * self.shape[1]).astype(np.int64), self.shape[1] - 1)
        np.add.at(self._counts, across * self.shape[1] + row, 1)

    def counts(self) -> Ints:
        """(bins across, bins up), the points in each."""
        return self._counts.reshape(self.shape).copy()


def lowest_z_map(points: Floats, cell: Floats, bins: int | tuple[int, int] = 1000) -> Floats:
    """The lowest height per bin of points that are all at hand; see :class:`LowestMap`.

    :param points: (k, 3), Å, x, y and height above the surface.
    :returns: (bins along a, bins along b), Å, NaN where no point fell.
    :raises RefusedError: when the cell is flat or a point is not finite.
    """
    found = LowestMap(cell, bins)
    found.add(points)
    return found.heights()


def pooled(heights: Floats, owners: NDArray[np.int32], most: int) -> tuple[Floats, NDArray[np.int32], int]:
    """The lowest of k × k neighbouring bins and whose it is, with the smallest k that leaves at most ``most`` a side.

    :param heights: (m, n), NaN for nothing; owners: (m, n).
    :returns: heights and owners (ceil(m/k), ceil(n/k)), and k; bins beyond the last one count as empty.
    """
    k = -(-max(heights.shape) // most)
    padding = [(0, -n % k) for n in heights.shape]
    shape = tuple(-(-n // k) for n in heights.shape)

    def blocks(table: NDArray[Any], empty: float) -> NDArray[Any]:
        padded = np.pad(table, padding, constant_values=empty)
        return padded.reshape(shape[0], k, shape[1], k).swapaxes(1, 2).reshape(*shape, k * k)

    parts = blocks(np.where(np.isnan(heights), np.inf, heights), np.inf)
    best = parts.argmin(axis=2)[:, :, None]
    lowest = np.take_along_axis(parts, best, axis=2)[:, :, 0]
    whose = np.take_along_axis(blocks(owners, NOBODY), best, axis=2)[:, :, 0]
    return np.where(np.isfinite(lowest), lowest, np.nan), whose, k

"""Where over the cell the molecule has been, and how low ([W] Fig. 6; row O7)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import RefusedError

Floats = NDArray[np.float64]


def lowest_z_map(points: Floats, cell: Floats, bins: int | tuple[int, int] = 1000) -> Floats:
    """The lowest height per bin of the lateral cell.

    :param points: (k, 3), Å, x, y and height above the surface; x and y anywhere, they are folded into the cell.
    :param cell: (2, 2), Å, lateral lattice vectors as rows.
    :param bins: bins along a and b; [W] takes one thousandth of the cell.
    :returns: (bins along a, bins along b), Å, NaN where no point fell; entry [i, j] covers the fractions
        i/bins … (i+1)/bins of a and likewise of b.
    :raises RefusedError: when the cell is flat or a point is not finite.
    """
    shape = (bins, bins) if isinstance(bins, int) else bins
    lateral = np.asarray(cell, dtype=np.float64)
    if min(shape) < 1 or lateral.shape != (2, 2) or abs(np.linalg.det(lateral)) < 1e-9:
        raise RefusedError("a sampling map needs two independent lateral lattice vectors and at least one bin each.")
    if not np.isfinite(points).all():
        raise RefusedError("a sampling map needs finite points.")
    fractions = points[:, :2] @ np.linalg.inv(lateral)
    fractions -= np.floor(fractions)
    index = np.minimum((fractions * shape).astype(np.int64), np.array(shape) - 1)
    lowest = np.full(shape, np.inf)
    np.minimum.at(lowest, (index[:, 0], index[:, 1]), points[:, 2])
    return np.where(np.isfinite(lowest), lowest, np.nan)

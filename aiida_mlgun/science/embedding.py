"""One common scale for descriptors, and their two principal components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from ..contract.errors import RefusedError
from .frames import Floats

Rows = NDArray[np.floating[Any]]

#: a feature whose spread is below this share of its size is rounding noise of single precision, not a difference
CONSTANT = 1e-5


@dataclass(frozen=True)
class Scale:
    """Features of the pool, each shifted to mean 0 and stretched to standard deviation 1.

    So the choice of the model's units per channel does not decide which frames are far apart.

    :param used: (d,), False for features that are constant over the pool.
    :param mean, spread: (number of used features,).
    """

    used: NDArray[np.bool_]
    mean: Floats
    spread: Floats

    @classmethod
    def of(cls, pool: Rows) -> Scale:
        """The scale of ``pool`` (p, d).

        :raises RefusedError: fewer than two rows, or values that are not finite.
        """
        if len(pool) < 2:
            message = f"{len(pool)} frames besides isolated atoms are too few to compare; two are needed."
            raise RefusedError(message, status="nothing_left")
        bad = np.flatnonzero(~np.isfinite(pool).all(axis=1))
        if len(bad):
            raise RefusedError(f"the descriptor of row {bad[0]} is not finite; look at that frame's geometry.")
        mean, spread = pool.mean(axis=0, dtype=np.float64), pool.std(axis=0, dtype=np.float64)
        used = spread > CONSTANT * np.hypot(mean, spread)
        return cls(used, mean[used], spread[used])

    def __call__(self, rows: Rows) -> Floats:
        """(n, number of used features), without unit.

        :raises RefusedError: values that are not finite.
        """
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if len(bad):
            raise RefusedError(f"the descriptor of row {bad[0]} is not finite; look at that frame's geometry.")
        scaled: Floats = (rows[:, self.used].astype(np.float64) - self.mean) / self.spread
        return scaled


class PrincipalPlane:
    """The two directions along which the pool varies most.

    scikit-learn's PCA from the full covariance matrix: no draw is involved; it makes the largest loading of each
    direction positive, so the picture is never mirrored.
    """

    def __init__(self, pool: Floats) -> None:
        """Fit to ``pool`` (p, d), already on one scale."""
        self.components = min(2, *pool.shape)
        self.explained = [0.0, 0.0]
        if self.components:
            self.pca = PCA(self.components, svd_solver="covariance_eigh").fit(pool)
            self.explained[: self.components] = [float(v) for v in self.pca.explained_variance_ratio_]

    def __call__(self, rows: Floats) -> Floats:
        """(n, 2), coordinates in the plane; a direction that does not exist is 0."""
        plane = np.zeros((len(rows), 2))
        if self.components:
            plane[:, : self.components] = self.pca.transform(rows)
        return plane

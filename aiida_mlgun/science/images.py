"""Nearest periodic images.  Å; cells are (3, 3) with lattice vectors as rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.geometry import minkowski_reduce
from numpy.typing import NDArray

from ..contract.errors import RefusedError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_reduce: Callable[[Floats, Bools], tuple[Floats, Any]] = minkowski_reduce


@dataclass(frozen=True)
class Lattice:
    """The periodic directions of a cell, reduced, with the shifts among which the nearest image surely is.

    :param vectors: (k, 3), reduced lattice vectors of the periodic directions, k = 0 … 3.
    :param inverse: (3, k), Cartesian → fractional.
    :param shifts: (s, 3), lattice vectors to try after rounding; only the zero vector if the axes are orthogonal.
    """

    vectors: Floats
    inverse: Floats
    shifts: Floats

    @classmethod
    def of(cls, cell: Floats, pbc: Bools) -> Lattice:
        """The lattice spanned by the periodic vectors of ``cell``.

        :raises RefusedError: when a periodic direction has no proper lattice vector.
        """
        directions = np.asarray(pbc, dtype=bool)
        chosen = np.asarray(cell, dtype=np.float64)[directions]
        if not np.isfinite(chosen).all() or np.linalg.matrix_rank(chosen) < len(chosen):
            raise RefusedError("the cell's periodic lattice vectors are not independent.", status="geometry_refused")
        if not len(chosen):
            return cls(chosen, np.empty((3, 0)), np.zeros((1, 3)))
        reduced = _reduce(np.where(directions[:, None], cell, 0.0), directions)[0][directions]
        gram = reduced @ reduced.T
        if np.allclose(gram, np.diag(np.diag(gram)), atol=1e-9 * gram.max()):
            shifts = np.zeros((1, 3))
        else:
            steps = np.stack(np.meshgrid(*[[-1, 0, 1]] * len(reduced), indexing="ij"), axis=-1)
            shifts = steps.reshape(-1, len(reduced)) @ reduced
        return cls(reduced, np.linalg.pinv(reduced), shifts)

    @classmethod
    def lateral(cls, cell: Floats, pbc: Bools) -> Lattice:
        """The lattice in the surface plane only: a molecule that flew over the vacuum does not touch the slab's back.

        :raises RefusedError: when a or b leaves the xy plane.
        """
        directions = np.asarray(pbc, dtype=bool) & [True, True, False]
        if (np.abs(np.asarray(cell)[directions, 2]) > 1e-6).any():
            message = "a and b of the cell must lie in the xy plane, the surface normal along z."
            raise RefusedError(message, status="geometry_refused")
        return cls.of(cell, directions)

    def nearest(self, vectors: Floats) -> Floats:
        """(..., 3) → (..., 3): each difference vector replaced by its shortest periodic equivalent."""
        if not len(self.vectors):
            return vectors
        near: Floats = vectors - np.rint(vectors @ self.inverse) @ self.vectors
        if len(self.shifts) == 1:
            return near
        images = near[..., None, :] + self.shifts
        best = np.einsum("...i,...i->...", images, images).argmin(axis=-1)
        return np.asarray(np.take_along_axis(images, best[..., None, None], axis=-2)[..., 0, :])

    def distances(self, a: Floats, b: Floats) -> Floats:
        """(n, 3), (m, 3) → (n, m): nearest-image distances.

        The lengths of what :meth:`nearest` gives, but computed coordinate by coordinate, which is faster.
        """
        d = [b[None, :, k] - a[:, None, k] for k in range(3)]
        steps = [np.rint(_combine(d, column)) for column in self.inverse.T]
        for step, vector in zip(steps, self.vectors, strict=True):
            for k in np.flatnonzero(vector):
                d[k] -= vector[k] * step
        squares: Floats = d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
        for shift in self.shifts if len(self.shifts) > 1 else ():
            e = [part + s for part, s in zip(d, shift, strict=True)]
            np.minimum(squares, e[0] * e[0] + e[1] * e[1] + e[2] * e[2], out=squares)
        return np.asarray(np.sqrt(squares))

    @property
    def shortest(self) -> float:
        """Length of the shortest lattice vector, Å; infinite without periodicity."""
        return float(np.linalg.norm(self.vectors, axis=1).min()) if len(self.vectors) else float("inf")


def _combine(parts: list[Floats], weights: Floats) -> Floats:
    """The sum of weighted arrays, zero weights left out."""
    chosen = np.flatnonzero(weights)
    total: Floats = parts[chosen[0]] * weights[chosen[0]]
    for k in chosen[1:]:
        total = total + parts[k] * weights[k]
    return total

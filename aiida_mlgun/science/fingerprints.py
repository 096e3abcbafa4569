"""Which frames are the same: a hash that no renumbering of equal atoms and no lattice translation changes."""

from __future__ import annotations

import hashlib

import numpy as np
from ase.geometry import complete_cell
from numpy.typing import NDArray

from .frames import Floats, Frames

Integers = NDArray[np.int64]
Words = NDArray[np.uint64]

GRID = 1e-3  # Å: positions that agree to this are the same; two steps of MD differ by far more
# Grid lines stand where no decimal number does, so that rounding in a file never decides between two cells.
_OFFSET = 0.3819660112501051
# Fourier vectors of the near-duplicate fingerprint, in units of the reciprocal lattice.
_WAVES = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], dtype=np.float64)


def fractional(frames: Frames) -> tuple[Floats, Floats]:
    """(m, 3) fractional coordinates and (n, 3, 3) cells, vectors that are zero completed by unit vectors (Å).

    Along directions without periodicity the coordinate counts from the cell's origin all the same.
    """
    full, inverse = full_cells(frames)
    owner = np.repeat(np.arange(len(frames)), frames.n_atoms)
    return times(frames.positions, inverse, owner), full


def times(vectors: Floats, matrices: Floats, owner: Integers) -> Floats:
    """(m, 3), each vector (m, 3) times the matrix (n, 3, 3) of its frame; one product if all frames share theirs."""
    if len(matrices) and (matrices == matrices[0]).all():
        return np.asarray(vectors @ matrices[0], dtype=np.float64)
    return np.asarray(np.einsum("ij,ijk->ik", vectors, matrices[owner]), dtype=np.float64)


def full_cells(frames: Frames) -> tuple[Floats, Floats]:
    """(n, 3, 3) completed cells (Å) and their inverses (1/Å)."""
    cells, which = np.unique(frames.cell.reshape(-1, 9), axis=0, return_inverse=True)
    complete = np.array([complete_cell(cell.reshape(3, 3)) for cell in cells], dtype=np.float64)
    index = which.reshape(-1)
    inverse = np.linalg.inv(complete).astype(np.float64)
    return complete[index], inverse[index]


def spacings(full: Floats) -> Floats:
    """(n, 3), distance between the lattice planes of each direction, Å."""
    spacing: Floats = 1.0 / np.linalg.norm(np.linalg.inv(full), axis=1)
    return spacing


def geometry_hashes(frames: Frames) -> list[bytes]:
    """(n,), 16 bytes per frame over species, positions, cell and periodicity.

    Frames have the same hash if one follows from the other by renumbering atoms of equal species and by moving atoms
    along lattice vectors of periodic directions, positions agreeing within about ``GRID``.  The atoms of a frame form
    a multiset: each atom's species and grid cell are mixed into 128 bits, which are added up modulo 2^64.
    """
    if not len(frames):
        return []
    scaled, full = fractional(frames)
    lengths = np.linalg.norm(full, axis=2)
    cells = np.maximum(np.rint(lengths / GRID), 1).astype(np.int64)
    owner = np.repeat(np.arange(len(frames)), frames.n_atoms)
    k = np.floor(scaled * cells[owner] + _OFFSET).astype(np.int64)
    periodic = frames.pbc[owner]
    k = np.where(periodic, np.mod(k, cells[owner]), k)
    lanes = []
    for lane in (0x9E3779B97F4A7C15, 0xD1B54A32D192ED03):
        mixed = _mix(frames.numbers.astype(np.uint64) + np.uint64(lane))
        for axis in range(3):
            mixed = _mix(mixed ^ (k[:, axis].view(np.uint64) * np.uint64(0xBF58476D1CE4E5B9)))
        lanes.append(np.add.reduceat(mixed, frames.offsets[:-1]))
    shape = np.floor(full.reshape(len(frames), 9) / GRID + _OFFSET).astype(np.int64)
    rest = np.column_stack([frames.n_atoms, frames.pbc.astype(np.int64), shape])
    rows = np.ascontiguousarray(np.column_stack([np.array(lanes, dtype=np.uint64).T, rest.view(np.uint64)]))
    return [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in rows]


def waves(frames: Frames) -> Floats:
    """(n, 8), Fourier sums over a frame's atoms, weighted by √Z; what :func:`geometry_hashes` ignores changes nothing.

    A displacement of root mean square d moves each sum by at most :func:`wave_radius`; so frames within d of each other
    are found by comparing these numbers.
    """
    scaled, _ = fractional(frames)
    phase = 2 * np.pi * (scaled @ _WAVES.T)
    weight = np.sqrt(frames.numbers.astype(np.float64))[:, None]
    parts = np.concatenate([weight * np.cos(phase), weight * np.sin(phase)], axis=1)
    return np.asarray(np.add.reduceat(parts, frames.offsets[:-1], axis=0), dtype=np.float64)


def wave_radius(frames: Frames, displacement: float) -> Floats:
    """(n,), Euclidean distance of :func:`waves` within which every frame at ``displacement`` (Å, rms) must lie.

    |Δ Σ √Z e^{2πi G·x}| ≤ Σ √Z 2π|G| |δ| ≤ 2π|G| √(Σ Z) √N d (Cauchy–Schwarz), for each of the waves.
    """
    _, inverse = full_cells(frames)
    squared = (np.linalg.norm(np.einsum("nij,wj->nwi", inverse, _WAVES), axis=2) ** 2).sum(axis=1)
    charge = np.add.reduceat(frames.numbers.astype(np.float64), frames.offsets[:-1])
    radius: Floats = 2 * np.pi * displacement * np.sqrt(squared * charge * frames.n_atoms)
    return radius


def _mix(x: Words) -> Words:
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014): every input bit moves every output bit."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))

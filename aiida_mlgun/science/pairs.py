"""Distances within many frames at once, lattice images included."""

from __future__ import annotations

import numpy as np
from ase.geometry import find_mic
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .fingerprints import fractional, full_cells, spacings, times
from .frames import Floats, Frames

Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]


def has_closer_than(frames: Frames, distance: float) -> Mask:
    """(n,), True where two atoms, or an atom and an image of another one, are closer than ``distance`` (Å).

    One tree over all frames, set side by side; images stand beside the cell as far as ``distance`` reaches.  An atom
    and its own image count too: a cell thinner than ``distance`` holds nothing real.
    """
    scaled, full = fractional(frames)
    owner = np.repeat(np.arange(len(frames)), frames.n_atoms)
    spacing = spacings(full)
    bad: Mask = np.any(frames.pbc & (spacing < distance), axis=1)
    margin = np.minimum(distance / spacing, 1.0)
    scaled = np.where(frames.pbc[owner], scaled - np.floor(scaled), scaled)
    n_real = len(scaled)
    for axis in range(3):
        x, edge, periodic = scaled[:, axis], margin[owner, axis], frames.pbc[owner, axis]
        low, high = np.flatnonzero(periodic & (x < edge)), np.flatnonzero(periodic & (x > 1 - edge))
        chosen = np.concatenate([low, high])
        ghosts = scaled[chosen]
        ghosts[: len(low), axis] += 1.0
        ghosts[len(low) :, axis] -= 1.0
        scaled, owner = np.concatenate([scaled, ghosts]), np.concatenate([owner, owner[chosen]])
    points = _in_rows(times(scaled, full, owner), owner, distance)
    tree = cKDTree(points, leafsize=16, compact_nodes=False, balanced_tree=False)  # half the time of the defaults
    found = tree.query_pairs(distance * (1 - 1e-12), output_type="ndarray")
    real = found[(found < n_real).any(axis=1)]
    bad[owner[real[:, 0]]] = True
    return bad


def _in_rows(points: Floats, owner: Ints, gap: float) -> Floats:
    """The frames' points moved apart along x, ``gap`` and more between them."""
    low = np.full(owner.max() + 1, np.inf)
    high = np.full(owner.max() + 1, -np.inf)
    np.minimum.at(low, owner, points[:, 0])
    np.maximum.at(high, owner, points[:, 0])
    start = np.concatenate([[0.0], np.cumsum(high - low + 2 * gap)[:-1]])
    moved = points.copy()
    moved[:, 0] += (start - low)[owner]
    return moved


def bond_lengths(frames: Frames, bonds: Ints) -> Floats:
    """(n, b), lengths (Å) of the ``bonds`` (b, 2), atom numbers, in frames that all have the same number of atoms.

    The nearest image is found by rounding, and where that might miss it (a length beyond half the cell's smallest
    spacing) by ASE's Minkowski reduction.
    """
    n_atoms = int(frames.n_atoms[0])
    x = frames.positions.reshape(len(frames), n_atoms, 3)
    d = x[:, bonds[:, 1]] - x[:, bonds[:, 0]]
    full, inverse = full_cells(frames)
    f = np.einsum("nbi,nij->nbj", d, inverse)
    f -= np.where(frames.pbc[:, None, :], np.rint(f), 0.0)
    length: Floats = np.linalg.norm(np.einsum("nbi,nij->nbj", f, full), axis=2)
    reach = np.where(frames.pbc, spacings(full), np.inf).min(axis=1) / 2
    for i in np.flatnonzero((length > reach[:, None]).any(axis=1)):
        length[i] = find_mic(d[i], full[i], frames.pbc[i])[1]
    return length


def displacement(one: Frames, other: Frames) -> float:
    """Root-mean-square displacement (Å) between two frames of the same composition: nearest images, best renumbering.

    Atoms of equal species are matched by the assignment that moves them least (scipy's linear sum assignment).
    """
    from scipy.optimize import linear_sum_assignment

    total = 0.0
    full, _ = full_cells(one)
    for z in np.unique(one.numbers):
        a, b = one.positions[one.numbers == z], other.positions[other.numbers == z]
        d = (b[None] - a[:, None]).reshape(-1, 3)
        squared = (find_mic(d, full[0], one.pbc[0])[1] ** 2).reshape(len(a), len(b))
        straight = float(np.trace(squared))
        if len(a) > 1 and straight > 1e-12:
            rows, columns = linear_sum_assignment(squared)
            straight = float(squared[rows, columns].sum())
        total += straight
    return float(np.sqrt(total / len(one.numbers)))

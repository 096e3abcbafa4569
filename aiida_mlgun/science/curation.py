"""Filters over raw frames: each says which frames it drops, and why (C2, C3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from ase.geometry import get_distances
from numpy.typing import NDArray

from .frames import Frames

Mask = NDArray[np.bool_]

MAD_TO_SIGMA = 1.4826  # median absolute deviation → standard deviation of a normal distribution
BOND = 1.25  # × sum of covalent radii
MIN_SPREAD = 1e-3  # eV/atom: energies closer together than this are never outliers


def without_labels(frames: Frames) -> Mask:
    """(n,), True where energy or a force component is missing or not finite."""
    bad = np.zeros(len(frames), dtype=bool)
    for values, per_atom in ((frames.energy, False), (frames.forces, True), (frames.positions, True)):
        if values is None:
            return np.ones(len(frames), dtype=bool)
        broken = ~np.isfinite(values) if values.ndim == 1 else ~np.isfinite(values).all(axis=1)
        bad |= np.bitwise_or.reduceat(broken, frames.offsets[:-1]) if per_atom else broken
    return bad


def unconverged(frames: Frames) -> Mask:
    """(n,), True where the tag ``scf_converged`` says no."""
    return np.isin(frames.tag("scf_converged"), ["F", "False", "false", "0"])


def above_force(frames: Frames, ceiling: float) -> Mask:
    """(n,), True where a force component exceeds ``ceiling`` (eV/Å)."""
    if frames.forces is None:
        return np.zeros(len(frames), dtype=bool)
    hot = np.abs(frames.forces).max(axis=1) > ceiling
    return np.bitwise_or.reduceat(hot, frames.offsets[:-1])


def too_close(frames: Frames, distance: float) -> Mask:
    """(n,), True where two atoms, periodic images included, stand closer than ``distance`` (Å)."""
    bad = np.zeros(len(frames), dtype=bool)
    for i in range(len(frames)):
        part = frames.part(i)
        if part.stop - part.start > 1:
            _, d = get_distances(frames.positions[part], cell=frames.cell[i], pbc=frames.pbc[i])
            np.fill_diagonal(d, np.inf)
            bad[i] = d.min() < distance
    return bad


def energy_outliers(frames: Frames, z_score: float) -> Mask:
    """(n,), True where the energy per atom lies more than ``z_score`` robust deviations off its composition's median.

    Compositions with fewer than eight frames are left alone: there is nothing to be an outlier of.
    """
    bad = np.zeros(len(frames), dtype=bool)
    if frames.energy is None:
        return bad
    per_atom = frames.energy / frames.n_atoms
    for index in by_composition(frames).values():
        if len(index) < 8:
            continue
        delta = np.abs(per_atom[index] - np.median(per_atom[index]))
        bad[index] = delta > z_score * max(MAD_TO_SIGMA * float(np.median(delta)), MIN_SPREAD)
    return bad


def duplicates(frames: Frames, decimals: int = 5) -> Mask:
    """(n,), True for a frame whose numbers, cell and positions (rounded, Å) an earlier frame has."""
    seen: set[bytes] = set()
    bad = np.zeros(len(frames), dtype=bool)
    for i in range(len(frames)):
        part = frames.part(i)
        rounded = np.round(np.concatenate([frames.cell[i], frames.positions[part]]), decimals) + 0.0
        key = frames.numbers[part].tobytes() + rounded.tobytes()
        bad[i] = key in seen
        seen.add(key)
    return bad


def bond_fission(frames: Frames, pairs: Sequence[tuple[str, str]], stretch: float) -> Mask:
    """(n,), True from the first frame of a run in which a bond of its first frame is broken, to the run's end.

    A bond: two atoms of a named pair within 1.25 × the sum of covalent radii in the run's first frame.  Broken: longer
    than ``stretch`` × that sum.  A frame without a ``run`` tag is compared with the set's first frame of the same atoms
    in the same order, and falls alone.  [W] 2.1 drops the frames with unphysical C–H fission.
    """
    bad = np.zeros(len(frames), dtype=bool)
    runs = frames.tag("run")
    kinds = {tuple(sorted((atomic_numbers[a], atomic_numbers[b]))) for a, b in pairs}
    first_of_atoms: dict[bytes, int] = {}
    for i in range(len(frames)):
        first_of_atoms.setdefault(frames.numbers[frames.part(i)].tobytes(), i)
    reference: dict[str, Mask] = {}
    broken_runs: set[str] = set()
    for i, run in enumerate(runs.tolist()):
        numbers = frames.numbers[frames.part(i)]
        key = f"{run}/{numbers.tobytes().hex()}"
        if key not in reference:
            start = i if run else first_of_atoms[numbers.tobytes()]
            wanted = np.array([[tuple(sorted((a, b))) in kinds for b in numbers] for a in numbers], dtype=bool)
            reference[key] = np.triu(wanted & (_relative_distances(frames, start) < BOND), 1)
        broken = bool((_relative_distances(frames, i)[reference[key]] > stretch).any())
        if broken and run:
            broken_runs.add(run)
        bad[i] = broken or run in broken_runs
    return bad


def _relative_distances(frames: Frames, i: int) -> NDArray[np.float64]:
    """(k, k), distances of frame ``i``'s atoms in units of the sums of their covalent radii."""
    part = frames.part(i)
    radii = covalent_radii[frames.numbers[part]]
    _, d = get_distances(frames.positions[part], cell=frames.cell[i], pbc=frames.pbc[i])
    relative: NDArray[np.float64] = d / (radii[:, None] + radii[None, :])
    return relative


def by_composition(frames: Frames) -> dict[tuple[int, ...], NDArray[np.int64]]:
    """Sorted atomic numbers → the frames that have them."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for i in range(len(frames)):
        groups.setdefault(tuple(np.sort(frames.numbers[frames.part(i)]).tolist()), []).append(i)
    return {key: np.array(index, dtype=np.int64) for key, index in groups.items()}

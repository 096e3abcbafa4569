"""The verb ``describe``: descriptors of frames and of the full set, a selection, and how much it covers (C10)."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ..contract import files
from ..contract.describing import DescribeJob
from ..contract.errors import RefusedError
from ..science.coverage import Coverage, nearest, neighbour_radius, random_coverage, summed, within
from ..science.embedding import PrincipalPlane, Scale
from ..science.frames import Floats, Frames, Ints, concatenate, isolated_energies
from ..science.selection import farthest_points, steps, stratified
from .device import choose, set_threads
from .io import Progress, read_frames, write_arrays, write_json
from .mace import descriptors, load_model
from .mace.store import stored_e0s
from .result import RunResult


def run(job: DescribeJob, folder: Path) -> RunResult:
    """Describe ``frames.npz`` (and ``pool.npz``) with ``model/``; isolated atoms are left out: their rows are NaN.

    What is compared with the pool is the selection, or all frames where none is asked for.  All distances are taken
    on one scale, that of the pool: each descriptor's mean 0, its standard deviation 1.
    """
    set_threads(job.threads)
    device = choose(job.device)
    model = load_model(folder / files.MODEL, device, job.precision)
    frames = _read(folder / files.FRAMES)
    pool = _read(folder / files.POOL) if job.has_pool else frames
    real = [np.flatnonzero(~each.is_isolated).astype(np.int64) for each in (frames, pool)]
    if job.n_select > len(real[0]):
        there = f"{files.FRAMES} holds {len(real[0])} to choose from (isolated atoms do not count)"
        raise RefusedError(f"n_select is {job.n_select}, but {there}.")
    progress = Progress(folder, sum(map(len, real)) if job.has_pool else len(real[0]), "frames")
    start = time.monotonic()
    own, batch = descriptors(model, frames.select(real[0]), job.features, job.batch_size, device, progress.report)
    full = own
    if job.has_pool:
        before = len(own)
        full, batch = descriptors(
            model, pool.select(real[1]), job.features, batch, device, lambda done: progress.report(before + done)
        )
    seconds = (time.monotonic() - start) / (len(own) + (len(full) if job.has_pool else 0))
    e0s, source = reference_energies(frames, pool, stored_e0s(model))
    with threadpool_limits(job.threads or None):
        found = _compare(job, own, full)
    arrays: dict[str, NDArray[Any]] = {
        "pca": _spread(found.pca, real[0], len(frames)),
        "pool_pca": _spread(found.pool_pca, real[1], len(pool)),
        "pool_distance": _spread(found.pool_distance, real[1], len(pool)),
        "energy_per_atom": binding(frames, e0s),
        "pool_energy_per_atom": binding(pool, e0s),
        "selected": real[0][found.chosen],
        "distance": found.distance,
    }
    if job.keep_descriptors:
        arrays["descriptors"] = _spread(own, real[0], len(frames))
    table = {
        "n_frames": len(own),
        "n_pool": len(full),
        "dimension": own.shape[1],
        "features": job.features,
        "explained_variance": found.explained_variance,
        "coverage": asdict(found.coverage) | {"random_fraction": found.random.fraction},
        "selection": None if job.select == "none" else {"method": job.select, "n": len(found.chosen)},
    }
    write_arrays(folder / files.DESCRIPTORS, arrays)
    write_json(folder / files.COVERAGE, table)
    numbers = asdict(found.coverage) | {f"random_{n}": v for n, v in asdict(found.random).items() if n != "radius"}
    numbers |= {"strata": by_stratum(pool.tag(job.stratum)[real[1]], found.covered)}
    numbers |= {"n_frames": len(own), "n_pool": len(full), "n_selected": len(found.chosen)}
    numbers |= {"e0s": source, "batch_size": batch, "seconds_per_frame": seconds}
    return RunResult((files.DESCRIPTORS, files.COVERAGE), numbers)


def select(job: DescribeJob, points: Floats, rng: np.random.Generator) -> Ints:
    """Row numbers of the job's selection, in its order; empty where none is asked for."""
    if job.select == "farthest":
        return farthest_points(points, job.n_select)
    if job.select == "stratified":
        return stratified(points, job.n_select, rng, job.clusters)
    return np.empty(0, dtype=np.int64)


def reference_energies(frames: Frames, pool: Frames, of_model: dict[str, float]) -> tuple[dict[str, float], str]:
    """Symbol → E0 (eV), and whose: of the ``isolated`` atoms among the frames if they tell all, or of the ``model``.

    The frames' own are of the level of theory of their energies; the model's need not be.
    """
    both = [frames] if pool is frames else [frames, pool]
    own = isolated_energies(concatenate([each.select(each.is_isolated) for each in both]))
    needed = {symbol for each in both for symbol in each.symbols}
    return (own, "isolated") if needed <= set(own) else (of_model, "model")


def binding(frames: Frames, e0s: dict[str, float]) -> Floats:
    """(n,), eV: energy less E0s, per atom; NaN for isolated atoms and where there is no energy."""
    if frames.energy is None:
        return np.full(len(frames), np.nan)
    of_number = np.zeros(len(chemical_symbols))
    for symbol, energy in e0s.items():
        of_number[chemical_symbols.index(symbol)] = energy
    alone: Floats = np.add.reduceat(of_number[frames.numbers], frames.offsets[:-1])
    return np.where(frames.is_isolated, np.nan, (frames.energy - alone) / frames.n_atoms)


def by_stratum(strata: NDArray[np.str_], covered: NDArray[np.bool_]) -> dict[str, dict[str, float]]:
    """Stratum → how many pool frames it has and which share of them is covered."""
    return {
        str(name): {"n_pool": int((strata == name).sum()), "fraction": float(covered[strata == name].mean())}
        for name in np.unique(strata)
        if name
    }


@dataclass(frozen=True)
class _Found:
    chosen: Ints
    distance: Floats
    coverage: Coverage
    covered: NDArray[np.bool_]
    pool_distance: Floats
    random: Coverage
    explained_variance: list[float]
    pca: Floats
    pool_pca: Floats


def _compare(job: DescribeJob, own: NDArray[np.float32], full: NDArray[np.float32]) -> _Found:
    rng = np.random.default_rng(job.seed)
    scale = Scale.of(full)
    points = scale(own)
    pool = scale(full) if job.has_pool else points
    chosen = select(job, points, rng)
    part = points[chosen] if len(chosen) else points
    radius = neighbour_radius(pool, rng)
    away = nearest(pool, part)
    covered = within(away, radius, pool)
    plane = PrincipalPlane(pool)
    return _Found(
        chosen,
        steps(points, chosen),
        summed(away, covered, radius),
        covered,
        away,
        random_coverage(pool, len(part), radius, rng),
        plane.explained,
        plane(points),
        plane(pool),
    )


def _read(path: Path) -> Frames:
    frames = read_frames(path)
    if frames.is_isolated.all():
        raise RefusedError(f"{path.name} holds no frame besides isolated atoms.", status="nothing_left")
    return frames


def _spread(rows: NDArray[Any], index: Ints, n: int) -> NDArray[Any]:
    """(n, …): ``rows`` at ``index``, NaN elsewhere, so that row numbers are frame numbers."""
    whole = np.full((n, *rows.shape[1:]), np.nan, dtype=rows.dtype)
    whole[index] = rows
    return whole

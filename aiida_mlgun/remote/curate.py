"""The verb ``curate``: raw frames → cleaned, thinned, split frames, and what happened to each."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contract import files
from ..contract.curating import CurateJob
from ..contract.errors import RefusedError
from ..reading.source import record
from ..science import curation, leaks, splits
from ..science.census import Census
from ..science.filters import (
    AboveForce,
    BondFission,
    Book,
    Conflicts,
    Duplicates,
    EnergyOutliers,
    Filter,
    NearDuplicates,
    Strays,
    TooClose,
    Unconverged,
    WithoutLabels,
)
from ..science.frames import isolated_energies
from .fates import Fates
from .frames_file import FramesFile
from .io import Progress, write_arrays, write_json
from .raw import Raw, open_raw
from .result import RunResult

Ints = NDArray[np.int64]

SIDES = {"train": files.TRAIN, "validation": files.VALIDATION, "test": files.TEST}
FIRST = 20  # frame numbers per filter in the report; fates.npz holds all


def run(job: CurateJob, folder: Path) -> RunResult:
    """Filter in a fixed order (each filter sees what the ones before it left), thin, split, write.

    Two passes: the first looks at every frame once and keeps a row of numbers of each, the second writes those that
    were chosen; memory does not grow with the frames' atoms.  Isolated atoms pass by the filters and the split: they go
    with the training frames, as the source of E0s.
    """
    raw, book = open_raw(job, folder), Book()
    census, fates, labels, tags = _first_pass(job, raw, book, Progress(folder, None, "frames read"))
    clean = fates.left
    if len(clean) == 0:
        worst = fates.worst()
        message = f"none of {len(raw)} frames is left; {worst[0]} dropped {worst[1]}."
        raise RefusedError(message, status="nothing_left")
    check_levels(census.words("level", clean), job.allow_mixed_levels)
    sides, thinned = _sides(job, census, clean)
    fates.drop("keep_every", thinned, {"every": job.keep_every})
    for side, index in sides.items():
        fates.put(side, index)
    shared = _leaks(job, census, book, sides)
    sets = {SIDES[side]: index for side, index in sides.items() if len(index)}
    subsets = splits.nested(len(sides["train"]), job.subsets, _stream(job, 1))
    sets |= {files.SUBSET.format(size): sides["train"][index] for size, index in subsets.items()}
    for name in (files.TRAIN, *(files.SUBSET.format(size) for size in subsets)):
        sets[name] = np.sort(np.concatenate([fates.isolated, sets[name]]))
    if job.pool:
        sets[files.POOL] = np.sort(_stream(job, 2).permutation(clean)[: job.pool])
    isolated = isolated_energies(raw.pick(fates.isolated)) if len(fates.isolated) else {}
    report = _report(job, raw, census, fates, sides, isolated)
    report |= {"leaks": shared, "subsets": {Path(files.SUBSET.format(n)).stem: n for n in subsets}}
    _write(raw, sets, folder, labels, tags)
    write_json(folder / files.CURATION, report)
    write_arrays(folder / files.FATES, fates.arrays())
    numbers = {f"n_{side}": len(index) for side, index in sides.items()} | {"n_raw": len(raw)}
    numbers |= {f"dropped_{step['filter']}": step["dropped"] for step in report["steps"]}
    return RunResult((*sets, files.CURATION, files.FATES), numbers)


def filters(job: CurateJob, book: Book) -> list[Filter]:
    """The job's filters, in the order they run: those that judge a frame by itself first."""
    chosen: list[Filter] = [WithoutLabels()]
    if job.drop_unconverged:
        chosen.append(Unconverged())
    if job.max_stray is not None:
        chosen.append(Strays(job.max_stray))
    if job.min_distance:
        chosen.append(TooClose(job.min_distance))
    if job.bond_fission:
        chosen.append(BondFission(job.bond_fission, job.bond_break, job.fission_drops == "rest_of_run"))
    if job.max_force is not None:
        chosen.append(AboveForce(job.max_force))
    if job.energy_outlier is not None:
        chosen.append(EnergyOutliers(job.energy_outlier))
    if job.drop_duplicates:
        chosen += [Conflicts(job.conflict, book), Duplicates(book)]
    if job.near_duplicate is not None:
        chosen.append(NearDuplicates(job.near_duplicate))
    return chosen


def check_levels(levels: list[str], allowed: bool) -> None:
    """Refuse frames of several levels of theory unless that was allowed."""
    if len(levels) > 1 and not allowed:
        raise RefusedError(
            f"the frames are of {len(levels)} levels of theory ({'; '.join(levels)}). Curate each by itself, or set "
            "allow_mixed_levels.",
            status="mixed_levels",
        )


def _first_pass(job: CurateJob, raw: Raw, book: Book, progress: Progress) -> tuple[Census, Fates, set[str], set[str]]:
    census, fates, chain = Census(), Fates(), filters(job, book)
    labels, tags = set[str](), set[str]()
    for start, frames in raw.chunks():
        census.enter(frames)
        alive = fates.enter(frames.is_isolated)
        for one in chain:
            bad = one.see(frames, alive, start) & alive
            fates.drop(one.name, start + np.flatnonzero(bad), one.parameters())
            alive &= ~bad
        book.enter(frames, alive, start)
        labels |= {name for name in ("energy", "forces", "stress", "velocities") if getattr(frames, name) is not None}
        tags |= set(frames.tags)
        progress.report(start + len(frames))
    for one in chain:
        fates.drop(one.name, one.finish(fates.left, raw.pick), one.parameters())
    return census, fates, labels, tags


def _sides(job: CurateJob, census: Census, clean: Ints) -> tuple[dict[str, Ints], Ints]:
    """Side → frame numbers, and the frames that thinning left out."""
    rng = np.random.default_rng(job.seed)
    kept = clean[splits.thinned(len(clean), job.keep_every, rng)]
    rest = np.setdiff1d(clean, kept)
    if job.split == "tag":
        sides = splits.by_tag(census.tag("split")[kept])
    elif job.split == "by_run":
        sides = splits.by_run(census.tag("run")[kept], job.validation, job.test, rng)
    elif job.split == "by_stratum":
        sides = splits.by_stratum(census.tag("stratum")[kept], job.validation, job.test, rng)
    else:
        sides = splits.at_random(len(kept), job.validation, 0 if job.test_outside else job.test, rng)
    chosen = {side: kept[index] for side, index in sides.items()}
    if job.test_outside:
        wanted = splits.size(job.test, len(kept))
        if wanted > len(rest):
            raise RefusedError(
                f"{wanted} test frames are asked for outside the training frames; thinning left out {len(rest)}.",
                status="nothing_left",
            )
        chosen["test"] = np.sort(rng.permutation(rest)[:wanted])
        rest = np.setdiff1d(rest, chosen["test"])
    if not len(chosen["train"]):
        raise RefusedError("the split leaves no frame to train on.", status="nothing_left")
    return chosen, rest


def _leaks(job: CurateJob, census: Census, book: Book, sides: Mapping[str, Ints]) -> dict[str, int]:
    frames = leaks.shared_frames({side: [book.hash[n] for n in index.tolist()] for side, index in sides.items()})
    runs = leaks.shared_runs({side: census.tag("run")[index].tolist() for side, index in sides.items()})
    found = frames + (runs if job.no_shared_runs else [])
    if found:
        raise RefusedError(
            f"the split leaks: {found[0]}{f', and {len(found) - 1} more' if len(found) > 1 else ''}.",
            status="split_leaks",
        )
    return {"frames": len(frames), "runs": len({leak.run for leak in runs})}


def _report(
    job: CurateJob, raw: Raw, census: Census, fates: Fates, sides: Mapping[str, Ints], isolated: dict[str, float]
) -> dict[str, Any]:
    kept = np.sort(np.concatenate(list(sides.values())))
    ordinary = np.flatnonzero(census.column("isolated") == 0)
    values, e0s = curation.reference_energies(census, kept, job.e0s, isolated, job.e0_values)
    energy, quantity = curation.energy_per_atom(census, values)
    force = np.asarray(census.column("max_force"), dtype=np.float64)
    drawn = {"energy_per_atom": energy, "max_force": force}
    return {
        "n_raw": len(raw),
        "n_isolated": len(fates.isolated),
        "seed": job.seed,
        "split": job.split,
        "levels": census.words("level", kept),
        "elements": census.symbols,
        "files": [record(source, n) for source, n in zip(raw.sources, raw.lengths, strict=True)] if job.raw else [],
        "steps": fates.steps(FIRST),
        "counts": {side: len(index) for side, index in sides.items()},
        "strata": curation.strata_table(census, energy, sides, kept, ordinary),
        "quantity": quantity,
        "histograms": {name: curation.histogram(values, ordinary, kept) for name, values in drawn.items()},
        "e0s": e0s,
    }


def _write(raw: Raw, sets: Mapping[str, Ints], folder: Path, labels: set[str], tags: set[str]) -> None:
    """One pass over the chosen frames; each goes into every set that wants it."""
    with ExitStack() as files_open:
        targets = {name: files_open.enter_context(FramesFile(folder / name, labels, tags)) for name in sets}
        for numbers, frames in raw.wanted(np.unique(np.concatenate(list(sets.values())))):
            for name, target in targets.items():
                mine = np.isin(numbers, sets[name], assume_unique=True)
                if mine.all():
                    target.append(frames)
                elif mine.any():
                    target.append(frames.select(mine))


def _stream(job: CurateJob, purpose: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(job.seed, spawn_key=(purpose,)))

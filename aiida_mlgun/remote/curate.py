"""The verb ``curate``: raw frames → cleaned, thinned, split frames, and what happened to each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..contract import files
from ..contract.errors import RefusedError
from ..contract.jobs import CurateJob
from ..science import curation, splits
from ..science.frames import Frames, isolated_energies
from .io import read_frames, write_frames, write_json
from .result import RunResult

SIDES = {"train": files.TRAIN, "validation": files.VALIDATION, "test": files.TEST}


def run(job: CurateJob, folder: Path) -> RunResult:
    """Filter in a fixed order (each filter sees what the ones before it left), thin, split.

    Isolated atoms pass by the filters and the split: they go with the training frames, as the source of E0s.
    """
    raw = read_frames(folder / files.FRAMES)
    rng = np.random.default_rng(job.seed)
    isolated = np.flatnonzero(raw.is_isolated)
    kept = np.flatnonzero(~raw.is_isolated)
    steps: list[dict[str, Any]] = []
    for name, what in filters(job).items():
        part = raw.select(kept)
        bad = what(part) if len(part) else np.zeros(0, dtype=bool)
        steps.append({"filter": name, "dropped": int(bad.sum()), "frames": kept[bad].tolist()})
        kept = kept[~bad]
    if len(kept) == 0:
        worst = max(steps, key=lambda step: step["dropped"]) if steps else {"filter": "none", "dropped": 0}
        message = f"none of {len(raw)} frames is left; {worst['filter']} dropped {worst['dropped']}."
        raise RefusedError(message, status="nothing_left")
    before = len(kept)
    kept = kept[splits.thinned(len(kept), job.keep_every, rng)]
    steps.append({"filter": "keep_every", "dropped": before - len(kept), "frames": []})
    sides = split(job, raw.select(kept), rng)
    counts = {}
    for side, name in SIDES.items():
        index = kept[sides[side]]
        counts[side] = len(index)
        if side == "train":
            index = np.concatenate([isolated, index])
        write_frames(folder / name, raw.select(index))
    report = {
        "n_raw": len(raw),
        "n_isolated": len(isolated),
        "steps": steps,
        "counts": counts,
        "e0s": isolated_energies(raw),
        "strata": {str(s): int((raw.tag("stratum")[kept] == s).sum()) for s in np.unique(raw.tag("stratum")[kept])},
    }
    write_json(folder / files.CURATION, report)
    numbers = {f"n_{side}": count for side, count in counts.items()} | {"n_raw": len(raw)}
    numbers |= {f"dropped_{step['filter']}": step["dropped"] for step in steps}
    return RunResult((*SIDES.values(), files.CURATION), numbers)


def filters(job: CurateJob) -> dict[str, Any]:
    """Name → function from frames to the mask of what it drops, in the order they run."""
    chosen: dict[str, Any] = {"without_labels": curation.without_labels}
    if job.drop_unconverged:
        chosen["unconverged"] = curation.unconverged
    if job.drop_duplicates:
        chosen["duplicates"] = curation.duplicates
    if job.min_distance:
        chosen["too_close"] = lambda frames: curation.too_close(frames, job.min_distance)
    if job.bond_fission:
        chosen["bond_fission"] = lambda frames: curation.bond_fission(frames, job.bond_fission, job.bond_break)
    if job.max_force is not None:
        chosen["above_force"] = lambda frames: curation.above_force(frames, job.max_force or 0.0)
    if job.energy_outlier is not None:
        chosen["energy_outliers"] = lambda frames: curation.energy_outliers(frames, job.energy_outlier or 0.0)
    return chosen


def split(job: CurateJob, frames: Frames, rng: np.random.Generator) -> dict[str, Any]:
    """The index sets of the job's kind of split."""
    if job.split == "tag":
        sides = splits.by_tag(frames)
    elif job.split == "by_run":
        sides = splits.by_run(frames, job.validation, job.test, rng)
    else:
        sides = splits.at_random(len(frames), job.validation, job.test, rng)
    if not len(sides["train"]):
        raise RefusedError("the split leaves no frame to train on.", status="nothing_left")
    return sides

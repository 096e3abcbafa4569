"""Disjoint splits into training, validation and test (C4, C5)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import RefusedError
from .frames import Frames

Index = NDArray[np.int64]

NAMES = {"train": "train", "valid": "validation", "validation": "validation", "val": "validation", "test": "test"}


def thinned(n: int, keep_every: int, rng: np.random.Generator) -> Index:
    """Shuffle, then keep each ``keep_every``-th ([W] 2.1); returned in the original order."""
    return np.sort(rng.permutation(n)[::keep_every])


def size(wanted: float, n: int) -> int:
    """A share of ``n`` if below one, a number of frames otherwise."""
    return round(wanted * n) if wanted < 1 else int(wanted)


def at_random(n: int, validation: float, test: float, rng: np.random.Generator) -> dict[str, Index]:
    """Random disjoint index sets ``train``, ``validation``, ``test``.

    :raises RefusedError: when nothing is left to train on.
    """
    n_valid, n_test = size(validation, n), size(test, n)
    if n_valid + n_test >= n:
        raise RefusedError(
            f"{n} frames cannot give {n_valid} for validation and {n_test} for test and still train.",
            status="nothing_left",
        )
    order = rng.permutation(n)
    cut = (n_test, n_test + n_valid)
    return {
        "test": np.sort(order[: cut[0]]),
        "validation": np.sort(order[cut[0] : cut[1]]),
        "train": np.sort(order[cut[1] :]),
    }


def by_run(frames: Frames, validation: float, test: float, rng: np.random.Generator) -> dict[str, Index]:
    """Whole runs go to one side: shuffled runs fill test, then validation, up to the wanted sizes, the rest trains.

    Frames without a ``run`` tag are runs of their own.
    """
    runs = frames.tag("run")
    names = np.where(runs == "", np.char.add("#", np.arange(len(frames)).astype(str)), runs)
    order = sorted(set(names.tolist()))
    rng.shuffle(order)
    wanted = {"test": size(test, len(frames)), "validation": size(validation, len(frames))}
    sides: dict[str, list[str]] = {"test": [], "validation": [], "train": []}
    count = dict.fromkeys(sides, 0)
    for run in order:
        length = int((names == run).sum())
        side = next((s for s in ("test", "validation") if count[s] < wanted[s]), "train")
        sides[side].append(run)
        count[side] += length
    if not sides["train"]:
        raise RefusedError(
            f"{len(order)} runs are too few to split by run: nothing is left to train on. Split at random.",
            status="nothing_left",
        )
    return {side: np.flatnonzero(np.isin(names, runs)).astype(np.int64) for side, runs in sides.items()}


def by_tag(frames: Frames) -> dict[str, Index]:
    """As the frames' ``split`` tag says; frames without one train.

    :raises RefusedError: for a tag that is no side.
    """
    tags = frames.tag("split")
    unknown = sorted(set(tags.tolist()) - set(NAMES) - {""})
    if unknown:
        raise RefusedError(f"the split tag {unknown[0]!r} is none of {', '.join(sorted(NAMES))}.")
    sides = np.array([NAMES.get(tag, "train") for tag in tags.tolist()])
    return {side: np.flatnonzero(sides == side).astype(np.int64) for side in ("train", "validation", "test")}

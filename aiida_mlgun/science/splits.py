"""Disjoint splits into training, validation and test, and nested subsets (C4, C5, C6)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import RefusedError

Index = NDArray[np.int64]
Names = NDArray[np.str_]

SIDES = ("train", "validation", "test")
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


def by_run(runs: Names, validation: float, test: float, rng: np.random.Generator) -> dict[str, Index]:
    """Whole runs go to one side: shuffled runs fill test, then validation, up to the wanted sizes, the rest trains.

    :param runs: (n,), the run of each frame; frames without one are runs of their own.
    """
    named = np.where(runs == "", np.char.add("#", np.arange(len(runs)).astype(str)), runs)
    order, which, lengths = np.unique(named, return_inverse=True, return_counts=True)
    wanted = {"test": size(test, len(runs)), "validation": size(validation, len(runs))}
    side_of = np.empty(len(order), dtype=np.int64)
    count = dict.fromkeys(SIDES, 0)
    for run in rng.permutation(len(order)).tolist():
        side = next((s for s in ("test", "validation") if count[s] < wanted[s]), "train")
        side_of[run] = SIDES.index(side)
        count[side] += int(lengths[run])
    if not count["train"]:
        raise RefusedError(
            f"{len(order)} runs are too few to split by run: nothing is left to train on. Split at random.",
            status="nothing_left",
        )
    return {side: np.flatnonzero(side_of[which] == k).astype(np.int64) for k, side in enumerate(SIDES)}


def by_stratum(strata: Names, validation: float, test: float, rng: np.random.Generator) -> dict[str, Index]:
    """Every stratum gives the same shares, at random; a number of frames is shared out in proportion.

    :param strata: (n,), the stratum of each frame.
    :raises RefusedError: when nothing is left to train on.
    """
    n = len(strata)
    shares = [wanted if wanted < 1 else wanted / max(n, 1) for wanted in (validation, test)]
    names, which, lengths = np.unique(strata, return_inverse=True, return_counts=True)
    n_valid, n_test = (apportioned((share * lengths).astype(np.float64)) for share in shares)
    if (n_valid + n_test).sum() >= n:
        raise RefusedError(
            f"{n} frames cannot give {n_valid.sum()} for validation and {n_test.sum()} for test and still train.",
            status="nothing_left",
        )
    parts: dict[str, list[Index]] = {side: [] for side in SIDES}
    for k in range(len(names)):
        members = rng.permutation(np.flatnonzero(which == k))
        cut = (int(n_test[k]), int(min(n_test[k] + n_valid[k], lengths[k])))
        parts["test"].append(members[: cut[0]])
        parts["validation"].append(members[cut[0] : cut[1]])
        parts["train"].append(members[cut[1] :])
    return {side: np.sort(np.concatenate(pieces)).astype(np.int64) for side, pieces in parts.items()}


def apportioned(shares: NDArray[np.float64]) -> Index:
    """Integers near ``shares`` with the rounded sum of them, by largest remainder (Hamilton's method)."""
    whole = np.floor(shares + 1e-9).astype(np.int64)
    missing = round(float(shares.sum())) - int(whole.sum())
    order = np.argsort(-(shares - whole), kind="stable")
    whole[order[:missing]] += 1
    return whole


def by_tag(tags: Names) -> dict[str, Index]:
    """As the frames' ``split`` tag says; frames without one train.

    :raises RefusedError: for a tag that is no side.
    """
    unknown = sorted(set(tags.tolist()) - set(NAMES) - {""})
    if unknown:
        raise RefusedError(f"the split tag {unknown[0]!r} is none of {', '.join(sorted(NAMES))}.")
    sides = np.array([NAMES.get(tag, "train") for tag in tags.tolist()])
    return {side: np.flatnonzero(sides == side).astype(np.int64) for side in SIDES}


def nested(n: int, sizes: Sequence[int], rng: np.random.Generator) -> dict[int, Index]:
    """Size → that many of ``n``, ascending; a smaller subset lies within each larger one (C6).

    :raises RefusedError: when a subset is to be larger than the whole.
    """
    if sizes and max(sizes) > n:
        raise RefusedError(f"a subset of {max(sizes)} is asked for, {n} frames train.", status="nothing_left")
    order = rng.permutation(n)
    return {size: np.sort(order[:size]) for size in sizes}

"""The batches of a campaign as one ensemble's arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import RefusedError
from ..science.shot_arrays import RAGGED, SHARED
from .inputs import Arrays


def join_batches(batches: Sequence[Arrays]) -> dict[str, NDArray[Any]]:
    """The arrays of several ``shots.npz`` as those of one, in the order given.

    :raises RefusedError: when there is no batch, or they are not of the same atoms or lack each other's arrays.
    """
    if not batches:
        raise RefusedError("there are no shots to report on.")
    first = batches[0]
    for batch in batches[1:]:
        if set(batch) != set(first):
            raise RefusedError(f"the batches differ in their arrays: {sorted(set(batch) ^ set(first))}.")
        if any(not np.array_equal(batch[name], first[name]) for name in ("numbers", "n_slab") if name in first):
            raise RefusedError("the batches are not of the same slab and molecule.")
    pieces = {name for names in RAGGED.values() for name in names}
    joined: dict[str, NDArray[Any]] = {}
    for name in first:
        if name in SHARED:
            joined[name] = first[name]
        elif name in RAGGED:
            sizes = np.concatenate([np.diff(batch[name]) for batch in batches])
            joined[name] = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        elif name in pieces or first[name].ndim:
            joined[name] = np.concatenate([batch[name] for batch in batches])
        else:
            joined[name] = first[name]
    return joined

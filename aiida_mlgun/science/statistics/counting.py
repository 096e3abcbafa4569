"""Outcomes to counts: the columns of a table, and the checks that every function of this package makes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...contract.errors import RefusedError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Share:
    """One row of an outcome table: ``n`` shots ended in ``mode``; share ``p`` with interval [``low``, ``high``]."""

    mode: str
    n: int
    p: float
    low: float
    high: float


def columns(outcomes: Sequence[str], modes: Sequence[str] = ()) -> tuple[list[str], Ints]:
    """All names, the given ones first, and the number of each outcome among them.

    :param outcomes: (N,), the name of the mode each shot ended in.
    :param modes: names and their order; outcomes that are not among them are added at the end, sorted.
    :returns: (k,) names; (N,) column of each shot.
    :raises RefusedError: when there are no outcomes.
    """
    if not len(outcomes):
        raise RefusedError("there are no outcomes to count.")
    names = list(dict.fromkeys(modes))
    names += sorted({str(outcome) for outcome in outcomes} - set(names))
    number = {name: i for i, name in enumerate(names)}
    return names, np.array([number[str(outcome)] for outcome in outcomes], dtype=np.int64)


def checked_counts(counts: Sequence[int] | Ints, what: str = "counts") -> Ints:
    """(k,) whole numbers, none negative.

    :raises RefusedError: when there is no class, a count is negative or not whole.
    """
    array = np.asarray(counts)
    if array.ndim != 1 or not len(array):
        raise RefusedError(f"{what}: a list with one number per class is needed, not an array of shape {array.shape}.")
    whole = array.astype(np.int64)
    if (whole != array).any() or (whole < 0).any():
        raise RefusedError(f"{what}: whole numbers that are not negative are needed, not {array.tolist()}.")
    return whole


def checked_alpha(alpha: float) -> float:
    """``alpha``, the probability that an interval misses.

    :raises RefusedError: when it does not lie between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise RefusedError(f"alpha must lie between 0 and 1, not {alpha}: 0.05 makes 95 % intervals.")
    return float(alpha)

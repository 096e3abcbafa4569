"""Tables of shots put together: shards of finished shots into the one that a job hands out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import RefusedError
from .shot_arrays import RAGGED, SHARED

Arrays = dict[str, NDArray[Any]]

_PARTS: Final = ("shots", "trajectories")


def join_columns(parts: Sequence[Arrays]) -> Arrays:
    """One table from one or more of the same columns, sorted by shot.

    :param parts: of ``shots.npz`` or of ``trajectories.npz``, see :mod:`~aiida_mlgun.science.shot_arrays`.
    :raises RefusedError: a shot stands twice, or the parts are not of the same atoms.
    """
    first = parts[0]
    for name in SHARED:
        if any(not np.array_equal(first[name], part[name]) for part in parts if name in first):
            raise RefusedError(f"these shots can't stand in one table: their {name} differs.")
    shots = np.concatenate([part["shot"] for part in parts])
    order = np.argsort(shots, kind="stable")
    twice = np.flatnonzero(np.diff(shots[order]) == 0)
    if len(twice):
        raise RefusedError(f"shot {shots[order][twice[0]]} stands twice in the tables to be joined.")
    joined: Arrays = {name: first[name] for name in SHARED if name in first}
    ragged = {offsets: names for offsets, names in RAGGED.items() if offsets in first}
    cut = {name for names in ragged.values() for name in names}
    for offsets, names in ragged.items():
        counts = np.concatenate([np.diff(part[offsets]) for part in parts])
        starts = np.concatenate([[0], np.cumsum(counts)])
        joined[offsets] = np.concatenate([[0], np.cumsum(counts[order])]).astype(np.int64)
        for name in names:
            whole = np.concatenate([part[name] for part in parts])
            pieces = [whole[starts[row] : starts[row + 1]] for row in order]
            joined[name] = np.concatenate([whole[:0], *pieces])
    for name in first:
        if name not in joined and name not in cut:
            joined[name] = np.concatenate([part[name] for part in parts])[order]
    return joined


def as_shard(shots: Arrays, trajectories: Arrays) -> Arrays:
    """Both tables of some finished shots under one roof."""
    tables = dict(zip(_PARTS, (shots, trajectories), strict=True))
    return {f"{part}.{name}": array for part, table in tables.items() for name, array in table.items()}


def from_shards(shards: Sequence[Arrays]) -> tuple[Arrays, Arrays]:
    """The tables ``shots.npz`` and ``trajectories.npz`` of one or more shards.

    :raises RefusedError: as :func:`join_columns`.
    """
    tables = []
    for part in _PARTS:
        prefix = f"{part}."
        tables.append(
            join_columns(
                [
                    {name.removeprefix(prefix): array for name, array in shard.items() if name.startswith(prefix)}
                    for shard in shards
                ]
            )
        )
    return tables[0], tables[1]

"""The finished shots of a batch: those since the last checkpoint as rows, earlier ones in shards."""

from __future__ import annotations

import collections
from collections.abc import Sequence

from ..science.outcomes import UNDECIDED
from ..science.shot_merge import Arrays, as_shard, from_shards
from .shot_table import Row, Target, shot_columns, trajectory_columns


class Books:
    """Counts of all finished shots, and their tables.

    :param shards: of the checkpoint that the run goes on from.
    """

    def __init__(self, target: Target, shards: Sequence[Arrays] = ()) -> None:
        self.target = target
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.steps = 0
        self._rows: list[Row] = []
        for shard in shards:
            table, _ = from_shards([shard])
            self.outcomes.update(table["outcome"].tolist())
            self.steps += int(table["n_steps"].sum())

    @property
    def shots(self) -> int:
        """Finished shots."""
        return self.outcomes.total()

    @property
    def undecided(self) -> int:
        """Those of them without an outcome."""
        return self.outcomes[UNDECIDED]

    def add(self, row: Row) -> None:
        """One more."""
        self._rows.append(row)
        self.outcomes[row.verdict.mode] += 1
        self.steps += row.landed.n_steps

    def pending(self) -> Arrays | None:
        """What has to go into the next shard; None if there is nothing."""
        return self._shard() if self._rows else None

    def filed(self) -> None:
        """It is in a shard."""
        self._rows.clear()

    def tables(self, shards: Sequence[Arrays]) -> tuple[Arrays, Arrays]:
        """``shots.npz`` and ``trajectories.npz`` of all shots, sorted by their numbers.

        :param shards: all that have been filed.
        """
        return from_shards([*shards, self._shard()])

    def _shard(self) -> Arrays:
        return as_shard(shot_columns(self._rows, self.target), trajectory_columns(self._rows, self.target))

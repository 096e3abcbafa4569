"""What the engine asks of whoever moves atoms; the answers are in :mod:`.evaluators`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch


class Evaluator(Protocol):
    """What moves atoms.  A system keeps its key (a shot's number) for as long as it lives."""

    def __call__(self, positions: torch.Tensor, keys: Sequence[int] = ()) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions (rows, n, 3), Å → energies (rows,), eV, and forces (rows, n, 3), eV/Å; float64 all.

        Rows do not see each other.  A row that can't be evaluated has the energy NaN.

        :param keys: one per row, all different: whose neighbour lists to use; () numbers the rows from 0.
        """


@runtime_checkable
class Listing(Protocol):
    """An evaluator with neighbour lists, one per key, made at reference positions that decide its last digits."""

    def references(self, keys: Sequence[int]) -> torch.Tensor:
        """(rows, n, 3), Å, where the lists of ``keys`` were made; NaN for a key without a list."""

    def recall(self, keys: Sequence[int], references: torch.Tensor) -> None:
        """Make the lists of ``keys`` as they were made at ``references``, so that a resumed run goes on bit for bit."""

    def forget(self, keys: Sequence[int]) -> None:
        """Drop the lists of ``keys``; unknown ones are passed over."""


@runtime_checkable
class Deferred(Protocol):
    """An evaluator that never asks the device in the middle of a segment whether its lists still hold.

    Before a segment call :meth:`refresh`, after it ask :meth:`outrun`; if so, the segment has to be done again from
    its start in smaller pieces.
    """

    deferred: bool

    def refresh(self, positions: torch.Tensor, keys: Sequence[int]) -> None:
        """Remake the lists of systems that have moved more than a quarter of a skin since theirs were made."""

    def outrun(self) -> bool:
        """Whether since the last call a system moved farther than its list allows; asks the device once."""

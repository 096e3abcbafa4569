"""Several evaluators as one: their mean, and how far they are apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ..evaluator import Evaluator


class Committee:
    """The mean energy and the mean forces of ``members``, all of the same system and device.

    The mean forces are the gradient of the mean energy, so dynamics on them conserves energy.

    :ivar spread: (rows,), eV/Å, of the last call: the largest standard deviation over the members (÷ their number) of
        a force component.
    """

    def __init__(self, members: Sequence[Any]) -> None:
        self.members: list[Any] = list(members)
        first = self.members[0]
        self.device, self.n_atoms = first.device, first.n_atoms
        self.r_max = max(member.r_max for member in self.members)
        self.spread = torch.zeros(0, dtype=torch.float64, device=self.device)

    @property
    def deferred(self) -> bool:
        """Whether a member is: see :class:`~..evaluator.Deferred`."""
        return any(member.deferred for member in self.members)

    def __call__(self, positions: torch.Tensor, keys: Sequence[int] = ()) -> tuple[torch.Tensor, torch.Tensor]:
        """See :class:`~..evaluator.Evaluator`; a row that one member can't evaluate has the energy NaN."""
        each = [_told(member, positions, keys) for member in self.members]
        energies = torch.stack([energy for energy, _ in each]).mean(dim=0)
        forces = torch.stack([force for _, force in each])
        self.spread = forces.std(dim=0, correction=0).amax(dim=(1, 2))
        return energies, forces.mean(dim=0)

    def refresh(self, positions: torch.Tensor, keys: Sequence[int]) -> None:
        """See :class:`~..evaluator.Deferred`."""
        for member in self.members:
            if member.deferred:
                member.refresh(positions, keys)

    def outrun(self) -> bool:
        """See :class:`~..evaluator.Deferred`."""
        return any([member.outrun() for member in self.members if member.deferred])  # all are asked: asking resets

    def references(self, keys: Sequence[int]) -> torch.Tensor:
        """See :class:`~..evaluator.Listing`; members with one skin make their lists at the same places."""
        told: torch.Tensor = self.members[0].references(keys)
        return told

    def recall(self, keys: Sequence[int], references: torch.Tensor) -> None:
        """See :class:`~..evaluator.Listing`."""
        for member in self.members:
            member.recall(keys, references)

    def forget(self, keys: Sequence[int]) -> None:
        """See :class:`~..evaluator.Listing`."""
        for member in self.members:
            member.forget(keys)


def _told(member: Evaluator, positions: torch.Tensor, keys: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    return member(positions, keys)

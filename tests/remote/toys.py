"""Evaluators with closed forms."""

from __future__ import annotations

from collections.abc import Sequence

import torch

Energies = tuple[torch.Tensor, torch.Tensor]


class Springs:
    """Each atom on its own spring: E = Σ k |x − x0|² / 2; k in eV/Å², x0 (n, 3), Å."""

    def __init__(self, k: float, rest: torch.Tensor) -> None:
        self.k, self.rest, self.calls = k, rest, 0

    def __call__(self, positions: torch.Tensor, keys: Sequence[int] = ()) -> Energies:
        self.calls += 1
        d = positions - self.rest
        return 0.5 * self.k * d.square().sum(dim=(1, 2)), -self.k * d


class Pairs:
    """Morse pairs between all atoms, D = 1 eV, a = 1.5 / Å, r0 = 1.5 Å: forces sum to zero."""

    def __call__(self, positions: torch.Tensor, keys: Sequence[int] = ()) -> Energies:
        x = positions.detach().clone().requires_grad_(True)
        i, j = torch.triu_indices(x.shape[1], x.shape[1], 1)
        r = (x[:, i] - x[:, j]).norm(dim=2)
        energies = ((1 - torch.exp(-1.5 * (r - 1.5))) ** 2).sum(dim=1)
        (gradient,) = torch.autograd.grad(energies.sum(), x)
        return energies.detach(), -gradient


def free(positions: torch.Tensor, keys: Sequence[int] = ()) -> Energies:
    """No forces at all."""
    return positions.new_zeros(len(positions)), torch.zeros_like(positions)


class Listed(Pairs):
    """Morse pairs of three atoms with a book of where each row's list was made."""

    def __init__(self) -> None:
        self.made: dict[int, torch.Tensor] = {}

    def references(self, keys: Sequence[int]) -> torch.Tensor:
        nowhere = torch.full((3, 3), torch.nan, dtype=torch.float64)
        return torch.stack([self.made.get(key, nowhere) for key in keys])

    def recall(self, keys: Sequence[int], references: torch.Tensor) -> None:
        for key, row in zip(keys, references, strict=True):
            self.made[key] = row.clone()

    def forget(self, keys: Sequence[int]) -> None:
        for key in keys:
            self.made.pop(key, None)


class Late(Listed):
    """Morse pairs by lists of ``reach``, Å, of which nobody is told in flight that they do not hold any more.

    A row that has moved farther than ``reach`` from where its list was made gets wrong forces, as a list that lacks
    pairs would give, and :meth:`outrun` says so afterwards.
    """

    deferred = True

    def __init__(self, reach: float) -> None:
        super().__init__()
        self.reach, self.refreshed, self.asked, self.missed = reach, 0, 0, 0
        self._beyond = False

    def __call__(self, positions: torch.Tensor, keys: Sequence[int] = ()) -> Energies:
        energies, forces = super().__call__(positions)
        made = torch.stack([self.made[key] for key in keys])
        beyond = ~((positions - made).abs().amax(dim=(1, 2)) <= self.reach)
        self._beyond = self._beyond or bool(beyond.any())
        return energies, torch.where(beyond[:, None, None], 0.0, forces)

    def refresh(self, positions: torch.Tensor, keys: Sequence[int]) -> None:
        self.refreshed += 1
        for key, row in zip(keys, positions, strict=True):
            if key not in self.made or not (row - self.made[key]).abs().max() <= self.reach / 2:
                self.made[key] = row.clone()

    def outrun(self) -> bool:
        self.asked += 1
        beyond, self._beyond = self._beyond, False
        self.missed += beyond
        return beyond

"""A graph in which every atom has the same number of edges, so that sums over neighbours are matrix products."""

from __future__ import annotations

import torch


def padded(index: torch.Tensor, shifts: torch.Tensor, n_atoms: int, r_max: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Edges end to end by receiver, ``k`` for each of ``n_atoms`` atoms, the largest number that one of them has.

    What an atom has less is filled with edges from itself to its image 2 r_max away, which no model feels.

    :param index: (2, e) senders and receivers, each pair twice, sorted by the first row.
    :param shifts: (e, 3), Å: receiver − sender + shift is the pair's vector.
    :returns: the same for (2, n_atoms k) edges, sorted by the second row.
    """
    here, there = index
    counts = torch.bincount(here, minlength=n_atoms)
    k = max(int(counts.max()), 1) if n_atoms else 1
    starts = counts.cumsum(0) - counts
    slot = (
        torch.arange(len(here), device=index.device) + (torch.arange(n_atoms, device=index.device) * k - starts)[here]
    )
    receivers = torch.arange(n_atoms, device=index.device).repeat_interleave(k)
    senders = receivers.clone()
    senders[slot] = there
    moved = shifts.new_zeros(n_atoms * k, 3)
    moved[:, 0] = 2 * r_max
    moved[slot] = -shifts
    return torch.stack([senders, receivers]), moved

"""The symmetric contraction (Batatia et al. 2022, equations 10 and 11) as one polynomial of degree three per element.

B[m] = Σ_r x[r] (Σ_pq T3[p, q, r, m] x[p] x[q] + Σ_q T2[q, r, m] x[q] + T1[r, m]), with T_ν = Σ_k U_ν[…, k] W_ν[k] for
each element and channel, made symmetric in its places.  Then ∂B[m]/∂x[r] is 3, 2 and 1 times the three terms in the
brackets, so that the way back costs next to nothing.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch

from ....contract.errors import RefusedError

_ORDER = 3


class Contraction(torch.nn.Module):
    """Takes the place of MACE's ``SymmetricContraction``.

    :raises RefusedError: for a correlation above three.
    """

    cubic: torch.Tensor
    square: torch.Tensor
    linear: torch.Tensor

    def __init__(self, contraction: Any) -> None:
        super().__init__()
        tables = [_tables(part) for part in contraction.contractions]
        size = self.size = int(tables[0][0].shape[-1])
        self.dims = [int(table[0].shape[2]) for table in tables]
        like = next(contraction.parameters())
        p, q = torch.triu_indices(size, size)
        twice = torch.where(p == q, 1.0, 2.0).double()
        cubes = [(t[2][:, :, :, p, q] * twice[:, None]).transpose(2, 3).flatten(3) for t in tables]
        squares = [t[1].transpose(2, 3).flatten(3) for t in tables]
        self.register_buffer("cubic", torch.cat(cubes, dim=3).to(like))  # (elements, c, pairs, m r)
        self.register_buffer("square", torch.cat(squares, dim=3).to(like))  # (elements, c, q, m r)
        self.register_buffer("linear", torch.cat([t[0].flatten(2) for t in tables], dim=2).to(like))
        self._seen: torch.Tensor | None = None
        self._groups: list[tuple[int, torch.Tensor]] = []

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """(n, Σ channels × (2 l + 1)), in e3nn's order.

        :param x: (n, c, (l_max + 1)²).   :param y: (n, elements), one-hot; atoms are sorted once per tensor.
        """
        if y is not self._seen:
            kinds = y.argmax(dim=1)
            self._groups = [(z, (kinds == z).nonzero().squeeze(1)) for z in sorted(set(kinds.tolist()))]
            self._seen = y
        out: torch.Tensor = _Polynomial.apply(x, self, self._groups)  # type: ignore[no-untyped-call]
        parts = torch.split(out, self.dims, dim=2)
        return torch.cat([part.reshape(len(x), -1) for part in parts], dim=1)


def _tables(part: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """T1, T2 and T3 of one output irrep: (elements, c, m, r), (…, q, r), (…, p, q, r), float64."""
    order = int(part.correlation)
    if order > _ORDER:
        raise RefusedError(f"its correlation is {order}, more than {_ORDER}.")
    weights = {order: part.weights_max, **{order - 1 - i: weight for i, weight in enumerate(part.weights)}}
    first = part.U_tensors(1)
    size, m = int(first.shape[-2]), int(first.shape[0]) if first.ndim == 3 else 1
    found = []
    for degree in range(1, _ORDER + 1):
        if degree > order:
            elements, _, channels = weights[order].shape
            found.append(torch.zeros(elements, channels, m, *[size] * degree, dtype=torch.float64))
            continue
        u = part.U_tensors(degree).detach().double().cpu().reshape(m, *[size] * degree, -1)
        turns = [u.permute(0, *(1 + i for i in turn), degree + 1) for turn in itertools.permutations(range(degree))]
        even = torch.stack(turns).sum(dim=0) / math.factorial(degree)
        found.append(torch.einsum("...k,ekc->ec...", even, weights[degree].detach().double().cpu()))
    return found[0], found[1], found[2]


class _Polynomial(torch.autograd.Function):
    """x (n, c, r) → (n, c, m)."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, layer: Contraction, groups: list[tuple[int, torch.Tensor]]) -> torch.Tensor:
        n, channels, size = x.shape
        m = sum(layer.dims)
        out = x.new_empty(n, channels, m)
        slopes = []
        for z, atoms in groups:
            own = x.index_select(0, atoms).transpose(0, 1).contiguous()  # (c, atoms, r)
            cubic = torch.bmm(_pairs(own), layer.cubic[z])
            square = torch.bmm(own, layer.square[z])
            bracket = (cubic + square).add_(layer.linear[z][:, None])
            values = (bracket.view(channels, -1, m, size) * own[:, :, None]).sum(dim=3)
            out[atoms] = values.transpose(0, 1)
            slopes.append(bracket.add_(cubic, alpha=2.0).add_(square))
        ctx.save_for_backward(*slopes)
        ctx.groups, ctx.shape = groups, x.shape
        return out

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        channels, size = ctx.shape[1:]
        to_x = grads[0].new_empty(ctx.shape)
        for (_, atoms), slope in zip(ctx.groups, ctx.saved_tensors, strict=True):
            gradient = grads[0].index_select(0, atoms).transpose(0, 1)[..., None]  # (c, atoms, m, 1)
            told = (slope.view(channels, len(atoms), -1, size) * gradient).sum(dim=2)
            to_x[atoms] = told.transpose(0, 1)
        return to_x, None, None


def _pairs(x: torch.Tensor) -> torch.Tensor:
    """x[p] x[q] for p ≤ q, in the order of ``triu_indices``: (c, n, r) → (c, n, r (r + 1) / 2)."""
    size = x.shape[2]
    out = x.new_empty(*x.shape[:2], size * (size + 1) // 2)
    first = 0
    for p in range(size):
        torch.mul(x[..., p : p + 1], x[..., p:], out=out[..., first : first + size - p])
        first += size - p
    return out

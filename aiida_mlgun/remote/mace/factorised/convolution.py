"""Messages: for each path, edges' radial weights × senders' features ⊗ spherical harmonics, summed per receiver.

==========================================================  ==========================================================
MACE (e3nn's ``uvu`` tensor product, then a scattered sum)  here, for each chunk of receivers
==========================================================  ==========================================================
w[e, p, c] = Σ_h H[e, h] W[h, p, c]                         ``weights``, made for the chunk and forgotten
M_p[i, c, m3] = Σ_e w[e, p, c] Σ_m1 x[j, c, m1] Σ_m2        one matrix product per receiver, (c × k m1) by
C_p[m1, m2, m3] Y[e, m2], e: edges to i, from j             (k m1 × m3), of w x and of ``couplings`` C_p Y
==========================================================  ==========================================================

Chunks are so small that what is made for one stays in the processor's cache; the way back makes it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from e3nn import o3

from ....contract.errors import RefusedError

#: Bytes of a chunk's radial weights: on a CPU for its second-level cache, on a GPU for many blocks at once.
CHUNK = {"cpu": 2**20, "cuda": 2**28}


@dataclass(frozen=True)
class Path:
    """One path: which features × harmonics give which output.

    :param source: place among the features' irreps.   :param harmonic: among the harmonics'.
    :param channels: number of channels.   :param dims: (2 l1 + 1, 2 l2 + 1, 2 l3 + 1).   :param first: column of ``w``.
    """

    source: int
    harmonic: int
    channels: int
    dims: tuple[int, int, int]
    first: int


class Convolution(torch.nn.Module):
    """Takes the place of an interaction's ``conv_tp`` and of the sum after it (MACE's ``conv_fusion``).

    :param product: the ``e3nn.o3.TensorProduct`` of the interaction.
    :param last: (hidden, paths × channels), last layer of the radial network.
    :raises RefusedError: for a product of another form.
    """

    last: torch.Tensor

    def __init__(self, product: Any, last: torch.Tensor) -> None:
        super().__init__()
        self.features = [(part.mul, part.ir.dim) for part in product.irreps_in1]
        self.harmonics = [part.ir.dim for part in product.irreps_in2]
        self.out = [(part.mul, part.ir.dim) for part in product.irreps_out]
        self.paths: list[Path] = []
        last = last.clone()
        for n, step in enumerate(product.instructions):
            one, two = product.irreps_in1[step.i_in1], product.irreps_in2[step.i_in2]
            three = product.irreps_out[step.i_out]
            if step.connection_mode != "uvu" or two.mul != 1 or not step.has_weight or step.i_out != n:
                raise RefusedError(f"its tensor product has a path of mode {step.connection_mode}.")
            first = self.paths[-1].first + self.paths[-1].channels if self.paths else 0
            self.paths.append(Path(step.i_in1, step.i_in2, one.mul, (one.ir.dim, two.ir.dim, three.ir.dim), first))
            coupling = o3.wigner_3j(one.ir.l, two.ir.l, three.ir.l, dtype=torch.float64) * step.path_weight
            if one.ir.l == 0:  # the coupling is a number times the unit matrix
                last[:, first : first + one.mul] *= float(coupling[0, 0, 0])
            self.register_buffer(f"coupling_{n}", coupling.transpose(0, 1).reshape(two.ir.dim, -1).to(last))
        if self.paths[-1].first + self.paths[-1].channels != last.shape[1]:
            raise RefusedError("its radial network does not fit its tensor product.")
        self.register_buffer("last", last)

    def forward(
        self, node_feats: torch.Tensor, edge_attrs: torch.Tensor, hidden: torch.Tensor, edge_index: torch.Tensor
    ) -> torch.Tensor:
        """Messages (n, Σ channels × (2 l + 1)), in e3nn's order.

        :param node_feats: (n, …), in e3nn's order.   :param edge_attrs: (n k, (l_max + 1)²).
        :param hidden: (n k, h), hidden features of the radial network.
        :param edge_index: (2, n k), as :func:`.padded` makes it.
        """
        n = len(node_feats)
        k = edge_index.shape[1] // max(n, 1)
        parts = torch.split(node_feats, [mul * dim for mul, dim in self.features], dim=1)
        features = [
            part.view(n, mul, dim).transpose(1, 2).contiguous()
            for part, (mul, dim) in zip(parts, self.features, strict=True)
        ]
        harmonics = torch.split(edge_attrs, self.harmonics, dim=1)
        couplings = [self._coupling(q, harmonics[path.harmonic], n, k) for q, path in enumerate(self.paths)]
        sums = _Messages.apply(self, edge_index[0], hidden, *features, *couplings)  # type: ignore[no-untyped-call]
        return torch.cat([one.view(n, -1) for one in sums], dim=1)

    def _coupling(self, q: int, harmonic: torch.Tensor, n: int, k: int) -> torch.Tensor:
        """(n, k m1, m3)."""
        one, _, three = self.paths[q].dims
        if one == 1:
            return harmonic.reshape(n, k, three)
        return (harmonic @ self.get_buffer(f"coupling_{q}")).view(n, k * one, three)

    def chunks(self, n: int, k: int) -> Iterator[tuple[slice, slice]]:
        """Receivers, and their edges."""
        size = self.last.shape[1] * self.last.element_size() * k
        many = max(1, CHUNK.get(self.last.device.type, CHUNK["cuda"]) // size)
        for first in range(0, n, many):
            stop = min(first + many, n)
            yield slice(first, stop), slice(first * k, stop * k)


class _Messages(torch.autograd.Function):
    """Features (n, m1, c) per irrep and couplings (n, k m1, m3) per path → messages (n, c, m3) per path."""

    @staticmethod
    def forward(
        ctx: Any, layer: Convolution, senders: torch.Tensor, hidden: torch.Tensor, *parts: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        features, couplings = parts[: len(layer.features)], parts[len(layer.features) :]
        n = len(features[0])
        k = len(senders) // max(n, 1)
        out = tuple(hidden.new_empty((n, mul, dim)) for mul, dim in layer.out)
        for atoms, edges in layer.chunks(n, k):
            weights = hidden[edges] @ layer.last
            sent = [part.index_select(0, senders[edges]) for part in features]
            for q, path in enumerate(layer.paths):
                product = sent[path.source] * _columns(weights, path)
                flat = product.view(-1, k * path.dims[0], path.channels)
                torch.bmm(flat.transpose(1, 2), couplings[q][atoms], out=out[q][atoms])
        ctx.save_for_backward(senders, hidden, *parts)
        ctx.layer = layer
        return out

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[Any, ...]:
        senders, hidden, *parts = ctx.saved_tensors
        layer: Convolution = ctx.layer
        features, couplings = parts[: len(layer.features)], parts[len(layer.features) :]
        n = len(features[0])
        k = len(senders) // max(n, 1)
        wanted = ctx.needs_input_grad[3 : 3 + len(features)]
        to_features = [torch.zeros_like(part) if want else None for part, want in zip(features, wanted, strict=True)]
        to_couplings = [torch.empty_like(part) for part in couplings]
        to_hidden = torch.empty_like(hidden)
        back = layer.last.T.contiguous()
        for atoms, edges in layer.chunks(n, k):
            weights = hidden[edges] @ layer.last
            to_weights = torch.empty_like(weights)
            sent = [part.index_select(0, senders[edges]) for part in features]
            to_sent: list[torch.Tensor | None] = [None] * len(sent)
            for q, path in enumerate(layer.paths):
                columns, source = _columns(weights, path), sent[path.source]
                gradient = grads[q][atoms]
                flat = (source * columns).view(-1, k * path.dims[0], path.channels)
                torch.bmm(flat, gradient, out=to_couplings[q][atoms])
                to_product = torch.bmm(couplings[q][atoms], gradient.transpose(1, 2)).view_as(source)
                if path.dims[0] == 1:
                    torch.mul(to_product, source, out=_columns(to_weights, path))
                else:
                    torch.sum(to_product * source, dim=1, keepdim=True, out=_columns(to_weights, path))
                if wanted[path.source]:
                    to_product.mul_(columns)
                    so_far = to_sent[path.source]
                    to_sent[path.source] = to_product if so_far is None else so_far.add_(to_product)
            for part, told in zip(to_features, to_sent, strict=True):
                if part is not None and told is not None:
                    part.index_add_(0, senders[edges], told)
            torch.mm(to_weights, back, out=to_hidden[edges])
        return None, None, to_hidden, *to_features, *to_couplings


def _columns(weights: torch.Tensor, path: Path) -> torch.Tensor:
    """A path's radial weights (edges, 1, c)."""
    return weights[:, None, path.first : path.first + path.channels]

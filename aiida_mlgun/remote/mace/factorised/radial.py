"""The radial network: its hidden layers on their own, or a table of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from scipy.interpolate import CubicSpline

from ....contract.errors import RefusedError

#: Intervals of the table over r_max: cubic splines are then right to about 1e-8 of the largest value, float32 to 1e-7.
INTERVALS = 2048
#: Å; nearer than which two nuclei are in one place.
STRUCK = 1e-3


def split(network: Any) -> tuple[Hidden, torch.Tensor]:
    """An ``e3nn.nn.FullyConnectedNet`` as its hidden layers and the matrix (hidden, paths) of its last one.

    The constants by which e3nn scales inputs and outputs of each layer are multiplied into the matrices.

    :raises RefusedError: for another kind of network.
    """
    matrices: list[torch.Tensor] = []
    acts: list[Any] = []
    scale = 1.0
    for layer in network:
        try:
            weight, act, h_in, var_in, var_out = layer.weight, layer.act, layer.h_in, layer.var_in, layer.var_out
        except AttributeError as error:
            raise RefusedError(f"its radial network has a {type(layer).__name__}.") from error
        if act is None:
            matrices.append(weight.detach() * (scale * math.sqrt(var_out / (h_in * var_in))))
            break
        matrices.append(weight.detach() * (scale / math.sqrt(h_in * var_in)))
        scale = math.sqrt(var_out) * float(getattr(act, "cst", 1.0))
        acts.append(getattr(act, "f", act))
    if len(matrices) != len(acts) + 1 or not acts:
        raise RefusedError("its radial network has no linear last layer after hidden ones.")
    return Hidden(matrices[:-1], acts), matrices[-1]


class Hidden(torch.nn.Module):
    """Radial features (e, n) → hidden features (e, h), before the last, linear layer."""

    def __init__(self, matrices: list[torch.Tensor], acts: list[Any]) -> None:
        super().__init__()
        self.matrices = torch.nn.ParameterList([torch.nn.Parameter(m, requires_grad=False) for m in matrices])
        self.acts = acts

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        for matrix, act in zip(self.matrices, self.acts, strict=True):
            x = act(x @ matrix)
        return x


class Lengths(torch.nn.Module):
    """In place of MACE's radial embedding: the edges' lengths (e, 1), Å, as they are, for :class:`Table`."""

    def forward(self, lengths: torch.Tensor, *_: Any) -> tuple[torch.Tensor, None]:
        """See the class."""
        return lengths, None


class Table(torch.nn.Module):
    """Lengths (e, 1), Å → what ``function`` gives for them (e, h), by a cubic spline; 0 from r_max on.

    :param function: of lengths (m, 1), float64.
    :param r_max: Å; there the function is zero.
    """

    rows: torch.Tensor

    def __init__(self, function: Any, r_max: float) -> None:
        super().__init__()
        knots = np.linspace(0.0, r_max, INTERVALS + 1)
        at = torch.from_numpy(knots)[:, None].clamp(min=1e-6)
        with torch.no_grad():
            values = function(at).double().numpy()
        values[-1] = 0.0
        pieces = CubicSpline(knots, values, bc_type="not-a-knot").c  # (4, intervals, h), powers of r − knot
        step = r_max / INTERVALS
        pieces = pieces * (step ** np.arange(3, -1, -1.0))[:, None, None]
        beyond = np.zeros((4, 1, values.shape[1]))
        rows = np.concatenate([pieces, beyond], axis=1).transpose(1, 0, 2)
        self.register_buffer("rows", torch.from_numpy(rows.reshape(INTERVALS + 1, -1).copy()))
        self.per_angstrom = INTERVALS / r_max

    def forward(self, lengths: torch.Tensor) -> torch.Tensor:
        """See the class."""
        found: torch.Tensor = _LookUp.apply(lengths, self.rows, self.per_angstrom)  # type: ignore[no-untyped-call]
        return found


class _LookUp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, lengths: torch.Tensor, rows: torch.Tensor, per_angstrom: float) -> torch.Tensor:
        at = torch.where(lengths < STRUCK, torch.nan, lengths) * per_angstrom
        place = at.nan_to_num(0.0).clamp(max=len(rows) - 1).floor()
        t, index = at - place, place.long().squeeze(1)
        value = rows.new_empty(len(lengths), rows.shape[1] // 4)
        slope = torch.empty_like(value)
        many = _MANY if rows.device.type == "cpu" else max(len(lengths), 1)
        for first in range(0, len(lengths), many):
            part = slice(first, first + many)
            a, b, c, d = rows.index_select(0, index[part]).chunk(4, dim=1)
            at2 = a * t[part]
            torch.add(at2, b, out=value[part]).mul_(t[part]).add_(c).mul_(t[part]).add_(d)
            torch.add(at2.mul_(3.0), b, alpha=2.0, out=slope[part]).mul_(t[part]).add_(c).mul_(per_angstrom)
        ctx.save_for_backward(slope)
        return value

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return torch.einsum("eh,eh->e", grads[0], slope)[:, None], None, None


_MANY = 1024  # edges at once on a CPU, so that what is made for them stays in its cache

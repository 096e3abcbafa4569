"""A MACE model whose layers are replaced by those of this package."""

from __future__ import annotations

import copy

import torch

from ....contract.errors import RefusedError
from ..rebuild import MaceModel
from .contraction import Contraction
from .convolution import Convolution
from .radial import Lengths, Table, split

#: Interactions whose message is this sum; True: they use the radial features for nothing else.
_BLOCKS = {
    "RealAgnosticInteractionBlock": True,
    "RealAgnosticResidualInteractionBlock": True,
    "RealAgnosticDensityInteractionBlock": False,
    "RealAgnosticDensityResidualInteractionBlock": False,
}


def factorised(model: MaceModel, dtype: torch.dtype) -> MaceModel:
    """The same model for graphs made by :func:`.padded`, in ``dtype``; ``model`` stays as it is.

    In float64 its energies and forces are the model's to rounding; in float32 the radial network comes from a table,
    where it depends on the length alone.

    :param model: a ScaleShiftMACE, in float64.
    :raises RefusedError: for interactions, networks or correlations of another kind, by name.
    """
    twin = copy.deepcopy(model)
    names = [type(block).__name__ for block in twin.interactions]
    if unknown := [name for name in names if name not in _BLOCKS]:
        raise RefusedError(f"evaluator factorised can't do this model: its interaction is a {unknown[0]}.")
    embedding = twin.radial_embedding
    tabled = dtype == torch.float32 and all(_BLOCKS[name] for name in names)
    tabled = tabled and not hasattr(embedding, "distance_transform")
    r_max = float(twin.r_max)
    try:
        for block in twin.interactions:
            hidden, last = split(block.conv_tp_weights)
            block.conv_tp = Convolution(block.conv_tp, last)
            block.conv_fusion = True
            block.conv_tp_weights = hidden
        for product in twin.products:
            product.symmetric_contractions = Contraction(product.symmetric_contractions)
    except RefusedError as error:
        raise RefusedError(f"evaluator factorised can't do this model: {error}") from error
    if tabled:
        for block in twin.interactions:
            block.conv_tp_weights = _tabled(embedding, block.conv_tp_weights, twin, r_max)
        twin.radial_embedding = Lengths()
    return twin.to(dtype)


def _tabled(embedding: torch.nn.Module, hidden: torch.nn.Module, model: MaceModel, r_max: float) -> Table:
    def function(lengths: torch.Tensor) -> torch.Tensor:
        nothing = lengths.new_zeros((0, 2))
        features, cutoff = embedding(lengths.to(model.r_max.device), nothing, nothing, model.atomic_numbers)
        told: torch.Tensor = hidden(features) if cutoff is None else hidden(features) * cutoff
        return told.cpu()

    return Table(function, r_max).to(model.r_max.device)

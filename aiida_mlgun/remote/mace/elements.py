"""A model cut down to the elements that are there: a foundation model's 89 cost time in every one-hot product."""

from __future__ import annotations

import math

import numpy as np
import torch

from ...contract.errors import RefusedError
from .rebuild import MaceModel, describe, rebuild


def restricted(model: MaceModel, numbers: list[int]) -> MaceModel:
    """``model`` for the elements ``numbers`` alone, with the same energies and forces to rounding.

    The model itself where nothing is to be gained, or where MACE keeps elements in a way that is not known here.
    """
    known = [int(z) for z in model.atomic_numbers]
    kept = [known.index(z) for z in sorted(set(numbers))]
    if len(kept) == len(known):
        return model
    try:
        config = describe(model)
        config |= {"atomic_numbers": [known[k] for k in kept], "num_elements": len(kept)}
        config["atomic_energies"] = np.asarray(config["atomic_energies"])[..., kept].tolist()
        weights = {k: _cut(model, k, v.detach().cpu(), kept) for k, v in model.state_dict().items() if v.numel()}
        source = next(model.parameters())
        return rebuild(config, weights, source.dtype).to(source.device)
    except (RefusedError, RuntimeError):  # RuntimeError: what torch says to weights of another shape
        return model


def _cut(model: MaceModel, key: str, value: torch.Tensor, kept: list[int]) -> torch.Tensor:
    """A tensor of the state without the elements that are not kept."""
    n = len(model.atomic_numbers)
    scale = math.sqrt(len(kept) / n)  # e3nn divides by the root of a map's number of inputs, which changes
    if key == "node_embedding.linear.weight" or key.endswith((".source_embedding.weight", ".target_embedding.weight")):
        return value.reshape(n, -1)[kept].flatten() * scale
    if key.endswith(".skip_tp.weight"):
        product = model.get_submodule(key.removesuffix(".weight"))
        shapes = [tuple(one.path_shape) for one in product.instructions if one.has_weight]
        ends = np.cumsum([math.prod(shape) for shape in shapes]).tolist()
        cut = [
            _cut_path(value[end - math.prod(shape) : end].reshape(shape), n, kept, scale)
            for end, shape in zip(ends, shapes, strict=True)
        ]
        return torch.cat(cut)
    if ".symmetric_contractions." in key and ".weights" in key and value.ndim == 3:
        return value[kept]
    if key == "atomic_numbers":
        return value[kept]
    if key == "atomic_energies_fn.atomic_energies":
        return value[..., kept]
    return value


def _cut_path(weights: torch.Tensor, n: int, kept: list[int], scale: float) -> torch.Tensor:
    """One path of features × elements; a path without an element axis as it is."""
    if weights.ndim == 3 and weights.shape[1] == n:
        return (weights[:, kept] * scale).flatten()
    return weights.flatten()

"""A model of correlation order one or two as one of order three whose further weights are zero."""

from __future__ import annotations

import torch

from ...contract.errors import RefusedError
from .rebuild import MaceModel, blank, describe

_ORDER = 3


def raised(model: MaceModel) -> MaceModel:
    """The same function of positions with correlation order three, for programs that know no other.

    :raises RefusedError: for a higher order.
    """
    config = describe(model)
    order = int(config["correlation"])
    if order == _ORDER:
        return model
    if order > _ORDER:
        raise RefusedError(f"the model has correlation {order}, more than {_ORDER}.")
    source = next(model.parameters())
    twin = blank(config | {"correlation": _ORDER}).to(device=source.device, dtype=source.dtype)
    before, state = model.state_dict(), twin.state_dict()
    for key, value in state.items():
        stem, found, name = key.partition(".weights")
        if key.endswith("_zeroed"):
            continue  # MACE's note that a degree may be left out; leaving nothing out is always right
        if ".symmetric_contractions." in key and found:
            old = _name(order, _degree(_ORDER, name))
            state[key] = torch.zeros_like(value) if old is None else before[f"{stem}.weights{old}"]
        elif key in before:
            state[key] = before[key]
    twin.load_state_dict(state)
    return twin.eval()


def _degree(order: int, name: str) -> int:
    """MACE calls the weights of the highest degree ``_max`` and counts the others down from it: ``.0``, ``.1`` …"""
    return order if name == "_max" else order - 1 - int(name.removeprefix("."))


def _name(order: int, degree: int) -> str | None:
    if degree > order:
        return None
    return "_max" if degree == order else f".{order - 1 - degree}"

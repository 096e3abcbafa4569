"""One head of a model with several: a parent's to go on from, or the one that a training was for.

A stored model that was trained here has one head, so that whoever uses it can't take the wrong one.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from mace.tools.scripts_utils import remove_pt_head

from ...contract.errors import RefusedError, RunFailedError
from .predict import predict, species
from .rebuild import MaceModel, describe, rebuild
from .store import probe_frames

TOLERANCE = 1e-9  # of the largest value; the two models sum the same numbers in another order


def only_head(model: MaceModel, name: str | None) -> MaceModel:
    """``model`` itself when it has one head, else a model of the head ``name`` alone, in the same precision.

    :raises RefusedError: no such head, or several and none named.
    :raises RunFailedError: ``product_differs`` when the smaller model does not predict what the head does.
    """
    heads: list[str] = list(getattr(model, "heads", None) or ["Default"])
    listed = ", ".join(heads)
    if name is not None and name not in heads:
        raise RefusedError(f"the model has no head {name!r}. It has: {listed}.")
    if len(heads) == 1:
        return model
    if name is None:
        raise RefusedError(f"the model has {len(heads)} heads ({listed}): name the one to go on from.")
    dtype = next(model.parameters()).dtype
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch about how mace copies its own tensors
            small = remove_pt_head(model, name)
    finally:
        torch.set_default_dtype(before)
    frames = probe_frames(species(model))
    wide, narrow = ({k: v for k, v in m.state_dict().items() if v.numel()} for m in (model, small))
    told = predict(rebuild(describe(model), wide, torch.float64), frames, 4, "cpu", head=name)
    again = predict(rebuild(describe(small), narrow, torch.float64), frames, 4, "cpu")
    for what, old, new in zip(("energies", "forces"), told, again, strict=True):
        worst, limit = float(np.abs(old - new).max()), TOLERANCE * max(1.0, float(np.abs(old).max()))
        if not worst <= limit:
            message = f"head {name!r} on its own gives {what} that differ by {worst:.1e} from those in the whole model."
            raise RunFailedError("product_differs", message)
    return small

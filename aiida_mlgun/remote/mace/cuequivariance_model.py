"""A MACE model whose tensor products are NVIDIA's cuEquivariance kernels; for GPUs, right everywhere."""

from __future__ import annotations

import copy
import warnings
from importlib.util import find_spec

import torch

from ...contract.errors import RefusedError
from .loading import pickles_stay_refused
from .rebuild import MaceModel


def accelerated(model: MaceModel) -> MaceModel:
    """The same model with cuEquivariance's kernels, in its precision, on its device; ``model`` stays as it is.

    :raises RefusedError: cuEquivariance is not installed, or MACE can't convert this model.
    """
    if find_spec("cuequivariance_torch") is None:
        raise RefusedError(
            "evaluator cuequivariance: the package is not installed. Install aiida-mlgun[cueq], and on a GPU "
            "cuequivariance-ops-torch for its CUDA version."
        )
    source = next(model.parameters())
    before = torch.get_default_dtype()
    with pickles_stay_refused(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mace.cli.convert_e3nn_cueq import run

        try:
            twin = run(copy.deepcopy(model), device=source.device.type, return_model=True)
        except (AttributeError, ImportError, KeyError, NotImplementedError, RuntimeError, ValueError) as error:
            first = str(error).strip().partition("\n")[0]
            raise RefusedError(f"evaluator cuequivariance can't do this model: {first}") from error
        finally:
            torch.set_default_dtype(before)
    for parameter in twin.parameters():
        parameter.requires_grad_(False)
    return twin.to(device=source.device, dtype=source.dtype).eval()

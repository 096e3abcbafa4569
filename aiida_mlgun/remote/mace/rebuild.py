"""A MACE model as plain JSON configuration plus named tensors, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

import numpy as np
import torch
from e3nn import o3
from mace import modules
from mace.tools.scripts_utils import extract_config_mace_model

from ...contract.errors import RefusedError

#: A ScaleShiftMACE; neither mace nor torch.nn.Module types its attributes.
MaceModel: TypeAlias = Any
T = TypeVar("T")

_GATES = {"silu": torch.nn.functional.silu, "tanh": torch.tanh, "abs": torch.abs}
_ARRAYS = ("atomic_energies", "atomic_inter_scale", "atomic_inter_shift")
# names stand in a JSON that may come from anywhere: MACE's own lists of blocks, never whatever a module holds
_CLASSES: dict[str, Mapping[str, Any]] = {
    "interaction_cls": modules.interaction_classes,
    "interaction_cls_first": modules.interaction_classes,
    "readout_cls": modules.readout_classes,
}
_DTYPES = {"float32": torch.float32, "float64": torch.float64}
# far above any MACE model: what a configuration may make this machine build before its weights are compared
MAX_DIMENSION = 1 << 13  # of the hidden features of an atom
MAX_COUNT = {
    "num_elements": 118,
    "num_interactions": 16,
    "max_ell": 12,
    "num_bessel": 256,
    "num_polynomial_cutoff": 64,
    "correlation": 8,
}
_NOT_STORED = ("embedding_specs", "cueq_config", "oeq_config")
_IRREPS = ("hidden_irreps", "MLP_irreps", "edge_irreps")


def describe(model: MaceModel) -> dict[str, Any]:
    """The JSON configuration from which :func:`rebuild` makes the same architecture.

    :raises RefusedError: for model classes or options that can't be told in JSON, by name.
    """
    name = type(model).__name__
    if name != "ScaleShiftMACE":
        raise RefusedError(f"the model is a {name}; only ScaleShiftMACE can be stored as weights and JSON.")
    raw = extract_config_mace_model(model)
    if raw["radial_type"] not in ("bessel", "chebyshev"):
        raise RefusedError(f"the model's radial basis {raw['radial_type']!r} can't be stored as JSON.")
    if any(raw.get(key) for key in _NOT_STORED):
        raise RefusedError("the model uses embedding_specs or cuEquivariance; convert it with mace's own tools first.")
    config: dict[str, Any] = {}
    for key, value in raw.items():
        if key in _CLASSES:
            config[key] = value.__name__
        elif key == "gate":
            config[key] = None if value is None else _gate_name(value)
        elif key in _IRREPS:
            config[key] = None if value is None else str(value)
        elif key in (*_ARRAYS, "atomic_numbers"):
            config[key] = np.asarray(value.cpu() if isinstance(value, torch.Tensor) else value).tolist()
        elif isinstance(value, torch.Tensor | np.generic):
            config[key] = value.item()
        else:
            config[key] = list(value) if isinstance(value, tuple) else value
    config["model_class"] = name
    config["dtype"] = str(next(model.parameters()).dtype).removeprefix("torch.")
    return config


def rebuild(config: dict[str, Any], weights: dict[str, torch.Tensor], dtype: torch.dtype) -> MaceModel:
    """A model of ``config`` with ``weights`` in ``dtype``, in evaluation mode, gradients of parameters off.

    :raises RefusedError: when the configuration is foreign or the weights do not fit it.
    """
    model = blank(config)
    missing, unexpected = model.load_state_dict(weights, strict=False)
    # constants that e3nn derives from the architecture are not stored twice
    lost = [key for key in missing if key in dict(model.named_parameters())]
    if lost or unexpected:
        raise RefusedError(f"the weights do not fit the configuration: {(lost + list(unexpected))[:3]}.")
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model.to(dtype).eval()


def blank(config: dict[str, Any]) -> MaceModel:
    """A model of ``config`` with MACE's random weights, in the precision that it was stored in.

    :raises RefusedError: when the configuration is foreign.
    """
    if config.get("model_class") != "ScaleShiftMACE":
        raise RefusedError(f"unknown model class {config.get('model_class')!r} in the model's configuration.")
    arguments = {key: value for key, value in config.items() if key not in ("model_class", "dtype")}
    _check_sizes(arguments)
    if arguments["gate"] is not None:
        arguments["gate"] = _known("gate", arguments["gate"], _GATES)
    for key, known in _CLASSES.items():
        arguments[key] = _known(key, arguments[key], known)
    for key in _IRREPS:
        arguments[key] = None if arguments[key] is None else o3.Irreps(arguments[key])
    for key in _ARRAYS:
        arguments[key] = np.asarray(arguments[key], dtype=np.float64)
    scale, shift = arguments["atomic_inter_scale"], arguments["atomic_inter_shift"]
    arguments["atomic_inter_scale"], arguments["atomic_inter_shift"] = scale.tolist(), shift.tolist()
    before = torch.get_default_dtype()
    torch.set_default_dtype(_known("dtype", config["dtype"], _DTYPES))
    try:
        return modules.ScaleShiftMACE(**arguments)
    finally:
        torch.set_default_dtype(before)


def _known(key: str, name: object, known: Mapping[str, T]) -> T:
    if not isinstance(name, str) or name not in known:
        raise RefusedError(f"the model's configuration names {key} {name!r}; known are {', '.join(known)}.")
    return known[name]


def _check_sizes(arguments: dict[str, Any]) -> None:
    """Before anything is built."""
    for key in _NOT_STORED:
        if arguments.get(key):
            raise RefusedError(f"the model's configuration has {key}, which stored models never have.")
    for key, most in MAX_COUNT.items():
        values = arguments.get(key, 1)
        for value in values if isinstance(values, list) else [values]:
            if not isinstance(value, int) or not 0 <= value <= most:
                raise RefusedError(f"the model's configuration has {key} {value!r}; whole numbers to {most} are built.")
    for key in _IRREPS:
        dimension = 0 if arguments[key] is None else o3.Irreps(arguments[key]).dim
        if dimension > MAX_DIMENSION:
            raise RefusedError(f"the model's configuration has {key} of {dimension}; to {MAX_DIMENSION} are built.")
    wide = [width for width in arguments.get("radial_MLP") or [] if not 0 < width <= MAX_DIMENSION]
    if wide:
        raise RefusedError(f"the model's configuration has radial_MLP {wide[0]}; to {MAX_DIMENSION} are built.")


def _gate_name(gate: Any) -> str:
    for name, function in _GATES.items():
        if gate is function:
            return name
    raise RefusedError(f"the model's gate {gate!r} can't be stored as JSON.")

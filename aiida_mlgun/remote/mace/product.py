"""Is the trained model what was asked for?  Each question has a name; the first that is answered no ends the run.

Looked at are three states: the parent as MACE was given it, the start MACE made of it, and the produced model.
Bits are compared where a tensor has the same shape in both, functions (node features and interaction energies on small
clusters) where MACE has cut elements or added a head.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.data import chemical_symbols
from e3nn import o3
from e3nn.nn._fc import _Layer
from mace.tools import build_default_arg_parser

from ...contract.errors import RunFailedError
from ...contract.training import Stage
from . import methods
from .predict import batched, predict, species
from .rebuild import MaceModel
from .start import plain
from .store import probe_frames, stored_e0s

E0_TOLERANCE = 1e-4  # eV; a model stored in float32 keeps seven digits
SAME = 1e-5  # of the largest value: the same numbers in single precision, summed in another order
FROZEN = {"embedding": ("node_embedding",), "interactions": ("node_embedding", "interactions")}
FROZEN["products"] = (*FROZEN["interactions"], "products")
# what MACE rewrites while it makes a model, by design: the kind's name, numbers it counts from the frames
_REWRITTEN = {"model", "heads", "E0s", "avg_num_neighbors", "mean", "std", "error_table", "compute_stress"}
# and what it spells out
_REWRITTEN |= {"foundation_model_kwargs", "hidden_irreps", "num_channels", "max_L", "train_file", "valid_file"}
Weights = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Check:
    """A question's name, its answer, and what was seen."""

    check: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class Asked:
    """What the product is held against.

    :param parent: as MACE was given it (one head, the stage's precision, reference energies of the new model); None
        from scratch.
    :param e0s: symbol → eV; :param replay_e0s: of the replay head.
    :param elements: atomic numbers, ascending; :param r_max: Å.
    :param argv: the command line.
    """

    stage: Stage
    parent: MaceModel | None
    e0s: dict[str, float]
    replay_e0s: dict[str, float] | None
    elements: list[int]
    r_max: float
    argv: list[str]


def checked(model: MaceModel, start: Weights, effective: dict[str, Any], asked: Asked) -> list[dict[str, Any]]:
    """The answers, as JSON.

    :param model: as MACE saved it, all its heads; :param start: the weights it started from.
    :raises RunFailedError: ``e0s_changed``, or ``product_differs`` for every other question.
    """
    answers = []
    for check in _answers(model, start, effective, asked):
        if not check.passed:
            raise RunFailedError(
                "e0s_changed" if check.check == "e0s" else "product_differs", f"{check.check}: {check.detail}"
            )
        answers.append(asdict(check))
    return answers


def _answers(model: MaceModel, start: Weights, effective: dict[str, Any], asked: Asked) -> Iterator[Check]:
    stage, parent = asked.stage, asked.parent
    weights: Weights = {key: value.detach().cpu() for key, value in model.state_dict().items()}
    yield _options(effective, asked.argv)
    lost = [key for key, value in weights.items() if value.is_floating_point() and not torch.isfinite(value).all()]
    yield Check("finite_weights", not lost, f"{lost[0]} is not finite." if lost else f"{len(weights)} tensors.")
    dtypes = {str(p.dtype).removeprefix("torch.") for p in model.parameters()}
    yield Check("dtype", dtypes == {stage.precision}, f"{', '.join(sorted(dtypes))}; asked for: {stage.precision}.")
    found, wanted = list(model.heads), methods.heads(stage)
    yield Check("heads", found == wanted, f"{', '.join(found)}; asked for: {', '.join(wanted)}.")
    yield Check(
        "elements", species(model) == asked.elements, f"{_names(species(model))}; asked for: {_names(asked.elements)}."
    )
    r_max = float(model.r_max)
    yield Check("r_max", abs(r_max - asked.r_max) < 1e-5, f"{r_max:.6g} Å; asked for: {asked.r_max:.6g} Å.")
    yield _e0s(model, methods.HEAD, asked.e0s)
    if asked.replay_e0s is not None:
        yield _e0s(model, methods.REPLAY_HEAD, asked.replay_e0s)
    frames = probe_frames(species(model))
    energies, forces = predict(model, frames, 4, "cpu")
    yield Check("probe", bool(np.isfinite(energies).all() and np.isfinite(forces).all()), f"{len(frames)} clusters.")
    moved = [key for key in start if not torch.equal(start[key], weights[key])]
    yield Check("trained", bool(moved), f"{len(moved)} of {len(start)} tensors have moved.")
    if parent is not None:
        yield from _starts(model, start, parent, stage)
        yield from _still(start, weights, parent, stage)


def _options(effective: dict[str, Any], argv: list[str]) -> Check:
    args = build_default_arg_parser().parse_args(argv)
    stated = {word.removeprefix("--").partition("=")[0] for word in argv}
    changed = []
    for name, value in vars(args).items():
        told = plain(value, Path(args.work_dir))
        if name in stated - _REWRITTEN and told != effective.get(name):
            changed.append(f"{name} is {effective.get(name)}, {told} was asked for")
    return Check("options", not changed, "; ".join(changed) or f"{len(argv)} options as asked for.")


def _e0s(model: MaceModel, head: str, wanted: dict[str, float]) -> Check:
    held = stored_e0s(model, head)
    for symbol, found in held.items():
        value = wanted[symbol]
        if not abs(found - value) <= E0_TOLERANCE * max(1.0, abs(value)):
            return Check("e0s", False, f"{symbol}: {value} eV was asked for, {found} eV is stored (head {head}).")
    return Check("e0s", True, f"{', '.join(held)} (head {head}).")


def _starts(model: MaceModel, start: Weights, parent: MaceModel, stage: Stage) -> Iterator[Check]:
    """The backbone is the parent's at the start, the readouts are so or are not."""
    given = {key: value.detach().cpu() for key, value in parent.state_dict().items()}
    own = [key for key in given if key in start and not key.startswith(("readouts", "atomic_"))]
    other = [key for key in own if given[key].shape == start[key].shape and not torch.equal(given[key], start[key])]
    begun = copy.deepcopy(model)
    begun.load_state_dict(start, strict=False)
    before = torch.get_default_dtype()
    torch.set_default_dtype(next(model.parameters()).dtype)
    try:
        features, energies = _seen(parent, begun, parent.heads[-1])
        per_head = {head: _seen(begun, begun, head) for head in begun.heads}
    finally:
        torch.set_default_dtype(before)
    worst = max(_apart(features, found) for found, _ in per_head.values())
    detail = f"{other[0]} is not the parent's." if other else f"node features are {worst:.0e} away from the parent's."
    yield Check("backbone_start", not other and worst <= SAME, detail)
    for head, (_, found) in per_head.items():
        away = _apart(energies, found)
        passed = (away <= SAME) == (stage.readout == "keep")
        detail = f"{stage.readout} was asked for; interaction energies are {away:.0e} away from the parent's ({head})."
        yield Check("readouts_start", passed, detail)


def _seen(model: MaceModel, product: MaceModel, head: str) -> tuple[Any, Any]:
    """Node features (m, d) and interaction energies (n,), eV, of small clusters of the product's elements."""
    frames = probe_frames(species(product))
    with torch.no_grad():
        batch = batched(model, frames, range(len(frames)), head).to(model.r_max.device)
        out = model(batch.to_dict(), training=False, compute_force=False)
    return out["node_feats"].cpu().double().numpy(), out["interaction_energy"].cpu().double().numpy()


def _apart(old: Any, new: Any) -> float:
    return float(np.abs(old - new).max() / max(float(np.abs(old).max()), 1e-12))


def _still(start: Weights, weights: Weights, parent: MaceModel, stage: Stage) -> Iterator[Check]:
    """What may not move: frozen layers; with LoRA, all that is no linear layer, and linear layers beyond its rank."""
    if stage.method == "frozen":
        assert stage.freeze is not None
        still = [key for key in start if key.startswith(tuple(f"{part}." for part in FROZEN[stage.freeze]))]
    elif stage.method == "lora":
        linear = {
            f"{name}.{own}"
            for name, module in parent.named_modules()
            if isinstance(module, o3.Linear | torch.nn.Linear | _Layer)
            for own, _ in module.named_parameters(recurse=False)
        }
        still = [key for key in start if key not in linear]
        for key in sorted(linear & start.keys()):
            moved = (weights[key] - start[key]).double()
            if moved.ndim == 2 and int(torch.linalg.matrix_rank(moved, rtol=1e-4)) > stage.lora_rank:
                yield Check("lora_rank", False, f"{key} has moved by more than rank {stage.lora_rank}.")
        yield Check("lora_rank", True, f"no layer has moved by more than rank {stage.lora_rank}.")
    else:
        return
    moved_keys = [key for key in still if not torch.equal(start[key], weights[key])]
    detail = f"{moved_keys[0]} has moved." if moved_keys else f"{len(still)} tensors equal to the last bit."
    yield Check("frozen", bool(still) and not moved_keys, detail)


def _names(numbers: list[int]) -> str:
    return " ".join(chemical_symbols[z] for z in numbers)

"""The state in which an epoch begins: everything that decides the numbers of the epochs after it.

``parts`` are the keyword arguments of MACE's training loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ...contract.errors import RunFailedError

FAILED = (AttributeError, KeyError, RuntimeError, TypeError, ValueError)  # of torch, at a state that does not fit


def capture(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Tensors, numbers and text only.  Tensors are those in use, not copies: write them before going on."""
    return {
        "model": parts["model"].state_dict(),
        "optimizer": parts["optimizer"].state_dict(),
        "scheduler": parts["lr_scheduler"].state_dict(),
        "ema": None if parts["ema"] is None else parts["ema"].state_dict(),
        "neighbours": [float(block.avg_num_neighbors) for block in _blocks(parts["model"])],
        "draws": parts["train_loader"].generator.get_state(),
        "random": torch.get_rng_state(),
    }


def restore(parts: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Put a state back.

    :raises RunFailedError: ``checkpoint_unusable`` when it does not fit the model.
    """
    try:
        parts["model"].load_state_dict(state["model"])
        parts["optimizer"].load_state_dict(state["optimizer"])
        parts["lr_scheduler"].load_state_dict(state["scheduler"])
        if parts["ema"] is not None:
            parts["ema"].load_state_dict(state["ema"])
        for block, value in zip(_blocks(parts["model"]), state["neighbours"], strict=True):
            block.avg_num_neighbors = value
        parts["train_loader"].generator.set_state(state["draws"])
        torch.set_rng_state(state["random"])
    except FAILED as error:
        first = str(error).partition("\n")[0]
        raise RunFailedError("checkpoint_unusable", f"its state does not fit the model ({first}).") from error


def check_start(old: Mapping[str, torch.Tensor], new: Mapping[str, torch.Tensor]) -> None:
    """Compare the weights before the first epoch: from another parent it is another training, whatever its options.

    :raises RunFailedError: ``checkpoint_unusable``.
    """
    for key, value in old.items():
        named = key.startswith(("node_embedding", "interactions", "products")) and "lora" not in key
        if not named or not value.is_floating_point():
            continue
        if key not in new or new[key].shape != value.shape or not torch.allclose(new[key].cpu(), value, 1e-4, 1e-6):
            raise RunFailedError(
                "checkpoint_unusable", f"the checkpoint began from another model: {key} differs at its start."
            )


def _blocks(model: Any) -> list[Any]:
    """MACE's mean number of neighbours is no tensor of the model, and over other batches it comes out otherwise."""
    return [block for block in model.modules() if isinstance(getattr(block, "avg_num_neighbors", None), float | int)]

"""What MACE made of its options: its whole configuration and the weights it starts from, written down as it starts.

MACE changes options while it reads them and builds the model out of the parent's parts.  Both are over when its
``configure_model`` returns, so that is where this looks; nothing is drawn or changed there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import safetensors.torch
import torch
from mace.cli import run_train

from ...contract.errors import RunFailedError
from ...contract.manifest import write_atomically

WEIGHTS, EFFECTIVE = "start.safetensors", "effective.json"


@contextmanager
def start_written(work: Path) -> Iterator[None]:
    """While inside, a training in this process writes its start into ``work`` (in a group of processes, the first)."""
    configure: Any = vars(run_train)["configure_model"]

    def and_write(args: argparse.Namespace, *rest: Any, **named: Any) -> Any:
        made = configure(args, *rest, **named)
        if not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0:
            weights = {key: value.detach().cpu().clone() for key, value in made[0].state_dict().items()}
            held = {key: value.contiguous() for key, value in weights.items() if value.numel()}
            write_atomically(work / WEIGHTS, safetensors.torch.save(held))
            text = json.dumps(plain(vars(args), work), indent=1, sort_keys=True)
            write_atomically(work / EFFECTIVE, (text + "\n").encode())
        return made

    with patch.object(run_train, "configure_model", and_write):
        yield


def read_start(work: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The starting weights and the effective configuration that a training has written into ``work``.

    :raises RunFailedError: ``product_differs`` when it has not: then nothing can be said about its model.
    """
    try:
        weights = safetensors.torch.load((work / WEIGHTS).read_bytes())
        return weights, json.loads((work / EFFECTIVE).read_text())
    except FileNotFoundError as error:
        name = Path(str(error.filename)).name
        raise RunFailedError("product_differs", f"the training has left no {name}, so it can't be checked.") from error


def plain(value: Any, work: Path) -> Any:
    """JSON of an option; paths relative to ``work``, other objects by their attributes or their text."""
    if isinstance(value, dict):
        return {str(key): plain(item, work) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item, work) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    if hasattr(value, "tolist"):
        return plain(value.tolist(), work)
    if not isinstance(value, str | Path) and hasattr(value, "__dict__") and not callable(value):
        return plain(vars(value), work)
    return str(value).replace(f"{work}/", "").replace(str(work), ".")

"""The one door through which a pickled ``.model`` comes in.  Opening a pickle runs what is in it."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError

import torch

from ...contract.errors import RefusedError
from ...contract.manifest import sha256_file


def open_pickle(path: Path, sha256: str) -> torch.nn.Module:
    """The model in ``path``, whose bytes must have the sha256 the caller trusts.

    :param sha256: hexadecimal; of a file this process has just written, or that the user trusts by name.
    :raises RefusedError: the file has another sha256, can't be opened, or holds no torch module.
    """
    found = sha256_file(path)
    if found != sha256.lower():
        raise RefusedError(
            f"{path.name} has sha256 {found}, but {sha256} is the one that is trusted. It was not opened."
        )
    try:
        model = torch.load(path, map_location="cpu", weights_only=False)  # trusted: checked above
    except (AttributeError, EOFError, ImportError, RuntimeError, UnpicklingError) as error:
        first = str(error).partition("\n")[0]
        raise RefusedError(f"{path.name} is no file that torch can open with these versions ({first}).") from error
    if not isinstance(model, torch.nn.Module):
        raise RefusedError(f"{path.name} holds a {type(model).__name__}, not a torch module.")
    return model

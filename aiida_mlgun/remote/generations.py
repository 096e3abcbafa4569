"""Files of a checkpoint on the disk: whole or not there, and named by a document that is written last."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from ..contract.errors import RefusedError
from ..contract.manifest import sha256_file

T = TypeVar("T")


def check_files(folder: Path, wanted: Mapping[str, str], what: str) -> None:
    """Compare files with their sha256.

    :param wanted: file name → sha256 (hex).
    :raises RefusedError: naming the first that is missing, cut off or altered.
    """
    for name, sha256 in wanted.items():
        file = folder / name
        if Path(name).name != name or not file.is_file() or sha256_file(file) != sha256:
            raise RefusedError(f"{name} of {what} is missing, cut off or altered.")


def newest_whole(documents: Sequence[Path], read: Callable[[Path], T]) -> tuple[T | None, tuple[str, ...]]:
    """The first of ``documents`` that can be read, and a sentence for each before it; those are taken away.

    :param documents: newest first.
    :param read: raises :class:`RefusedError` for a generation that is not whole.
    """
    said: list[str] = []
    for path in documents:
        try:
            return read(path), tuple(said)
        except RefusedError as error:
            said.append(str(error))
            path.unlink()
    return None, tuple(said)


def sync(folder: Path) -> None:
    """See to it that the names in ``folder`` are on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

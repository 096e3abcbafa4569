"""Files of a checkpoint on the disk: whole or not there, and named by a document that is written last."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from ..contract.errors import RefusedError
from ..contract.manifest import sha256_file

T = TypeVar("T")


def own_files(folder: Path, names: re.Pattern[str]) -> list[Path]:
    """The files of ``folder`` whose whole name fits ``names``; none if there is no folder."""
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if names.fullmatch(path.name) and path.is_file()]


def newest_first(files: Iterable[Path], names: re.Pattern[str]) -> list[Path]:
    """Those of ``files`` that are documents of generations, by number."""
    return sorted((path for path in files if names.fullmatch(path.name)), key=lambda path: path.name, reverse=True)


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

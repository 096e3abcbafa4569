"""Opening raw files on the workstation: plain, gzip or xz extended XYZ."""

from __future__ import annotations

import gzip
import lzma
import zlib
from pathlib import Path
from typing import Any, TextIO, cast

from ..contract.errors import RefusedError
from ..contract.manifest import sha256_file
from ..science.extxyz import read_frames
from ..science.frames import Frames

MAX_UNPACKED = 8 << 30  # bytes; a compressed file that unpacks to more is refused


def import_extxyz(path: Path, keys: dict[str, str] | None = None) -> tuple[Frames, dict[str, str | None], str]:
    """Frames of one file, the label keys used and the file's sha256.

    :raises RefusedError: no such file, empty, or not readable; the sentence names the file.
    """
    if not path.exists():
        raise RefusedError(f"{path}: there is no such file.")
    if not path.is_file():
        raise RefusedError(f"{path}: this is a folder; name the files in it.")
    if path.stat().st_size == 0:
        raise RefusedError(f"{path}: the file is empty.")
    try:
        size = _unpacked_size(path)
        with _open(path) as handle:
            frames, used = read_frames(handle, size, path.name, keys)
    except UnicodeDecodeError as error:
        raise RefusedError(f"{path}: this is no text file, so no extended XYZ ({error.reason}).") from error
    except (lzma.LZMAError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise RefusedError(f"{path}: the compressed file is damaged ({error}).") from error
    return frames, {"energy": used.energy, "forces": used.forces, "stress": used.stress}, sha256_file(path)


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return cast(TextIO, gzip.open(path, "rt", encoding="utf-8"))
    if path.suffix == ".xz":
        return cast(TextIO, lzma.open(path, "rt", encoding="utf-8"))
    return path.open(encoding="utf-8")


def _unpacked_size(path: Path) -> int:
    if path.suffix not in (".gz", ".xz"):
        return path.stat().st_size
    opener: Any = gzip.open if path.suffix == ".gz" else lzma.open
    size = 0
    with opener(path, "rb") as handle:
        while block := handle.read(1 << 20):
            size += len(block)
            if size > MAX_UNPACKED:
                raise RefusedError(f"{path}: unpacks to more than {MAX_UNPACKED >> 30} GiB; unpack and split it.")
    return size

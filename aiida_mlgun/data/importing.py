"""A file of frames, whole, for a node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..contract.errors import RefusedError
from ..reading.formats import open_source
from ..reading.source import record
from ..science.frames import Frames, concatenate

MAX_ATOMS = 30_000_000  # atoms of all frames of a file: about 2 GB in memory


@dataclass(frozen=True)
class Imported:
    """The frames of one file, and what is kept of it: name, format, sha256, number of frames, label keys."""

    frames: Frames
    entry: dict[str, Any]


def import_file(path: Path, keys: Mapping[str, str] | None = None) -> Imported:
    """Read a file of any known format.

    :param keys: ``energy``, ``forces``, ``stress`` → key in the file; a missing one is detected.
    :raises RefusedError: no such file, empty, of no known format, not readable, or too large to be moved into a node;
        the sentence names the file, the frame and what to do.
    """
    source = open_source(path, keys)
    parts: list[Frames] = []
    n_atoms = 0
    for part in source.chunks():
        parts.append(part)
        n_atoms += len(part.numbers)
        if n_atoms > MAX_ATOMS:
            raise RefusedError(
                f"{path}: more than {MAX_ATOMS // 10**6} million atoms in its frames, too large for a node. Leave it "
                "on the compute machine and curate it there: aiida-mlgun launch curate --raw PATH."
            )
    if not parts:
        raise RefusedError(f"{path}: the file holds no frame.")
    frames = concatenate(parts)
    return Imported(frames, record(source, len(frames)))

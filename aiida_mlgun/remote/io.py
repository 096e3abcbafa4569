"""Files of a job's folder, read with a sentence when they are missing and written whole."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contract import files
from ..contract.errors import RefusedError
from ..contract.manifest import write_atomically
from ..science.frames import Frames, from_arrays, to_arrays
from ..science.npz import pack, unpack


def read_frames(path: Path) -> Frames:
    """The frames in an npz.

    :raises RefusedError: no such file, or not frames.
    """
    if not path.is_file():
        raise RefusedError(f"the file {path.name} is missing from the job's folder.")
    try:
        return from_arrays(unpack(path.read_bytes()))
    except RefusedError as error:
        raise RefusedError(f"{path.name}: {error}") from error


def write_frames(path: Path, frames: Frames) -> None:
    """Write frames as npz: equal frames, equal bytes."""
    write_atomically(path, pack(to_arrays(frames), compress=False))


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any] | np.generic]) -> None:
    """Write named arrays as npz, whole or not at all."""
    write_atomically(path, pack({name: np.asarray(array) for name, array in arrays.items()}))


def write_json(path: Path, data: Any) -> None:
    """Write JSON, sorted, without NaN, whole or not at all."""
    write_atomically(path, (json.dumps(data, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())


class Progress:
    """Writes ``progress.json`` and a line to the log, at most every two seconds."""

    def __init__(self, folder: Path, total: int | None, unit: str, every: float = 2.0) -> None:
        """``total`` None: nobody knows yet how many there are."""
        self.path, self.total, self.unit, self.every = folder / files.PROGRESS, total, unit, every
        self.start = self.last = time.monotonic()

    def report(self, done: int, line: str = "", **numbers: Any) -> None:
        """Say that ``done`` of ``total`` are done; ``numbers``, plain JSON, go into the file beside them."""
        now = time.monotonic()
        if now - self.last < self.every and done != self.total:
            return
        self.last = now
        elapsed = now - self.start
        left = elapsed / done * (self.total - done) if done and self.total is not None else None
        of = "" if self.total is None else f"/{self.total}"
        print(line or f"{done}{of} {self.unit}, {elapsed:.0f} s", flush=True)
        data = {"done": done, "total": self.total, "unit": self.unit, "elapsed_s": elapsed, "eta_s": left, "line": line}
        write_json(self.path, data | numbers)

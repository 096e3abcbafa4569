"""A file of frames that grows chunk by chunk: never more than one chunk in memory."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..science.frames import Frames, narrowed, to_arrays
from ..science.npz import copy_column

_PER_FRAME = ("cell", "pbc", "energy", "stress")
_WIDTH = {"numbers": (), "positions": (3,), "cell": (3, 3), "pbc": (3,), "energy": (), "forces": (3,)}
_WIDTH |= {"stress": (6,), "velocities": (3,)}
LABELS = ("energy", "forces", "stress", "velocities")


class FramesFile:
    """Writes frames as ``pack(to_arrays(frames))`` of all of them would, byte by byte; appears whole or not at all.

    Used in a ``with``: what ends well is put in place, what does not leaves nothing.

    :param labels: those of energy, forces, stress, velocities that the file has; NaN where a chunk lacks them.
    :param tags: the tags that it has; empty where a chunk lacks them.
    """

    def __init__(self, path: Path, labels: Iterable[str], tags: Iterable[str]) -> None:
        self.path, self.tags = path, {name: [np.empty(0, dtype=np.str_)] for name in sorted(tags)}
        self.labels = [name for name in LABELS if name in set(labels)]
        self._sizes = [np.zeros(1, dtype=np.int64)]
        self._raw: dict[str, IO[bytes]] = {}
        self._dtype: dict[str, np.dtype[Any]] = {}
        for name in ("numbers", "positions", "cell", "pbc", *self.labels):
            self._raw[name] = self._column(name).open("w+b")

    def __enter__(self) -> FramesFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def append(self, frames: Frames) -> None:
        """Add frames."""
        arrays = to_arrays(frames)
        for name, handle in self._raw.items():
            array = arrays.get(name)
            if array is None:
                rows = len(frames) if name in _PER_FRAME else len(frames.numbers)
                array = np.full((rows, *_WIDTH[name]), np.nan)
            self._dtype[name] = array.dtype
            handle.write(np.ascontiguousarray(array).data)
        for name, parts in self.tags.items():
            parts.append(frames.tag(name))
        self._sizes.append(frames.n_atoms)

    def __len__(self) -> int:
        return sum(map(len, self._sizes)) - 1

    def close(self) -> None:
        """Put the columns together under the file's name, or leave nothing when there were no frames."""
        part = self.path.with_name(self.path.name + ".part")
        offsets = np.cumsum(np.concatenate(self._sizes))
        whole: dict[str, NDArray[Any]] = {"offsets": offsets}
        whole |= {f"tag_{name}": narrowed(np.concatenate(parts)) for name, parts in self.tags.items()}
        rows = {name: len(offsets) - 1 if name in _PER_FRAME else int(offsets[-1]) for name in self._raw}
        if len(self):
            with part.open("wb") as target:
                with zipfile.ZipFile(target, "w") as archive:
                    for name in sorted({*whole, *self._raw}):
                        if name in whole:
                            copy_array(archive, name, whole[name])
                        else:
                            self._raw[name].seek(0)
                            copy_column(archive, name, self._raw[name], self._dtype[name], (rows[name], *_WIDTH[name]))
                target.flush()
                os.fsync(target.fileno())
            part.replace(self.path)
        self.discard()

    def discard(self) -> None:
        """Remove the columns."""
        for name, handle in self._raw.items():
            handle.close()
            self._column(name).unlink(missing_ok=True)

    def _column(self, name: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{name}.part")


def copy_array(archive: zipfile.ZipFile, name: str, array: NDArray[Any]) -> None:
    """Add an array that is in memory."""
    copy_column(archive, name, io.BytesIO(np.ascontiguousarray(array).tobytes()), array.dtype, array.shape)

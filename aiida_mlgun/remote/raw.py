"""Raw frames of a curation, numbered through: the job's own ``frames.npz``, or files that lie on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contract import files
from ..contract.curating import CurateJob
from ..contract.errors import RefusedError
from ..reading.formats import open_source
from ..reading.source import Source
from ..science.frames import Frames, concatenate
from .io import read_frames

Ints = NDArray[np.int64]

CHUNK = 256  # frames held at a time


@dataclass
class Held:
    """Frames in memory, read like a file."""

    frames: Frames
    random_access: bool = True

    def chunks(self, size: int = CHUNK) -> Iterator[Frames]:
        """All frames, ``size`` at a time."""
        for start in range(0, len(self.frames), size):
            yield self.frames.select(np.arange(start, min(start + size, len(self.frames))))

    def pick(self, index: Ints) -> Frames:
        """The frames ``index``."""
        return self.frames.select(index)


class Raw:
    """One or more sources as one list of frames; frame numbers run through all of them in the order given."""

    def __init__(self, sources: list[Any], level: str | None = None) -> None:
        self.sources, self.level = sources, level
        self._lengths: list[int] = []

    def chunks(self) -> Iterator[tuple[int, Frames]]:
        """Number of the chunk's first frame, and the chunk; all frames in order."""
        start, lengths = 0, []
        for source in self.sources:
            first = start
            for frames in source.chunks(CHUNK):
                yield start, self._levelled(frames)
                start += len(frames)
            lengths.append(start - first)
        self._lengths = lengths

    def __len__(self) -> int:
        return sum(self._lengths)

    @property
    def lengths(self) -> list[int]:
        """Frames in each source, after a pass over all of them."""
        return list(self._lengths)

    def wanted(self, index: Ints) -> Iterator[tuple[Ints, Frames]]:
        """The frames ``index`` (ascending), some at a time, with their numbers; after a pass over all frames."""
        start = 0
        for source, length in zip(self.sources, self._lengths, strict=True):
            mine = index[(index >= start) & (index < start + length)] - start
            for numbers, frames in _some(source, mine):
                yield numbers + start, self._levelled(frames)
            start += length

    def pick(self, index: Ints) -> Frames:
        """The frames ``index`` (ascending) at once."""
        return concatenate([frames for _, frames in self.wanted(index)])

    def _levelled(self, frames: Frames) -> Frames:
        if self.level is None:
            return frames
        own = frames.tag("level")
        return frames.with_tag("level", np.where(own == "", self.level, own))


def open_raw(job: CurateJob, folder: Path) -> Raw:
    """The job's raw frames.

    :raises RefusedError: a file is missing or of an unknown format, before anything is read.
    """
    if not job.raw:
        return Raw([Held(read_frames(folder / files.FRAMES))])
    sources: list[Source] = []
    for text in job.raw:
        path = Path(text)
        if not path.exists():
            raise RefusedError(f"{text}: there is no such file on the compute machine.")
        sources.append(open_source(path, job.keys))
    return Raw(sources, job.level)


def _some(source: Any, index: Ints) -> Iterator[tuple[Ints, Frames]]:
    if not len(index):
        return
    if source.random_access:
        for first in range(0, len(index), CHUNK):
            block = index[first : first + CHUNK]
            yield block, source.pick(block)
        return
    start = 0
    for frames in source.chunks(CHUNK):
        mine = index[(index >= start) & (index < start + len(frames))]
        if len(mine):
            yield mine, frames.select(mine - start)
        start += len(frames)

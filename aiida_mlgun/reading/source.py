"""What every reader of a file of frames offers, whatever the format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..contract.manifest import sha256_file
from ..science.frames import Frames

CHUNK = 256  # frames handed out at once


@dataclass(frozen=True)
class Keys:
    """Which key of the file holds each label; None means that no frame has that label."""

    energy: str | None
    forces: str | None
    stress: str | None


class Source(Protocol):
    """A file of frames.  Units inside :class:`Frames`: Å, eV, eV/Å, eV/Å³, Å/fs."""

    @property
    def path(self) -> Path:
        """The file, on this machine."""

    @property
    def name(self) -> str:
        """The file's name without folders; for messages and the tag ``source``."""

    @property
    def format(self) -> str:
        """``extxyz``, ``vasp-xml``, ``vasp-out``, ``vasp-ml-ab``, ``ase-traj``, ``espresso-out`` or ``cp2k-out``."""

    @property
    def keys(self) -> Keys:
        """The label keys that were used; known after a full pass over the frames."""

    @property
    def random_access(self) -> bool:
        """Whether :meth:`pick` finds a frame without reading those before it."""

    def chunks(self, size: int = CHUNK) -> Iterator[Frames]:
        """All frames in their order, at most ``size`` at once; the tag ``source`` is set.  Can be called again.

        :raises RefusedError: with file, frame and what to do.
        """

    def pick(self, index: NDArray[np.int64]) -> Frames:
        """The frames with these ascending numbers, counted from 0."""


def record(source: Source, n_frames: int) -> dict[str, Any]:
    """What is kept of a file that was read: name, format, sha256, number of frames, label keys."""
    digest = getattr(source, "sha256", None) or sha256_file(source.path)  # some readers take it on the way
    entry = {"name": source.name, "format": source.format, "sha256": digest, "n_frames": n_frames}
    return entry | {"keys": asdict(source.keys)}

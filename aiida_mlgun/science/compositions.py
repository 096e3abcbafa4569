"""Which frames have the same atoms, whatever their order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .frames import Frames


class Compositions:
    """Numbers compositions as they turn up; the frames of a run, whose atoms stand in one order, are looked up once."""

    def __init__(self) -> None:
        self.known: dict[bytes, int] = {}  # sorted atomic numbers, a byte each → number of the composition
        self._orders: dict[bytes, int] = {}

    def ids(self, frames: Frames) -> NDArray[np.int64]:
        """(n,), the number of each frame's composition."""
        numbers = frames.numbers.astype(np.uint8)
        found = np.empty(len(frames), dtype=np.int64)
        for i, (start, stop) in enumerate(zip(frames.offsets[:-1].tolist(), frames.offsets[1:].tolist(), strict=True)):
            order = numbers[start:stop].tobytes()
            if order not in self._orders:
                key = bytes(sorted(order))
                self._orders[order] = self.known.setdefault(key, len(self.known))
            found[i] = self._orders[order]
        return found

"""What a filter is: it sees every raw frame once, in chunks, and says which it drops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..frames import Frames

Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]
#: Frame numbers, ascending → those frames.
Pick = Callable[[Ints], Frames]


class Filter:
    """Subclasses are dataclasses whose fields are their parameters.

    A filter that can judge a frame when it sees it does so in :meth:`see`; one that must know all frames remembers what
    it needs there and judges in :meth:`finish`.
    """

    name: ClassVar[str]

    def parameters(self) -> dict[str, Any]:
        """What it was told, as JSON."""
        raise TypeError(f"{type(self).__name__} must say its parameters")

    def see(self, frames: Frames, alive: Mask, start: int) -> Mask:
        """(n,), True for those of the chunk that it drops.

        :param alive: (n,), False for frames that a filter before has dropped, and for isolated atoms.
        :param start: number of the chunk's first frame among all raw frames.
        """
        return np.zeros(len(frames), dtype=bool)

    def finish(self, kept: Ints, pick: Pick) -> Ints:
        """Those of the frame numbers ``kept`` (ascending) that it drops, now that all have been seen."""
        return np.empty(0, dtype=np.int64)


def any_atom(values: NDArray[np.bool_], frames: Frames) -> Mask:
    """(n,), True for frames with an atom that is True in ``values`` (m,)."""
    result: Mask = np.bitwise_or.reduceat(values, frames.offsets[:-1])
    return result

"""Who watches a shot in flight: the tracker that calls its outcome and, if wanted, the keeper of its frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..science.outcomes import ShotTracker
from .engine.flight import Watcher
from .engine.frame_keeper import FrameKeeper

Floats = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]

_PREFIX = "frames."


class Recorder(Watcher):
    """A tracker and a keeper as one watcher; ``keeper`` is None if no outcome's trajectory is asked for."""

    def __init__(self, tracker: ShotTracker, keeper: FrameKeeper | None) -> None:
        self.tracker, self.keeper = tracker, keeper

    def update(self, t_fs: float, positions: Floats, velocities: Floats) -> str | None:
        """See :class:`~.engine.flight.Watcher`."""
        ended = self.tracker.update(t_fs, positions, velocities)
        if self.keeper is not None and np.isfinite(positions).all():
            self.keeper.look(t_fs, positions, len(self.tracker.events))
        return ended

    def state(self) -> Arrays:
        """What :meth:`restore` needs."""
        kept = {} if self.keeper is None else self.keeper.state()
        return self.tracker.state() | {_PREFIX + name: array for name, array in kept.items()}

    def restore(self, saved: Arrays) -> None:
        """Make this recorder, new and of the same shot, the one whose :meth:`state` this is."""
        kept = {name.removeprefix(_PREFIX): array for name, array in saved.items() if name.startswith(_PREFIX)}
        self.tracker.restore({name: array for name, array in saved.items() if not name.startswith(_PREFIX)})
        if self.keeper is not None:
            self.keeper.restore(kept)

"""What a filter drops from frames seen in chunks."""

from __future__ import annotations

import numpy as np

from aiida_mlgun.science.filters import Filter
from aiida_mlgun.science.frames import Frames


def dropped(one: Filter, frames: Frames, chunk: int = 3, alive: np.ndarray | None = None) -> list[int]:
    """Numbers of the frames that ``one`` drops, whatever the chunks."""
    alive = np.ones(len(frames), dtype=bool) if alive is None else alive
    seen = np.zeros(len(frames), dtype=bool)
    for start in range(0, len(frames), chunk):
        part = frames.select(np.arange(start, min(start + chunk, len(frames))))
        open_ = alive[start : start + chunk]
        seen[start : start + chunk] = one.see(part, open_, start) & open_
    late = one.finish(np.flatnonzero(alive & ~seen), frames.select)
    return sorted([*np.flatnonzero(seen).tolist(), *late.tolist()])

"""A few frames that stand for a training set's cost."""

from __future__ import annotations

import numpy as np
from aiida import orm
from aiida.engine import calcfunction

from ...data.frames import FramesData
from .versioned import versioned


@versioned
@calcfunction
def largest_frames(frames: FramesData, n: orm.Int) -> FramesData:
    """The ``n`` frames with most atoms, which need most memory, and the isolated atoms; in their old order."""
    whole = frames.frames()
    size = np.where(whole.is_isolated, 0, whole.n_atoms)
    most = np.argsort(-size, kind="stable")[: n.value]
    chosen = np.union1d(np.flatnonzero(whole.is_isolated), most)
    return FramesData(whole.select(chosen), {"largest_of": frames.uuid})

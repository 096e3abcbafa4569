"""Calcfunctions over sets of frames."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from aiida import orm
from aiida.engine import calcfunction

from ...contract.errors import RefusedError
from ...data.frames import FramesData
from ...science.frames import concatenate
from .versioned import versioned


def check_one_level(sets: Mapping[str, FramesData]) -> None:
    """Refuse frames whose levels of theory differ, and unnamed levels beside named ones."""
    levels = {level for node in sets.values() for level in node.base.attributes.get("levels")}
    if len(levels) > 1:
        raise RefusedError(
            f"the sets are of different levels of theory ({'; '.join(sorted(levels))}): do not mix them, or set "
            "allow_mixed_levels."
        )
    silent = sorted(name for name, node in sets.items() if not node.base.attributes.get("levels"))
    if levels and silent:
        raise RefusedError(
            f"the set {silent[0]!r} does not say its level of theory beside {next(iter(levels))!r}. Import it with "
            "--level, or set allow_mixed_levels."
        )


@versioned
@calcfunction
def merge_raw(allow_mixed_levels: orm.Bool, **sets: FramesData) -> FramesData:
    """One raw set from several, in the order of their names.

    :raises RefusedError: when their levels of theory differ and nobody said that they may.
    """
    if not allow_mixed_levels.value:
        check_one_level(sets)
    return FramesData(concatenate([sets[name].frames() for name in sorted(sets)]), {"merged": sorted(sets)})


@versioned
@calcfunction
def merge_for_scoring(**sets: FramesData) -> FramesData:
    """All sets in one, each frame tagged ``set`` with the name of its own, isolated atoms left out."""
    parts = []
    for name in sorted(sets):
        frames = sets[name].frames()
        frames = frames.select(~frames.is_isolated)
        parts.append(frames.with_tag("set", [name] * len(frames)))
    return FramesData(concatenate(parts), {"merged": sorted(sets)})


@versioned
@calcfunction
def select_frames(frames: FramesData, descriptors: orm.ArrayData) -> FramesData:
    """The frames whose numbers stand in the array ``selected``, in their old order, and the isolated atoms."""
    whole = frames.frames()
    chosen = np.union1d(np.flatnonzero(whole.is_isolated), descriptors.get_array("selected"))
    return FramesData(whole.select(chosen), {"selected_from": frames.uuid, "side": "train"})

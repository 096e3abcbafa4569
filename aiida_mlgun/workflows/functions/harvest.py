"""Calcfunctions that take labelled frames out of other plugins' outputs: the graph tells where they are from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from aiida import orm
from aiida.engine import calcfunction
from aiida.manage import get_manager

from ...contract.errors import RefusedError
from ...data.frames import FramesData
from ...data.harvesting.sources import Source, read_sources
from .frames import merge_raw
from .versioned import versioned

#: Calculations for one calcfunction: what AiiDA spends on a link grows with the number of links of the process.
BATCH = 20


@versioned
@calcfunction
def frames_from_outputs(settings: orm.Dict, **sources: Any) -> FramesData:
    """Labelled frames of all ``sources``, in the order of their names.

    :param settings: ``stratum`` and ``level`` for all frames, ``sources``: name → ``name`` (for messages) and ``run``.
    :param sources: one namespace of data nodes for each calculation: output label → node, inputs with the prefix
        ``input_`` (``input_structure``, ``input_parameters``).
    :raises RefusedError: when a source has no forces, no certain units, or labels that cannot be matched to geometries.
    """
    given = settings.get_dict()
    about = given.get("sources", {})
    listed = []
    for key in sorted(sources):
        if isinstance(sources[key], orm.Data):
            raise RefusedError(f"{key!r} is a node: give a namespace of nodes for each calculation.")
        named = about.get(key, {})
        listed.append(Source(str(named.get("name", key)), str(named.get("run", key)), dict(sources[key])))
    frames, taken = read_sources(listed, str(given.get("stratum", "")), str(given.get("level", "")))
    return FramesData(frames, {"nodes": [asdict(entry) | {"notes": list(entry.notes)} for entry in taken]})


def harvest(sources: Sequence[Source], stratum: str = "", level: str = "") -> FramesData:
    """One stored set from all ``sources``: by :func:`frames_from_outputs` in batches, which are then merged.

    :raises RefusedError: as :func:`frames_from_outputs` does, and for what must not be mixed; nothing is stored then.
    """
    read_sources(sources, stratum, level)
    parts = []
    for start in range(0, len(sources), BATCH):
        with get_manager().get_profile_storage().transaction():
            parts.append(frames_from_outputs(**inputs_for(sources[start : start + BATCH], stratum, level)))
    if len(parts) == 1:
        return parts[0]
    return merge_raw(orm.Bool(False), **{f"part_{i:04d}": part for i, part in enumerate(parts)})


def inputs_for(sources: Sequence[Source], stratum: str = "", level: str = "") -> dict[str, Any]:
    """The inputs of :func:`frames_from_outputs` for these sources."""
    keys = [f"c{i:05d}" for i in range(len(sources))]
    about = {key: {"name": source.name, "run": source.run} for key, source in zip(keys, sources, strict=True)}
    settings = orm.Dict({"stratum": stratum, "level": level, "sources": about})
    return {"settings": settings} | {key: dict(source.nodes) for key, source in zip(keys, sources, strict=True)}

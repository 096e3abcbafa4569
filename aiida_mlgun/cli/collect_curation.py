"""What a report shows of a curation, from its process node."""

from __future__ import annotations

from dataclasses import replace

from aiida import orm

from ..data.frames import FramesData
from ..report.curated import Coverage, Curation

CURATE = "CurateWorkChain"


def curation_of(process: orm.ProcessNode) -> Curation | None:
    """The account of a curation, by its workflow or its job; None while there is none.

    :raises RefusedError: when the account is not one that this version writes.
    """
    if "report" not in process.outputs:
        return None
    report = process.outputs.report.get_dict()
    curation = Curation.of(_name(process, [entry["name"] for entry in report.get("files", [])]), report)
    return replace(curation, coverage=_coverage(process))


def _name(process: orm.ProcessNode, files: list[str]) -> str:
    """The labels of the raw sets, else the names of the raw files."""
    sets = process.inputs.frames if "frames" in process.inputs else {}
    nodes = [sets] if isinstance(sets, FramesData) else list(sets.values())
    names = [node.label or f"<{node.pk}>" for node in nodes] or files or [f"<{process.pk}>"]
    return " + ".join(names) if len(names) <= 3 else f"{names[0]} + {len(names) - 1} more"


def _coverage(process: orm.ProcessNode) -> Coverage | None:
    """That of the process or of the workflow that called it."""
    caller = process.caller if process.caller is not None and process.caller.process_label == CURATE else None
    for node in (process, caller):
        if node is not None and "coverage" in node.outputs and "descriptors" in node.outputs:
            arrays = node.outputs.descriptors
            return Coverage.of(
                node.outputs.coverage.get_dict(), {name: arrays.get_array(name) for name in arrays.get_arraynames()}
            )
    return None

"""How a campaign went, from its provenance."""

from __future__ import annotations

from aiida import orm

from ..report.course import Course


def course_of(process: orm.ProcessNode) -> Course | None:
    """Summary and looks of a gun workflow; None if it ended before it could say, or is older than looks are."""
    summary = process.outputs.summary.get_dict() if "summary" in process.outputs else {}
    if "stopped_by" not in summary:
        return None
    looks = sorted((node for node in process.called if node.process_label == "look"), key=lambda node: node.pk)
    return Course(summary, tuple(node.outputs.result.get_dict() for node in looks))

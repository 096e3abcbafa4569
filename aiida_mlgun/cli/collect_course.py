"""How a campaign went, from its provenance."""

from __future__ import annotations

from aiida import orm

from ..report.course import Course


def course_of(process: orm.ProcessNode) -> Course | None:
    """Summary and looks of a gun workflow; None if it ended before it could say, or is older than looks are."""
    summary = process.outputs.summary.get_dict() if "summary" in process.outputs else {}
    if "stopped_by" not in summary:
        return None
    query = orm.QueryBuilder().append(orm.WorkChainNode, filters={"id": process.pk}, tag="campaign")
    label = {"attributes.process_label": "look"}
    query.append(orm.CalcFunctionNode, with_incoming="campaign", filters=label, tag="look")
    query.append(orm.Dict, with_incoming="look", project="*").order_by({orm.Dict: "id"})
    return Course(summary, tuple(node.get_dict() for node in query.all(flat=True)))

"""From what the user names (processes, trajectories, groups) to sources, with a few queries for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiida import orm
from aiida.common.links import LinkType

from ...contract.errors import RefusedError
from .sources import Source

#: Nodes asked for in one query; SQLite bounds the number of values.
BATCH = 500
OUTPUTS = (
    "output_trajectory",
    "output_parameters",
    "output_structure",
    "trajectory",
    "structure",
    "forces",
    "stress",
    "energies",
    "arrays",
    "misc",
)
INPUTS = ("structure", "parameters")
#: Outputs that carry forces: the calculation that made them is the one a workflow stands for.
CARRIERS = ("output_trajectory", "trajectory", "forces", "misc")


@dataclass(frozen=True)
class Unusable:
    """A process that is not taken, and why."""

    name: str
    reason: str


def nodes_of_group(label: str) -> list[orm.Node]:
    """The nodes of a group, by PK.

    :raises RefusedError: when there is no such group, or it is empty.
    """
    if not orm.QueryBuilder().append(orm.Group, filters={"label": label}).count():
        raise RefusedError(f"there is no group {label!r}.")
    query = orm.QueryBuilder().append(orm.Group, filters={"label": label}, tag="g").append(orm.Node, with_group="g")
    nodes = sorted(query.all(flat=True), key=lambda node: node.pk)
    if not nodes:
        raise RefusedError(f"the group {label!r} is empty.")
    return nodes


def nodes_of_pks(pks: Sequence[int]) -> list[orm.Node]:
    """The nodes with these PKs, in that order.

    :raises RefusedError: naming those that do not exist.
    """
    found: dict[int, orm.Node] = {}
    for batch in _batches(pks):
        query = orm.QueryBuilder().append(orm.Node, filters={"id": {"in": batch}})
        found |= {node.pk: node for node in query.all(flat=True)}
    missing = [str(pk) for pk in pks if pk not in found]
    if missing:
        raise RefusedError(f"there is no node {', '.join(missing)}.")
    return [found[pk] for pk in dict.fromkeys(pks)]


def find_sources(
    nodes: Sequence[orm.Node], descend: bool = False, accept: Sequence[int] = ()
) -> tuple[list[Source], list[Unusable]]:
    """The sources that ``nodes`` stand for, and the processes that cannot be taken.

    :param nodes: calculations, workflows (standing for the calculations that made what they return), trajectories
        (standing for the calculation that made them).
    :param descend: take all calculations that workflows called, not what they return.
    :param accept: exit codes besides 0 of processes that are taken.
    :raises RefusedError: when a node is none of these.
    """
    calculations: dict[int, orm.CalcJobNode] = {}
    workflows: dict[int, orm.WorkflowNode] = {}
    trajectories: dict[int, orm.TrajectoryData] = {}
    for node in nodes:
        if isinstance(node, orm.CalcJobNode):
            calculations[_pk(node)] = node
        elif isinstance(node, orm.WorkflowNode):
            workflows[_pk(node)] = node
        elif isinstance(node, orm.TrajectoryData):
            trajectories[_pk(node)] = node
        else:
            raise RefusedError(f"{_name(node)} is no calculation, no workflow and no TrajectoryData.")
    makers = _makers(list(trajectories))
    loose = [node for pk, node in trajectories.items() if pk not in makers]
    calculations |= {_pk(node): node for node in makers.values()}
    unusable: list[Unusable] = []
    if descend:
        calculations |= _called(list(workflows))
        usable = [node for node in calculations.values() if not _is_bad(node, accept, unusable)]
    else:
        usable = [node for node in calculations.values() if not _is_bad(node, accept, unusable)]
        sound = [pk for pk, node in workflows.items() if not _is_bad(node, accept, unusable)]
        known = {_pk(node) for node in usable}
        for workflow, made in _returned(sound).items():
            if not made:
                unusable.append(Unusable(_name(workflows[workflow]), "returns no trajectory and no forces"))
            usable += [node for node in made if _pk(node) not in known]
            known |= {_pk(node) for node in made}
    usable.sort(key=_pk)
    return [*_sources(usable), *(_loose(node) for node in sorted(loose, key=_pk))], unusable


def _is_bad(node: orm.ProcessNode, accept: Sequence[int], unusable: list[Unusable]) -> bool:
    if node.is_finished_ok or (node.is_finished and node.exit_status in accept):
        return False
    if node.is_finished:
        reason = f"failed with exit code {node.exit_status}: {node.exit_message or 'no message'}"
    else:
        state = node.process_state.value if node.process_state is not None else "never run"
        reason = state if node.is_terminated else f"not finished ({state})"
    unusable.append(Unusable(_name(node), reason))
    return True


def _sources(calculations: Sequence[orm.CalcJobNode]) -> Iterator[Source]:
    collected: dict[int, dict[str, orm.Data]] = {_pk(node): {} for node in calculations}
    kinds = (orm.ArrayData, orm.Dict, orm.StructureData)
    for batch in _batches(list(collected)):
        for direction, link in (("with_incoming", LinkType.CREATE), ("with_outgoing", LinkType.INPUT_CALC)):
            query = orm.QueryBuilder().append(
                orm.CalcJobNode, filters={"id": {"in": batch}}, tag="calculation", project="id"
            )
            wanted: dict[str, Any] = {direction: "calculation", "edge_filters": {"type": link.value}}
            query.append(kinds, **wanted, edge_project="label", project="*")
            for pk, node, label in query.iterall():
                if link is LinkType.INPUT_CALC:
                    if label in INPUTS:
                        collected[pk][f"input_{label}"] = node
                elif label in OUTPUTS or isinstance(node, orm.TrajectoryData):
                    collected[pk][label.replace("__", "_")] = node
    short = [node.uuid.split("-")[0] for node in calculations]
    unique = len(set(short)) == len(short)
    for node in calculations:
        run = node.uuid.split("-")[0] if unique else node.uuid
        yield Source(_name(node), run, collected[_pk(node)])


def _loose(node: orm.TrajectoryData) -> Source:
    return Source(_name(node), node.uuid.split("-")[0], {"trajectory": node})


def _makers(pks: Sequence[int]) -> dict[int, orm.CalcJobNode]:
    """Data PK → the CalcJob that created it."""
    found: dict[int, orm.CalcJobNode] = {}
    for batch in _batches(pks):
        query = orm.QueryBuilder().append(orm.Data, filters={"id": {"in": batch}}, tag="data", project="id")
        query.append(orm.CalcJobNode, with_outgoing="data", edge_filters={"type": LinkType.CREATE.value}, project="*")
        found |= dict(query.iterall())
    return found


def _returned(pks: Sequence[int]) -> dict[int, list[orm.CalcJobNode]]:
    """Workflow PK → the CalcJobs that created what it returned with forces."""
    returned: dict[int, list[int]] = {pk: [] for pk in pks}
    for batch in _batches(pks):
        query = orm.QueryBuilder().append(orm.WorkflowNode, filters={"id": {"in": batch}}, tag="w", project="id")
        query.append(
            orm.Data,
            with_incoming="w",
            edge_filters={"type": LinkType.RETURN.value},
            edge_project="label",
            project=["id", "node_type"],
        )
        for workflow, data, node_type, label in query.iterall():
            if "trajectory" in node_type or label.split("__")[-1] in CARRIERS:
                returned[workflow].append(data)
    makers = _makers(sorted({data for listed in returned.values() for data in listed}))
    return {
        workflow: list({_pk(makers[data]): makers[data] for data in listed if data in makers}.values())
        for workflow, listed in returned.items()
    }


def _called(pks: Sequence[int]) -> dict[int, orm.CalcJobNode]:
    """All CalcJobs below these workflows, one query (per batch) for each depth."""
    found: dict[int, orm.CalcJobNode] = {}
    seen, front = set(pks), list(pks)
    while front:
        below: list[int] = []
        for batch in _batches(front):
            query = orm.QueryBuilder().append(orm.WorkflowNode, filters={"id": {"in": batch}}, tag="w")
            kinds = [LinkType.CALL_CALC.value, LinkType.CALL_WORK.value]
            query.append(orm.ProcessNode, with_incoming="w", edge_filters={"type": {"in": kinds}}, project="*")
            for node in query.all(flat=True):
                if isinstance(node, orm.CalcJobNode):
                    found[_pk(node)] = node
                elif isinstance(node, orm.WorkflowNode) and _pk(node) not in seen:
                    below.append(_pk(node))
                    seen.add(_pk(node))
        front = below
    return found


def _batches(pks: Sequence[int]) -> Iterable[list[int]]:
    return (list(pks[i : i + BATCH]) for i in range(0, len(pks), BATCH))


def _pk(node: orm.Node) -> int:
    assert node.pk is not None
    return int(node.pk)


def _name(node: orm.Node) -> str:
    label = node.process_label if isinstance(node, orm.ProcessNode) else None
    return f"{label or type(node).__name__}<{node.pk}>"

"""Every batch of shots in the profile, with the campaign that it belongs to.  A few queries, no node is loaded."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from aiida import orm
from aiida.common.links import LinkType

from ..contract.errors import RefusedError
from ..data.shots import ShotsData
from ..data.tallied import all_tables

CALLS: Final = {"type": {"in": [LinkType.CALL_CALC.value, LinkType.CALL_WORK.value]}}
TAKES: Final = {"type": {"in": [LinkType.INPUT_CALC.value, LinkType.INPUT_WORK.value]}}
_CREATES: Final = {"type": LinkType.CREATE.value}


@dataclass(frozen=True)
class Batch:
    """A stored table of shots.

    :param flown: PK of the table that the dynamics made; ``pk`` itself unless this is a later judgement of it.
    :param created: when that table was made.
    :param maker: PK of the process that gave the outcomes: a job, or a reclassification; None if nobody is known.
    :param processes: the job that flew the shots and its callers, nearest first.
    """

    pk: int
    uuid: str
    content_hash: str
    flown: int
    created: datetime
    maker: int | None
    processes: tuple[int, ...]

    @property
    def campaign(self) -> int | None:
        """PK of the outermost process that flew the shots."""
        return self.processes[-1] if self.processes else None


def all_batches() -> list[Batch]:
    """All batches of the profile, oldest first."""
    nodes = orm.QueryBuilder().append(ShotsData, project=["id", "uuid", "ctime", "attributes.content_hash"])
    rows = {pk: (uuid, ctime, content) for pk, uuid, ctime, content in nodes.order_by({ShotsData: "id"}).all()}
    makers, judged = _makers(), _judged()
    callers = _callers(makers.values())
    found = []
    for pk, (uuid, _, content) in rows.items():
        flown = pk
        while flown in judged and judged[flown] in rows:
            flown = judged[flown]
        chain = [makers[flown]] if flown in makers else []
        while chain and chain[-1] in callers:
            chain.append(callers[chain[-1]])
        found.append(Batch(pk, uuid, content, flown, rows[flown][1], makers.get(pk), tuple(chain)))
    return found


def reported_by(process: int) -> set[int]:
    """PKs of the batches that a process made or returned, and of those that a workflow took over from earlier ones."""
    returned = orm.QueryBuilder().append(orm.ProcessNode, filters={"id": process}, tag="process")
    returned.append(ShotsData, with_incoming="process", project="id")
    taken = orm.QueryBuilder().append(orm.WorkChainNode, filters={"id": process}, tag="process")
    taken.append(ShotsData, with_outgoing="process", edge_filters=TAKES, project="id")
    tally = orm.QueryBuilder().append(orm.ProcessNode, filters={"id": process}, tag="process")
    tally.append(orm.Dict, with_outgoing="process", edge_filters={**TAKES, "label": "previous"})
    extended = [table.pk for node in tally.all(flat=True) for table in all_tables(node)]
    return {*returned.all(flat=True), *taken.all(flat=True), *extended}


def returned_by_campaigns() -> set[int]:
    """PKs of the batches that a workflow without a caller returned."""
    query = orm.QueryBuilder().append(orm.WorkChainNode, tag="chain")
    query.append(ShotsData, with_incoming="chain", edge_filters={"type": LinkType.RETURN.value}, project="id")
    return set(query.all(flat=True))


def inputs_of(
    batches: Collection[int], kind: type[orm.Data], labels: Collection[str], project: list[str]
) -> list[tuple[int, str, dict[str, Any]]]:
    """(batch PK, link label, *project*) of the inputs of the processes that made the batches; no labels: of any."""
    edge: dict[str, Any] = {"type": LinkType.INPUT_CALC.value}
    if labels:
        edge["label"] = {"in": list(labels)}
    query = orm.QueryBuilder().append(kind, tag="input", project=project)
    query.append(
        orm.ProcessNode, with_incoming="input", tag="maker", edge_tag="link", edge_filters=edge, edge_project="label"
    )
    query.append(
        ShotsData, with_incoming="maker", tag="batch", edge_filters=_CREATES, filters=among(batches), project="id"
    )
    return [(row["batch"]["id"], row["link"]["label"], row["input"]) for row in query.dict()]


def among(pks: Iterable[int]) -> dict[str, Any]:
    """The filter for nodes with these PKs."""
    return {"id": {"in": sorted(pks) or [-1]}}  # AiiDA refuses an empty list; no node has the PK -1


def begins(text: str) -> dict[str, Any] | None:
    """The filter for UUIDs that begin so; None if none can."""
    return {"uuid": {"like": f"{text}%"}} if re.fullmatch(r"[0-9a-f-]{4,36}", text) else None


def node_of(text: str | int, kind: type[orm.Node], what: str) -> orm.Node:
    """The node with this PK or UUID.

    :raises RefusedError: when there is none, or it is something else.
    """
    name = str(text)
    filters = {"id": int(name)} if name.isdigit() else begins(name)
    found = [] if filters is None else orm.QueryBuilder().append(kind, filters=filters).all(flat=True)
    if len(found) != 1:
        which = "there is none" if not found else f"{len(found)} begin so"
        raise RefusedError(f"{what} {name}: give the PK or the UUID of one; {which} in this profile.")
    node: orm.Node = found[0]
    return node


def _makers() -> dict[int, int]:
    """Batch → the process that created it."""
    query = orm.QueryBuilder().append(orm.ProcessNode, tag="maker", project="id")
    query.append(ShotsData, with_incoming="maker", edge_filters=_CREATES, project="id")
    return {batch: maker for maker, batch in query.all()}


def _judged() -> dict[int, int]:
    """Batch that a calcfunction made from one other batch → that other one."""
    query = orm.QueryBuilder().append(ShotsData, tag="old", project="id")
    query.append(orm.CalcFunctionNode, with_incoming="old", tag="maker")
    query.append(ShotsData, with_incoming="maker", edge_filters=_CREATES, project="id")
    found: dict[int, set[int]] = {}
    for old, new in query.all():
        found.setdefault(new, set()).add(old)
    return {new: next(iter(olds)) for new, olds in found.items() if len(olds) == 1}


def _callers(processes: Iterable[int]) -> Mapping[int, int]:
    """Process → its caller, for these and all above them."""
    found: dict[int, int] = {}
    level = set(processes)
    while level:
        query = orm.QueryBuilder().append(orm.ProcessNode, tag="caller", project="id")
        query.append(orm.ProcessNode, with_incoming="caller", edge_filters=CALLS, filters=among(level), project="id")
        above = {called: caller for caller, called in query.all()}
        found |= above
        level = set(above.values()) - set(found)
    return found

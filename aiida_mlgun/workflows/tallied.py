"""From a tally back to the tables that were counted for it."""

from __future__ import annotations

from collections.abc import Iterator

from aiida import orm
from aiida.common.links import LinkType

from ..data.shots import ShotsData


def steps(tally: orm.Dict | None, until: orm.Dict | None = None) -> Iterator[orm.CalcFunctionNode]:
    """The counts behind a tally, newest first, back to the tally ``until``, which is not entered."""
    while tally is not None and (until is None or tally.pk != until.pk) and tally.creator is not None:
        yield tally.creator
        inputs = tally.creator.inputs
        tally = inputs.before if "before" in inputs else None


def tables_of(tally: orm.Dict | None, until: orm.Dict | None = None) -> dict[str, ShotsData]:
    """Batch → table, of all that was counted after ``until``; sorted.  One query per step of :data:`.TOGETHER`."""
    found: dict[str, ShotsData] = {}
    for step in steps(tally, until):
        found |= tables_of_step(step)
    return dict(sorted(found.items()))


def all_tables(tally: orm.Dict | None) -> list[ShotsData]:
    """All tables behind a tally, those of the first campaign first."""
    found = [list(tables_of_step(step).values()) for step in steps(tally)]
    return [table for tables in reversed(found) for table in tables]


def tables_of_step(step: orm.CalcFunctionNode) -> dict[str, ShotsData]:
    """Batch → table, of one count; sorted."""
    links = step.base.links.get_incoming(ShotsData, link_type=LinkType.INPUT_CALC)
    return {link.link_label: link.node for link in sorted(links.all(), key=lambda link: link.link_label)}

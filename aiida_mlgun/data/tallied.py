"""From a tally, the output of the calcfunction ``count_shots``, back to the tables that were counted for it."""

from __future__ import annotations

from collections.abc import Iterator

from aiida import orm
from aiida.common.links import LinkType

from .shots import ShotsData


def steps(tally: orm.Dict | None, until: orm.Dict | None = None) -> Iterator[orm.CalcFunctionNode]:
    """The counts behind a tally, newest first, back to the tally ``until``, which is not entered."""
    while tally is not None and (until is None or tally.pk != until.pk) and tally.creator is not None:
        yield tally.creator
        inputs = tally.creator.inputs
        tally = inputs.before if "before" in inputs else None


def tables_of(tally: orm.Dict | None, until: orm.Dict | None = None) -> dict[str, ShotsData]:
    """Batch → table, of all that was counted after ``until``; sorted."""
    found = {label: table for step in steps(tally, until) for label, table in _tables(step)}
    return dict(sorted(found.items()))


def all_tables(tally: orm.Dict | None) -> list[ShotsData]:
    """All tables behind a tally, in the order in which they were counted; campaigns may use one label for two."""
    return [table for step in reversed(list(steps(tally))) for _, table in _tables(step)]


def _tables(step: orm.CalcFunctionNode) -> list[tuple[str, ShotsData]]:
    links = step.base.links.get_incoming(ShotsData, link_type=LinkType.INPUT_CALC).all()
    return [(link.link_label, link.node) for link in sorted(links, key=lambda link: link.link_label)]

"""``aiida-mlgun shots reclassify``: stored shots called by another catalogue, without new dynamics."""

from __future__ import annotations

import json
from typing import Any

import click
from aiida import orm
from aiida.cmdline.utils import decorators, echo
from aiida.common.exceptions import NotExistent

from ..contract.errors import RefusedError
from ..contract.shooting import Chemistry
from ..contract.strict import load
from ..data.shots import ShotsData
from ..report.judged import JUDGED_COLUMNS, confusion, judged_rows, judged_sentence
from ..report.tables import terminal_table
from ..science.outcomes.catalogue import outcome_names
from ..science.outcomes.chemistry import SHIPPED
from ..workflows.functions.reclassify import flown_batch, judge_batch, judge_campaign
from .root import refusals
from .shots import shots


@shots.command("reclassify")
@click.argument("node", metavar="PK")
@click.option(
    "--catalogue", required=True, metavar="FILE|NAME", help=f"A chemistry file, or a shipped one: {', '.join(SHIPPED)}."
)
@click.option("-f", "--format", "form", type=click.Choice(("table", "json")), default="table", show_default=True)
@decorators.with_dbenv()
@refusals
def reclassify(node: str, catalogue: str, form: str) -> None:
    """Call the shots of a campaign (PK or UUID of the workflow), or of one batch, by another catalogue.

    New nodes hold the new outcomes, with provenance; the old ones stay.  `shots query` shows the latest outcomes, and
    `aiida-mlgun report` of the process that is printed here makes a page of them.
    """
    given = _node(node)
    process = None
    if isinstance(given, ShotsData):
        tables = [judge_batch(given, catalogue)]
    else:
        process = judge_campaign(given, catalogue)
        tables = [process.outputs.shots[name] for name in sorted(process.outputs.shots)]
    first = [flown_batch(table) for table in tables]
    before, now = (_outcomes(nodes) for nodes in (first, tables))
    told = [str(how) for table in tables for how in table.arrays()["judged_from"]]
    order = outcome_names(load(Chemistry, tables[0].creator.inputs.chemistry.get_dict(), "chemistry"))
    rows, (pairs, heads) = judged_rows(before, now, order), confusion(before, now, order)
    pks: dict[str, Any] = {"batches": [table.pk for table in tables], "process": process.pk if process else None}
    if form == "json":
        echo.echo(json.dumps({"outcomes": rows, "confusion": pairs, **pks}, indent=1, ensure_ascii=False))
        return
    echo.echo(judged_sentence(before, now, told))
    echo.echo(f"\n{terminal_table(rows, JUDGED_COLUMNS)}\n\n{terminal_table(pairs, heads)}\n")
    if process is not None:
        stuck = process.outputs.summary["sticking"]
        echo.echo(f"sticking {stuck['p']:.2f}, 95 % {stuck['low']:.2f} to {stuck['high']:.2f}")
        echo.echo(f"see it with: aiida-mlgun report {process.pk}")
    echo.echo_success(f"judged batches: {' '.join(map(str, pks['batches']))}")


def _outcomes(tables: list[ShotsData]) -> list[str]:
    return [outcome for table in tables for outcome in table.base.attributes.get("outcomes")]


def _node(text: str) -> Any:
    """A batch or a process.

    :raises RefusedError: when there is none, or it is something else.
    """
    try:
        node = orm.load_node(text)
    except (NotExistent, ValueError) as error:
        raise RefusedError(
            f"{text}: there is no such node; give the PK or UUID of a campaign or of a batch."
        ) from error
    if not isinstance(node, ShotsData | orm.ProcessNode):
        raise RefusedError(f"<{node.pk}> is a {type(node).__name__}; give a campaign or a batch of shots.")
    return node

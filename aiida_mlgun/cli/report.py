"""``aiida-mlgun report PK``: table in the terminal, figures and one HTML page."""

from __future__ import annotations

from pathlib import Path

import click
from aiida import orm
from aiida.cmdline.params import arguments
from aiida.cmdline.utils import decorators, echo

from ..report import page
from ..report.inputs import Report
from ..report.tables import OUTCOME_COLUMNS, outcome_rows, terminal_table
from .collect import collect
from .root import cli, refusals


@cli.command("report")
@arguments.PROCESS()
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder to write; mlgun_report_PK by default.")
@decorators.with_dbenv()
@refusals
def report(process: orm.ProcessNode, output: Path | None) -> None:
    """Report on the curate, finetune or gun PROCESS, with all that led to it."""
    found = collect(process)
    print_outcomes(found)
    html = page.write(found, output or Path(f"mlgun_report_{process.pk}"))
    echo.echo_success(f"report: {html}")


def print_outcomes(found: Report) -> None:
    """The table of outcomes that occurred, if there are any shots."""
    if found.ensemble is not None:
        rows = [row for row in outcome_rows(found.ensemble) if row["n"]]
        echo.echo(terminal_table(rows, OUTCOME_COLUMNS))

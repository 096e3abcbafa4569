"""``aiida-mlgun report PK``: table in the terminal, figures and one HTML page."""

from __future__ import annotations

from pathlib import Path

import click
from aiida import orm
from aiida.cmdline.params import arguments
from aiida.cmdline.utils import decorators, echo

from ..report import page
from ..report.curated_answer import curation_cautions, curation_sentence
from ..report.curated_rows import FILTER_COLUMNS, STRATUM_COLUMNS, filter_rows, stratum_rows
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
    print_curations(found)
    html = page.write(found, output or Path(f"mlgun_report_{process.pk}"))
    echo.echo_success(f"report: {html}")


def print_outcomes(found: Report) -> None:
    """The table of outcomes that occurred, if there are any shots."""
    if found.ensemble is not None:
        rows = [row for row in outcome_rows(found.ensemble) if row["n"]]
        echo.echo(terminal_table(rows, OUTCOME_COLUMNS))


def print_curations(found: Report) -> None:
    """What came of each curation, if the report is of nothing else: a sentence, the filters, the strata."""
    if found.ensemble is not None or found.stages:
        return
    for one in found.curations:
        echo.echo(f"{one.name}: {curation_sentence(one)}")
        for words in curation_cautions([one]):
            echo.echo(f"- {words}")
        for rows, columns in ((filter_rows(one), FILTER_COLUMNS), (stratum_rows(one), STRATUM_COLUMNS)):
            if rows:
                echo.echo("\n" + terminal_table(rows, columns))
        echo.echo("")

"""``aiida-mlgun report PK``: table in the terminal, figures and one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click
from aiida import orm
from aiida.cmdline.params import arguments
from aiida.cmdline.utils import decorators, echo

from ..report import page
from ..report.answer import answer
from ..report.curated_answer import curation_cautions, curation_sentence
from ..report.curated_rows import FILTER_COLUMNS, STRATUM_COLUMNS, filter_rows, stratum_rows
from ..report.inputs import Report
from ..report.tables import terminal_table
from ..report.trained_answer import trained_cautions
from ..report.trained_rows import (
    CALIBRATION_COLUMNS,
    COMPARISON_COLUMNS,
    ERROR_COLUMNS,
    FIT_COLUMNS,
    METHOD_COLUMNS,
    calibration_rows,
    comparison_rows,
    fit_rows,
    forgetting_rows,
    marked,
    method_rows,
    stage_error_rows,
)
from .collect import collect
from .collect_ensemble import reference_of
from .report_outcomes import print_outcomes
from .root import cli, refusals

UNITS: Final = "Errors: energy E / meV/atom, forces F / meV/Å; 95 %: 95th percentile."


@cli.command("report")
@arguments.PROCESS()
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder to write; mlgun_report_PK by default.")
@click.option("--reference", help="Outcomes to show beside: a YAML file, or the PK or UUID of a gun workflow or shots.")
@click.option("--highlight", metavar="OUTCOME", help="The outcome that experiment sees, such as on_top.")
@click.option("--group", "mapped", help="Reactive group that the sampling maps follow; the first by default.")
@decorators.with_dbenv()
@refusals
def report(
    process: orm.ProcessNode, output: Path | None, reference: str | None, highlight: str | None, mapped: str | None
) -> None:
    """Report on the workflow PROCESS (curate, train, finetune, compare, …, gun), with all that led to it.

    A reference file holds a name, a source, and either counts or shares of outcomes:

    \b
    name: 10 AIMD trajectories
    source: Weiske et al., Digital Discovery 2026, 5, 1501, Fig. 5
    counts: {on_top CC0: 1, double: 6, intact: 3}
    """
    found = collect(process, reference_of(reference) if reference else None, highlight, mapped)
    print_outcomes(found)
    print_training(found)
    print_curations(found)
    html = page.write(found, output or Path(f"mlgun_report_{process.pk}"))
    echo.echo_success(f"report: {html}")


def print_training(found: Report) -> None:
    """What came of training, if the report is of no shots: sentences, then a table per part."""
    trained = found.trained
    if found.ensemble is not None or not (found.stages or not trained.empty):
        return
    echo.echo(answer(found) + "\n")
    for words in trained_cautions(trained):
        echo.echo(f"- {words}")
    tables: list[tuple[str, list[dict[str, Any]], dict[str, str]]] = []
    if trained.comparison is not None:
        rows = comparison_rows(trained.comparison)
        columns = {
            key: head for key, head in COMPARISON_COLUMNS.items() if key != "start" or any(r["start"] for r in rows)
        }
        tables.append((f"{UNITS} *: lowest of its column on that set.", marked(rows), columns))
    if trained.curve is not None:
        tables.append(("Error ∝ (training frames)^slope.", fit_rows(trained.curve), FIT_COLUMNS))
    if trained.uncertainties:
        tables.append(("Deviations against errors.", calibration_rows(trained.uncertainties), CALIBRATION_COLUMNS))
    if found.stages:
        tables.append(("How it was trained.", method_rows(found.stages), METHOD_COLUMNS))
    if found.stages and trained.comparison is None and trained.curve is None:
        tables.append((f"{UNITS}", stage_error_rows(found.stages), ERROR_COLUMNS))
    if found.forgetting is not None and len(found.forgetting.models) > 1:
        tables.append(("Force RMSE / meV/Å; ×: against the stage's own model.", *forgetting_rows(found.forgetting)))
    for title, rows, columns in tables:
        echo.echo(f"\n{title}\n{terminal_table(rows, columns)}")
    echo.echo("")


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

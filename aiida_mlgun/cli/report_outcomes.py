"""What ``aiida-mlgun report`` prints of shots: outcomes, the reference, sampling, precursors, cost."""

from __future__ import annotations

from aiida.cmdline.utils import echo

from ..report.against import AGAINST_COLUMNS, against_rows, against_sentence
from ..report.cost import COST_COLUMNS, SOURCE, cost_rows, cost_sentence
from ..report.course import (
    LOOK_COLUMNS,
    SEQUENTIAL_COLUMNS,
    course_cautions,
    course_sentence,
    look_rows,
    sequential_rows,
)
from ..report.inputs import Ensemble, Report
from ..report.stages import LIFE_COLUMNS, life_rows, lives
from ..report.tables import OUTCOME_COLUMNS, outcome_rows, terminal_table
from ..report.words import percent


def print_outcomes(found: Report) -> None:
    """The tables of an ensemble, if there are any shots."""
    if found.ensemble is None:
        return
    _outcomes(found.ensemble)
    if found.course is not None:
        for words in (course_sentence(found.course), *course_cautions(found.course)):
            echo.echo(f"\n{words}")
        for rows, columns in (
            (sequential_rows(found.course), SEQUENTIAL_COLUMNS),
            (look_rows(found.course), LOOK_COLUMNS),
        ):
            if rows:
                echo.echo("\n" + terminal_table(rows, columns))
    if rows := against_rows(found.ensemble):
        echo.echo(f"\n{against_sentence(found.ensemble)}")
        shown = [row | {"here": percent(row["here"]), "there": percent(row["there"])} for row in rows]
        echo.echo(terminal_table(shown, AGAINST_COLUMNS))
    if waited := list(lives(found.ensemble)):
        echo.echo(f"\nPrecursors.\n{terminal_table(life_rows(waited), LIFE_COLUMNS)}")
    efforts = found.costs.efforts if found.costs else ()
    if costs := cost_rows(efforts):
        echo.echo(f"\n{cost_sentence(efforts)} Cited rows: {SOURCE}.")
        echo.echo(terminal_table(costs, COST_COLUMNS))


def _outcomes(ensemble: Ensemble) -> None:
    rows = [row for row in outcome_rows(ensemble) if row["n"]]
    columns = dict(OUTCOME_COLUMNS)
    if ensemble.reference is not None:
        columns["reference"] = ensemble.reference.name
        shares = ensemble.reference.shares
        rows = [row | {"reference": percent(shares.get(row["outcome"], 0.0))} for row in rows]
    echo.echo(terminal_table(rows, columns))

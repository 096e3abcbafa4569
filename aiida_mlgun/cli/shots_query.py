"""``aiida-mlgun shots query``: shots of all campaigns in the profile as a table, CSV or JSON."""

from __future__ import annotations

from typing import Any, Final, get_args

import click
import pandas as pd
from aiida.cmdline.utils import decorators, echo
from tabulate import tabulate

from ..queries.shots import Judged, ShotsQuery
from ..science.statistics import outcome_table
from ..science.statistics.multinomial import DEFAULT, Method
from .root import refusals
from .shots import shots

#: What the terminal shows of a row; CSV and JSON have all columns.
_SHOWN: Final = (
    "campaign",
    "batch",
    "shot",
    "outcome",
    "site",
    "contact_fs",
    "bond_fs",
    "end_fs",
    "kinetic_energy_in",
    "slab",
    "molecule",
    "model",
)
FORMAT: Final = click.option(
    "-f", "--format", "form", type=click.Choice(("table", "csv", "json")), default="table", show_default=True
)


@shots.command("query")
@click.option("--mode", multiple=True, help="Outcome such as 'on_top CC0', or mode such as on_top; repeatable.")
@click.option("--model", help="PK, UUID, label, name or beginning of the content hash of the model.")
@click.option("--since", help="Flown after: 2026-05-01, 2026-05-01T12:00, or an age such as 7d.")
@click.option("--until", help="Flown before.")
@click.option("--slab", help="PK, UUID, label or formula of the slab.")
@click.option("--molecule", help="PK, UUID, label or formula of the molecule.")
@click.option("--campaign", multiple=True, help="PK or UUID of a workflow or a job; repeatable.")
@click.option("--energy-min", type=float, help="eV, of the molecule's centre of mass at the start.")
@click.option("--energy-max", type=float, help="eV.")
@click.option("--judged", type=click.Choice(get_args(Judged)), default="latest", show_default=True)
@click.option("--column", "columns", multiple=True, help="A further column of the batches, such as drift; repeatable.")
@click.option("--count", is_flag=True, help="Shots per outcome, with 95 % intervals that hold together.")
@click.option(
    "--intervals",
    type=click.Choice(get_args(Method)),
    default=DEFAULT,
    show_default=True,
    help="Those of --count: exact ones never cover less than 95 %, Goodman's are narrower where no outcome is rare.",
)
@click.option("-n", "--limit", type=click.IntRange(min=0), default=50, show_default=True, help="Rows of the table.")
@FORMAT
@decorators.with_dbenv()
@refusals
def query(columns: tuple[str, ...], count: bool, intervals: Method, limit: int, form: str, **conditions: Any) -> None:
    """List the shots that fit all conditions, one row each; a shot counts once.

    A shot that was judged again by another catalogue shows its latest outcome; --judged first shows that of the
    dynamics, all shows each (column catalogue).  Times are in fs, energies in eV.
    """
    asked = ShotsQuery(**conditions)
    found = asked.frame(columns)
    if asked.mode and found.empty:
        _say_what_there_is(asked)
    if count:
        echo.echo(written(counted(found, intervals), form, None))
        return
    if form != "table":
        echo.echo(written(found, form, None))
        return
    shown = [name for name in (*_SHOWN, *columns) if name in found.columns]
    if asked.judged == "all":
        shown += ["catalogue"]
    echo.echo(written(found[list(dict.fromkeys(shown))], form, limit))
    if len(found) > limit:
        click.echo(f"{limit} of {len(found)} shots; --limit, or --format csv, shows all.", err=True)


def counted(found: pd.DataFrame, intervals: Method = DEFAULT) -> pd.DataFrame:
    """Outcome, number of shots, share, and simultaneous 95 % interval; most frequent first."""
    outcomes = found["outcome"].tolist()
    order = found["outcome"].value_counts(sort=True)
    names = sorted(order.index, key=lambda name: (-int(order[name]), name))
    rows = outcome_table(outcomes, names, method=intervals) if outcomes else []
    columns = {"outcome": "mode", "n": "n", "share": "p", "low": "low", "high": "high"}
    return pd.DataFrame({head: [getattr(row, name) for row in rows] for head, name in columns.items()})


def written(table: pd.DataFrame, form: str, limit: int | None) -> str:
    """The table as text; of the form ``table``, the first ``limit`` rows."""
    if form == "csv":
        return str(table.to_csv(index=False)).rstrip("\n")
    if form == "json":
        return str(table.to_json(orient="records", date_format="iso", indent=1))
    rows = table if limit is None else table.head(limit)
    cells = rows.astype(object).where(rows.notna(), None)
    return str(tabulate(cells.values.tolist(), headers=list(cells.columns), missingval="-", floatfmt=".4g"))


def _say_what_there_is(asked: ShotsQuery) -> None:
    """A mode that no shot ended in may be rare, or misspelt."""
    conditions = {name: getattr(asked, name) for name in asked.__dataclass_fields__ if name != "mode"}
    seen = sorted(set(ShotsQuery(**conditions).frame()["outcome"]))
    others = ", ".join(seen) or "none"
    click.echo(f"no shot ended in {' or '.join(asked.mode)}; outcomes that fit otherwise: {others}.", err=True)

"""``verdi data mlgun.shots``: list, show, export batches of shots."""

from __future__ import annotations

from pathlib import Path

import click
from aiida.cmdline.params import arguments, types
from aiida.cmdline.utils import decorators, echo

from ...data.shots import ShotsData
from ..root import refusals
from ..tables import shots_table
from .listing import print_list

COLUMNS = {"shots": "n_shots", "outcomes": "counts"}


@click.group("mlgun.shots")
def shots() -> None:
    """Batches of shots."""


@shots.command("list")
@click.option("-p", "--past-days", type=int, help="Only those of the last days.")
@click.option("-n", "--limit", type=int, help="Only the newest.")
@decorators.with_dbenv()
def list_(past_days: int | None, limit: int | None) -> None:
    """List batches of shots."""
    print_list(ShotsData, COLUMNS, past_days, limit)


@shots.command("show")
@arguments.DATUM(type=types.DataParamType(sub_classes=("aiida.data:mlgun.shots",)))
@decorators.with_dbenv()
def show(datum: ShotsData) -> None:
    """Show one."""
    echo.echo(shots_table(datum))


@shots.command("export")
@arguments.DATUM(type=types.DataParamType(sub_classes=("aiida.data:mlgun.shots",)))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="CSV file to write.")
@decorators.with_dbenv()
@refusals
def export(datum: ShotsData, output: Path) -> None:
    """Export the table of shots as CSV (units: Å, fs, eV, K; drift in meV/atom/ps)."""
    if output.exists():
        echo.echo_critical(f"{output} exists already.")
    datum.to_pandas().to_csv(output, index=False)
    echo.echo_success(f"{len(datum)} shots written to {output}")

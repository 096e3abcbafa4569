"""``verdi data mlgun.frames``: list, show, export sets of labelled frames."""

from __future__ import annotations

from pathlib import Path

import click
from aiida.cmdline.params import arguments, types
from aiida.cmdline.utils import decorators, echo

from ...data.frames import FramesData
from ..root import refusals
from ..tables import frames_table
from .listing import print_list

COLUMNS = {"frames": "n_frames", "elements": "elements", "strata": "strata"}


@click.group("mlgun.frames")
def frames() -> None:
    """Sets of labelled frames."""


@frames.command("list")
@click.option("-p", "--past-days", type=int, help="Only those of the last days.")
@click.option("-n", "--limit", type=int, help="Only the newest.")
@decorators.with_dbenv()
def list_(past_days: int | None, limit: int | None) -> None:
    """List sets of labelled frames."""
    print_list(FramesData, COLUMNS, past_days, limit)


@frames.command("show")
@arguments.DATUM(type=types.DataParamType(sub_classes=("aiida.data:mlgun.frames",)))
@decorators.with_dbenv()
def show(datum: FramesData) -> None:
    """Show one."""
    echo.echo(frames_table(datum))


@frames.command("export")
@arguments.DATUM(type=types.DataParamType(sub_classes=("aiida.data:mlgun.frames",)))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Extended XYZ file to write.")
@decorators.with_dbenv()
@refusals
def export(datum: FramesData, output: Path) -> None:
    """Export as extended XYZ."""
    if output.exists():
        echo.echo_critical(f"{output} exists already.")
    with output.open("w", encoding="utf-8") as handle:
        datum.to_extxyz(handle)
    echo.echo_success(f"{len(datum)} frames written to {output}")

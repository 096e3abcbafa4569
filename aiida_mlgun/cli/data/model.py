"""``verdi data mlgun.model``: list, show, export models."""

from __future__ import annotations

import json
from pathlib import Path

import click
from aiida.cmdline.params import arguments, types
from aiida.cmdline.utils import decorators, echo

from ...contract.files import MODEL_FILES
from ...data.model import ModelData
from ..card import SHOW_FORMAT, shown
from ..root import refusals
from .listing import print_list

COLUMNS = {"name": "name", "elements": "elements", "weights": "n_parameters", "level": "level"}


@click.group("mlgun.model")
def model() -> None:
    """Models."""


@model.command("list")
@click.option("-p", "--past-days", type=int, help="Only those of the last days.")
@click.option("-n", "--limit", type=int, help="Only the newest.")
@decorators.with_dbenv()
def list_(past_days: int | None, limit: int | None) -> None:
    """List models."""
    print_list(ModelData, COLUMNS, past_days, limit)


@model.command("show")
@arguments.DATUM(type=types.DataParamType(sub_classes=("aiida.data:mlgun.model",)))
@SHOW_FORMAT
@decorators.with_dbenv()
def show(datum: ModelData, form: str) -> None:
    """Show one."""
    echo.echo(shown(datum, form))


@model.command("export")
@arguments.DATUM(type=types.DataParamType(sub_classes=("aiida.data:mlgun.model",)))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder to write.")
@decorators.with_dbenv()
@refusals
def export(datum: ModelData, output: Path) -> None:
    """Export weights, configuration, probe and card as plain files."""
    if output.exists():
        echo.echo_critical(f"{output} exists already.")
    output.mkdir(parents=True)
    for name in MODEL_FILES:
        (output / name).write_bytes(datum.read_bytes(name))
    (output / "card.json").write_text(json.dumps(datum.card, indent=1, sort_keys=True), encoding="utf-8")
    echo.echo_success(f"{datum.name} written to {output}")

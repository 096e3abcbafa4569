"""``aiida-mlgun shots trace``: which data made this outcome?"""

from __future__ import annotations

import json
from typing import Final

import click
from aiida.cmdline.params import arguments, types
from aiida.cmdline.utils import decorators, echo
from tabulate import tabulate

from ..data.shots import ShotsData
from ..queries.trace import trace as trace_of
from .root import refusals
from .shots import shots

#: Columns of the list of origins and their heads.
ORIGINS: Final = {
    "what": "what",
    "kind": "kind",
    "pk": "PK",
    "n_frames": "frames",
    "sha256": "sha256",
    "licence": "licence",
}


@shots.command("trace")
@arguments.DATUM(type=types.DataParamType(sub_classes=("aiida.data:mlgun.shots",)))
@click.option("--shot", type=click.IntRange(min=0), help="Number of a shot.")
@click.option("-f", "--format", "form", type=click.Choice(("tree", "json")), default="tree", show_default=True)
@decorators.with_dbenv()
@refusals
def trace(datum: ShotsData, shot: int | None, form: str) -> None:
    """Show where the shots DATUM come from: job, start states, model, its training, data, files of origin, licences."""
    found = trace_of(datum, shot)
    origins = found.origins()
    if form == "json":
        whole = {"tree": found.tree, "origins": origins}
        echo.echo(json.dumps(whole, indent=1, ensure_ascii=False))
        return
    echo.echo("\n".join(found.lines()))
    rows = [{head: _cell(name, row[name]) for name, head in ORIGINS.items()} for row in origins]
    echo.echo(f"\nOrigins.\n{tabulate(rows, headers='keys', missingval='-', disable_numparse=True)}")


def _cell(name: str, value: object) -> object:
    if name == "licence" and value is None:
        return "not stated"
    return str(value)[:16] if name == "sha256" and value else value

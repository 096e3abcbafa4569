"""``aiida-mlgun dataset``: raw files into the provenance graph."""

from __future__ import annotations

from pathlib import Path

import click
from aiida import orm
from aiida.cmdline.params import arguments, types
from aiida.cmdline.utils import decorators, echo

from ..data.frames import FramesData
from .root import cli, refusals
from .tables import frames_table


@cli.group("dataset")
def dataset() -> None:
    """Labelled frames."""


@dataset.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--energy-key", help="Key of the energies (eV); detected if not named.")
@click.option("--forces-key", help="Key of the forces (eV/Å); detected if not named.")
@click.option("--stress-key", help="Key of the stress (eV/Å³); detected if not named.")
@click.option("--level", help="Level of theory of the frames that do not say theirs.")
@click.option("--label", default="", help="Label of the node.")
@decorators.with_dbenv()
@refusals
def import_(files: tuple[Path, ...], energy_key: str, forces_key: str, stress_key: str, level: str, label: str) -> None:
    """Import extended XYZ FILES (plain, .gz, .xz) as one raw set and print its PK."""
    asked = {"energy": energy_key, "forces": forces_key, "stress": stress_key}
    node = FramesData.from_extxyz(*files, keys={name: key for name, key in asked.items() if key}, level=level)
    node.label = label or files[0].name
    node.store()
    for entry in node.base.attributes.get("source")["files"]:
        used = ", ".join(f"{name} from {key}" for name, key in entry["keys"].items() if key)
        echo.echo_report(f"{entry['name']}: {entry['n_frames']} frames, {used}")
    echo.echo_success(f"FramesData<{node.pk}>: {len(node)} frames of {' '.join(node.elements)}")


@dataset.command("show")
@arguments.DATUM(type=types.DataParamType(sub_classes=("aiida.data:mlgun.frames",)))
@decorators.with_dbenv()
def show(datum: orm.Data) -> None:
    """Show what a set holds."""
    echo.echo(frames_table(datum))

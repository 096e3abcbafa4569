"""``aiida-mlgun dataset``: raw files into the provenance graph."""

from __future__ import annotations

from pathlib import Path

import click
from aiida import orm
from aiida.cmdline.params import arguments, types
from aiida.cmdline.utils import decorators, echo

from ..contract.errors import RefusedError
from ..data.frames import FramesData
from ..science.filters import WithoutLabels
from ..science.fingerprints import geometry_hashes
from ..science.frames import Frames
from ..science.leaks import shared_frames, shared_runs
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
@click.option("--licence", help="Licence of the frames, such as CC-BY-4.0; aiida-mlgun publish names it.")
@click.option("--label", default="", help="Label of the node.")
@decorators.with_dbenv()
@refusals
def import_(
    files: tuple[Path, ...],
    energy_key: str,
    forces_key: str,
    stress_key: str,
    level: str,
    licence: str | None,
    label: str,
) -> None:
    """Import FILES as one raw set and print its PK.

    Extended XYZ, vasprun.xml, OUTCAR, ML_AB, Quantum ESPRESSO and CP2K outputs, ASE trajectories; also .gz and .xz.
    Content that is stored already is not stored again.
    """
    asked = {"energy": energy_key, "forces": forces_key, "stress": stress_key}
    keys = {name: key for name, key in asked.items() if key}
    node = FramesData.from_files(*files, keys=keys, level=level, licence=licence)
    for entry in node.base.attributes.get("source")["files"]:
        used = ", ".join(f"{name} from {key}" for name, key in entry["keys"].items() if key)
        echo.echo_report(f"{entry['name']} ({entry['format']}): {entry['n_frames']} frames, {used}")
    without = unlabelled(node.frames())
    if without:
        echo.echo_warning(f"{without} frames lack an energy or forces; curation will drop them.")
    store_once(node, label or files[0].name)


def store_once(node: FramesData, label: str) -> None:
    """Store a set unless its content is stored already; print the PK under which it is."""
    if twins := node.twins():
        echo.echo_success(f"the same content is stored already: FramesData<{twins[0]}>")
        return
    node.label = label
    node.store()
    echo.echo_success(f"FramesData<{node.pk}>: {len(node)} frames of {' '.join(node.elements)}")


def unlabelled(frames: Frames) -> int:
    """How many frames, isolated atoms left out, lack an energy or a force."""
    lone = frames.is_isolated
    return int((WithoutLabels().see(frames, ~lone, 0) & ~lone).sum())


@dataset.command("show")
@arguments.DATUM(type=types.DataParamType(sub_classes=("aiida.data:mlgun.frames",)))
@decorators.with_dbenv()
def show(datum: orm.Data) -> None:
    """Show what a set holds."""
    echo.echo(frames_table(datum))


@dataset.command("check")
@arguments.DATA(type=types.DataParamType(sub_classes=("aiida.data:mlgun.frames",)))
@click.option("--runs", is_flag=True, help="Refuse a run on two sides too.")
@decorators.with_dbenv()
@refusals
def check(data: tuple[FramesData, ...], runs: bool) -> None:
    """Check that no frame stands in two of the sets: the same geometry, whatever its numbering and lattice image.

    Isolated atoms may stand in several sets.
    """
    if len(data) < 2:
        raise RefusedError("give at least two sets.")
    hashes, names = {}, {}
    for node in data:
        frames = node.frames()
        frames = frames.select(~frames.is_isolated)
        side = f"<{node.pk}>"
        hashes[side], names[side] = geometry_hashes(frames), frames.tag("run").tolist()
    common, shared = shared_frames(hashes), shared_runs(names)
    for leak in [*common, *shared][:20]:
        click.echo(str(leak), err=True)
    if common or (runs and shared):
        raise RefusedError(f"{len(common)} frames and {len(shared)} runs stand in two sets.")
    echo.echo_success(f"no frame stands in two sets; {len(shared)} runs do")

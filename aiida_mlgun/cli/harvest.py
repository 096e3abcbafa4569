"""``aiida-mlgun dataset from-nodes``: frames from calculations that are in the provenance graph already."""

from __future__ import annotations

from collections.abc import Sequence

import click
from aiida import orm
from aiida.cmdline.utils import decorators, echo
from tabulate import tabulate

from ..contract.errors import RefusedError
from ..data.frames import FramesData
from ..data.harvesting.discovery import Unusable, find_sources, nodes_of_group, nodes_of_pks
from ..data.harvesting.sources import Source, Taken, read_source, read_sources
from ..science.frames import canonical_hash
from ..workflows.functions.harvest import harvest
from .dataset import dataset
from .root import refusals


@dataset.command("from-nodes")
@click.argument("nodes", nargs=-1)
@click.option("--group", "groups", multiple=True, help="Label of a group whose nodes are taken; may be repeated.")
@click.option("--descend", is_flag=True, help="Take all calculations that workflows called, not what they return.")
@click.option("--skip-failed", is_flag=True, help="Leave out what cannot be taken, saying which and why.")
@click.option("--accept-exit-code", "accept", multiple=True, type=int, help="Exit code that is no failure here.")
@click.option("--stratum", default="", help="Stratum of all frames, as in gun, slab, molecule, IsolatedAtom.")
@click.option("--level", default="", help="Level of theory of all frames; else what the outputs say.")
@click.option("--label", default="", help="Label of the new node.")
@decorators.with_dbenv()
@refusals
def from_nodes(
    nodes: tuple[str, ...],
    groups: tuple[str, ...],
    descend: bool,
    skip_failed: bool,
    accept: tuple[int, ...],
    stratum: str,
    level: str,
    label: str,
) -> None:
    """Take labelled frames from NODES (PK or UUID): calculations, workflows or trajectories of pw.x, VASP, CP2K."""
    found, unusable = find_sources(_load(nodes, groups), descend, accept)
    if unusable and not skip_failed:
        listed = "; ".join(f"{entry.name} {entry.reason}" for entry in unusable)
        raise RefusedError(f"{len(unusable)} cannot be taken: {listed}. Leave them out, or say --skip-failed.")
    if skip_failed:
        found, refused = _readable(found, stratum, level)
        unusable += refused
    for entry in unusable:
        echo.echo_warning(f"left out: {entry.name}: {entry.reason}")
    frames, taken = read_sources(found, stratum, level)
    echo.echo(_table(taken))
    for part in (part for part in taken if part.notes):
        echo.echo_report(f"{part.name}: {'; '.join(part.notes)}")
    if not all(part.level for part in taken):
        echo.echo_report("the level of theory of some is not known from their outputs; name it with --level.")
    query = orm.QueryBuilder().append(FramesData, filters={"attributes.content_hash": canonical_hash(frames)})
    if (same := query.first(flat=True)) is not None:
        echo.echo_success(
            f"FramesData<{same.pk}> holds exactly these {len(frames)} frames already; nothing was stored."
        )
        return
    result = harvest(found, stratum, level)
    result.label = label
    echo.echo_success(f"FramesData<{result.pk}>: {len(result)} frames of {' '.join(result.elements)}")


def _load(nodes: Sequence[str], groups: Sequence[str]) -> list[orm.Node]:
    if not nodes and not groups:
        raise RefusedError("name the nodes (PK or UUID) to take frames from, or a --group.")
    loaded = nodes_of_pks([int(node) for node in nodes if node.isdigit()])
    loaded += [orm.load_node(node) for node in nodes if not node.isdigit()]
    for group in groups:
        loaded += nodes_of_group(group)
    return loaded


def _readable(sources: Sequence[Source], stratum: str, level: str) -> tuple[list[Source], list[Unusable]]:
    """The sources that can be read, and why the others cannot."""
    good, refused = [], []
    for source in sources:
        try:
            read_source(source, stratum, level)
        except RefusedError as error:
            refused.append(Unusable(source.name, str(error).removeprefix(f"{source.name}: ")))
        else:
            good.append(source)
    return good, refused


def _table(taken: Sequence[Taken]) -> str:
    rows = []
    for entry in taken:
        names = ", ".join(f"{label} from {where}" for label, where in entry.names.items())
        rows.append((entry.name, entry.kind, entry.run, entry.n_frames, entry.level or "?", names))
    return str(tabulate(rows, headers=("node", "kind", "run", "frames", "level", "labels")))

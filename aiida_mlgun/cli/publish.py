"""``aiida-mlgun publish``: a campaign with all that led to it, in a folder that a stranger can check and use."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click
from aiida import orm
from aiida.cmdline.params import arguments
from aiida.cmdline.utils import decorators, echo
from aiida.tools.archive import create_archive
from aiida.tools.archive.create import EXPORT_LOGGER

from ..contract.errors import RefusedError
from ..contract.manifest import sha256_file
from ..contract.strict import require
from ..data.model import ModelData
from ..queries.batches import all_batches, node_of
from ..queries.shots import ShotsQuery
from ..queries.trace import Trace, behind
from ..report import page
from .collect import collect
from .publish_texts import Author, Campaign, citation, licences_text, model_text, readme
from .root import cli, refusals
from .shots_query import counted, written

ARCHIVE, SUMS = "campaign.aiida", "SHA256SUMS"
#: Letters of a UUID that name a campaign's folder.
_SHORT: Final = 8


@dataclass(frozen=True)
class Statement:
    """What the people who publish say themselves.

    :param title: of the whole; empty: the title of the first report.
    :param authors: in their order; none: the user of the profile.
    :param licence: of the whole; empty: not stated yet.
    :param licences: PK or UUID of a node → its licence, where the node itself does not state one.
    """

    title: str = ""
    authors: tuple[Author, ...] = ()
    licence: str = ""
    licences: dict[str, str] = field(default_factory=dict)


@cli.command("publish")
@arguments.PROCESSES()
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder to make; mlgun_published_PK by default.")
@click.option("--title", default="", help="Title of the whole; that of the first report by default.")
@click.option("--author", "authors", multiple=True, metavar="'FAMILY, GIVEN[; AFFILIATION]'", help="Repeatable.")
@click.option("--licence", default="", help="Licence of the whole, as an SPDX identifier: CC-BY-4.0.")
@click.option("--data-licence", multiple=True, metavar="NODE=LICENCE", help="Of a node that states none; repeatable.")
@decorators.with_dbenv()
@refusals
def publish_command(
    processes: tuple[orm.ProcessNode, ...],
    output: Path | None,
    title: str,
    authors: tuple[str, ...],
    licence: str,
    data_licence: tuple[str, ...],
) -> None:
    """Write the finished workflows PROCESSES and their whole provenance into a folder that can be published.

    In it: an AiiDA archive, report pages, tables of shots, model cards, licences, citation, checksums, and a README
    that says how to import and query it all.
    """
    if not processes:
        raise RefusedError("name the workflows to publish by PK or UUID.")
    stated = dict(_pair(text) for text in data_licence)
    statement = Statement(title, tuple(Author.of(text) for text in authors), licence, stated)
    folder = output or Path(f"mlgun_published_{processes[0].pk}")
    missing = publish(processes, folder, statement)
    for what in missing:
        echo.echo_warning(what)
    echo.echo_success(f"{folder / 'README.md'}: look at it, and at LICENCES.md, before you publish")


def publish(processes: Sequence[orm.ProcessNode], folder: Path, statement: Statement | None = None) -> list[str]:
    """Make ``folder`` and all that is in it, or nothing; returns what is not stated and should be.

    :raises RefusedError: when the folder exists, a process has not ended, or no report can be made of one.
    """
    statement = statement or Statement()
    require(not folder.exists(), f"{folder} exists already.")
    for process in processes:
        if not process.is_sealed:
            raise RefusedError(f"<{process.pk}> has not ended; a whole provenance can be published after that.")
    partial = folder.with_name(folder.name + ".partial")
    if partial.exists():
        raise RefusedError(f"{partial} is left of an earlier attempt; remove it.")
    partial.mkdir(parents=True)
    try:
        missing = _write(processes, partial, statement)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return missing


def _write(processes: Sequence[orm.ProcessNode], folder: Path, statement: Statement) -> list[str]:
    reports = [collect(process) for process in processes]
    campaigns = []
    for process, report in zip(processes, reports, strict=True):
        name = process.uuid[:_SHORT]
        page.write(report, folder / name)
        counts = _tables(process, folder / name) if report.ensemble is not None else None
        again = bool(_judged_again([process]))
        campaigns.append(Campaign(name, process.uuid, process.process_label or "", report.title, counts, again))
    provenance = behind(*processes)
    _json(folder / "provenance.json", {"tree": provenance.tree, "origins": provenance.origins()})
    models = _models(processes, provenance)
    for model in models:
        target = folder / "models" / f"{model.content_hash[:_SHORT]}.md"
        target.parent.mkdir(exist_ok=True)
        target.write_text(model_text(model), encoding="utf-8")
    authors = statement.authors or _profile_user()
    title = statement.title or reports[0].title
    text, missing = licences_text(provenance, models, statement.licence, statement.licences)
    (folder / "LICENCES.md").write_text(text, encoding="utf-8")
    (folder / "CITATION.cff").write_text(citation(title, authors, statement.licence), encoding="utf-8")
    _archive(processes, folder / ARCHIVE)
    (folder / "README.md").write_text(readme(title, authors, campaigns, models), encoding="utf-8")
    _sums(folder)
    nobody = [] if authors else ["no author is named, and the profile's user has no name: say --author."]
    return [*nobody, *missing]


def _tables(process: orm.ProcessNode, folder: Path) -> str:
    """``shots.csv`` and ``counts.csv``, made by the query that the README asks to repeat; returns the counts."""
    found = ShotsQuery(campaign=(process.uuid,), judged="first").frame()
    counts = counted(found)
    for name, table in (("shots.csv", found), ("counts.csv", counts)):
        (folder / name).write_text(written(table, "csv", None) + "\n", encoding="utf-8")
    return written(counts, "table", None)


def _models(processes: Sequence[orm.ProcessNode], provenance: Trace) -> list[ModelData]:
    """The models that took part or came out, each content once."""
    pks = [entry["pk"] for entry in provenance.entries() if entry["kind"] == ModelData.__name__]
    found: list[ModelData] = [orm.load_node(pk) for pk in pks]
    for process in processes:
        found += [entry.node for entry in process.base.links.get_outgoing(node_class=ModelData).all()]
    return list({model.content_hash: model for model in found}.values())


def _archive(processes: Sequence[orm.ProcessNode], target: Path) -> None:
    """The processes, all before and below them, and later judgements of their shots; nothing else that used these."""
    judged = [orm.load_node(pk) for pk in _judged_again(processes)]
    level = EXPORT_LOGGER.level
    EXPORT_LOGGER.setLevel(logging.WARNING)
    try:
        create_archive([*processes, *judged], filename=target)
    finally:
        EXPORT_LOGGER.setLevel(level)


def _judged_again(processes: Sequence[orm.ProcessNode]) -> list[int]:
    """PKs of the later judgements of what the processes flew."""
    asked = {process.pk for process in processes}
    return [batch.pk for batch in all_batches() if batch.pk != batch.flown and asked & set(batch.processes)]


def _profile_user() -> tuple[Author, ...]:
    user = orm.User.collection.get_default()
    if user is None or not user.last_name:
        return ()
    return (Author(user.last_name, user.first_name, user.institution),)


def _pair(text: str) -> tuple[str, str]:
    node, _, licence = text.partition("=")
    if not node or not licence:
        raise RefusedError(f"--data-licence {text}: write NODE=LICENCE, as in 123=CC-BY-4.0.")
    return node_of(node, orm.Data, "--data-licence").uuid, licence


def _json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")


def _sums(folder: Path) -> None:
    """``SHA256SUMS`` as ``sha256sum --check`` reads it."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{sha256_file(path)}  {path.relative_to(folder).as_posix()}\n" for path in paths]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")

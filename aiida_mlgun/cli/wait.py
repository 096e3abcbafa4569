"""Progress of a running process in the terminal: what runs, how far it is."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click
from aiida import orm
from aiida.manage import get_manager
from sqlalchemy.exc import OperationalError

from ..contract import files


def wait_for(process: orm.ProcessNode, poll: float = 2.0) -> None:
    """Block until ``process`` has ended; print a line whenever something changes.

    How far a job is comes from its ``progress.json``, if its computer is this one.  A database that is locked for a
    while does not end the waiting.
    """
    start, said = time.monotonic(), {}
    while True:
        try:
            ended = process.is_terminated  # first: what is said then is said of all that happened
            for job in _jobs(process):
                line = _line(job)
                if line and said.get(job.pk) != line:
                    said[job.pk] = line
                    click.echo(f"  {time.monotonic() - start:5.0f} s  {line}")
        except OperationalError as error:
            if "locked" not in str(error):
                raise
            _look_again(process)  # SQLite, and the daemon writes: nothing is wrong with the process
            ended = False
        if ended:
            return
        time.sleep(poll)


def _look_again(process: orm.ProcessNode) -> None:
    """After a failed query AiiDA closes the session, and with it the node loses its row: give it back."""
    session = get_manager().get_profile_storage().get_session()
    session.rollback()
    session.add(process.backend_entity.bare_model)


def _jobs(process: orm.ProcessNode) -> list[orm.CalcJobNode]:
    if isinstance(process, orm.CalcJobNode):
        return [process]
    return [node for node in process.called_descendants if isinstance(node, orm.CalcJobNode)]


def _line(job: orm.CalcJobNode) -> str:
    name = f"{job.label or job.process_label} <{job.pk}>"
    if job.is_terminated:
        cached = " (from cache)" if job.base.caching.is_created_from_cache else ""
        return (
            f"{name} {'done' if job.is_finished_ok else f'ended with [{job.exit_status}] {job.exit_message}'}{cached}"
        )
    progress = _progress(job)
    if progress:
        of = "" if progress["total"] is None else f"/{progress['total']}"
        return f"{name} {progress['done']}{of} {progress['unit']}"
    return f"{name} started"


def _progress(job: orm.CalcJobNode) -> dict[str, int | str] | None:
    folder = job.get_remote_workdir()
    if folder is None or job.computer is None or job.computer.transport_type != "core.local":
        return None
    try:
        data: dict[str, int | str] = json.loads((Path(folder) / files.PROGRESS).read_text())
    except (OSError, ValueError):
        return None
    return data

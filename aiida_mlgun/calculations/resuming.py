"""What jobs that can be gone on from share: a time budget of their own, and the checkpoint of an earlier one."""

from __future__ import annotations

import re
from typing import Any, Final

from aiida import orm
from aiida.engine import CalcJobProcessSpec
from aiida.repository import FileType

from ..contract import files

SHARE_OF_WALL_TIME = 0.9  # for the work itself; the rest is for starting, for writing results, and the transfer

#: Names that the jobs give their generations; a node from an archive may hold anything.
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def define_checkpoint(spec: CalcJobProcessSpec) -> None:
    """The checkpoint as an input and as an output."""
    spec.input(
        "checkpoint",
        valid_type=orm.FolderData,
        required=False,
        validator=_plain_files,
        help="Go on from here, not from the start.",
    )
    spec.output(
        "checkpoint", valid_type=orm.FolderData, required=False, help="Where a run stood that did not end well."
    )


def resuming_fields(inputs: Any) -> dict[str, Any]:
    """The job's fields ``resume`` and, where the scheduler's limit is known and none is given, ``max_seconds``."""
    fields: dict[str, Any] = {"resume": "checkpoint" in inputs}
    wall = inputs.metadata.options.get("max_wallclock_seconds")
    if wall is not None and inputs.parameters.get_dict().get("max_seconds") is None:
        fields["max_seconds"] = SHARE_OF_WALL_TIME * wall
    return fields


def copy_checkpoint(inputs: Any) -> list[tuple[str, str, str]]:
    """The copy list that lays the checkpoint, if there is one, into the job's folder."""
    if "checkpoint" not in inputs:
        return []
    node = inputs.checkpoint
    names = node.base.repository.list_object_names()
    return [(node.uuid, name, f"{files.CHECKPOINT}/{name}") for name in names]


def _plain_files(node: orm.FolderData | None, _: Any) -> str | None:
    """Its files are laid into the job's folder under their own names, which must not lead out of it."""
    for found in node.base.repository.list_objects() if node is not None else ():
        if found.file_type is not FileType.FILE or not _NAME.fullmatch(found.name):
            return f"the checkpoint <{node.pk}> holds {found.name!r}, which no job of this package writes."
    return None

"""What parsers share whose jobs can be gone on from: the checkpoint of a run that did not end well."""

from __future__ import annotations

import re
from typing import Any

from aiida import orm
from aiida.engine import ExitCode

from ..contract import files
from ..contract.generations import DOCUMENT
from .base import VerbParser


class ResumableParser(VerbParser):
    """Keeps the folder ``checkpoint``, whenever the run did not end well, with or without a manifest."""

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """As for every verb, and then the checkpoint."""
        exit_code = super().parse(**kwargs)
        if exit_code is not None or self.node.exit_status is not None:
            self._keep_checkpoint()
        return exit_code

    def progress(self, document: re.Match[str]) -> dict[str, Any] | None:
        """How far the generation of this document is, as attributes of the node; None if it is of no use."""
        raise TypeError(f"{type(self).__name__} must say what a generation is")

    def _keep_checkpoint(self) -> None:
        """Without a generation there is nothing to go on from."""
        repository = self.retrieved.base.repository
        if files.CHECKPOINT not in repository.list_object_names():
            return
        names = [name for name in repository.list_object_names(files.CHECKPOINT) if not name.endswith(".part")]
        documents = sorted(filter(None, map(DOCUMENT.fullmatch, names)), key=lambda found: int(found[1]), reverse=True)
        reached = next(filter(None, map(self.progress, documents)), None)
        if reached is None:
            return
        folder = orm.FolderData()
        for name in names:
            with repository.open(f"{files.CHECKPOINT}/{name}", "rb") as handle:
                folder.base.repository.put_object_from_filelike(handle, name)
        folder.base.attributes.set_many(reached)
        self.out("checkpoint", folder)

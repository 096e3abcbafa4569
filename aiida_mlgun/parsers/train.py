"""Parser of ``mlgun.train``."""

from __future__ import annotations

import re
from typing import Any

from aiida import orm
from aiida.engine import ExitCode

from ..contract import files
from ..contract.manifest import Manifest
from ..data.model import ModelData
from .base import VerbParser

#: The manifest of one generation, written last; without one, there is nothing to go on from.
GENERATION = re.compile(r"state-(\d+)\.json")
SETS = ("train", "validation", "test", "replay")


class TrainParser(VerbParser):
    """A model with its lineage, and the training record; of a run that was cut off, where it stood."""

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """As for every verb; the checkpoint is kept whenever the run did not end well, with or without a manifest."""
        exit_code = super().parse(**kwargs)
        if exit_code is not None or self.node.exit_status is not None:
            self._keep_checkpoint()
        return exit_code

    def build(self, manifest: Manifest) -> None:
        """The card names level, data, parent and errors; the licence is the parent's."""
        training = self.json(files.TRAINING)
        contents = {name: self.content(f"{files.MODEL}/{name}") for name in files.MODEL_FILES}
        self.out("model", ModelData(contents, self._card(training)))
        self.out("training", orm.Dict(training))

    def _card(self, training: dict[str, Any]) -> dict[str, Any]:
        inputs = self.node.inputs
        parameters = inputs.parameters.get_dict()
        levels = sorted(inputs.train.base.attributes.get("levels", {}))
        card: dict[str, Any] = {
            "name": parameters.get("name", "model"),
            "level": ", ".join(levels) or "unknown",
            "trust": "safe",
            "licence": "as its training data",
            "lineage": [],
            "stage": parameters.get("stage", {}),
            "data": {name: _data(inputs[name]) for name in SETS if name in inputs},
            "errors": {name: table["all"] for name, table in training["errors"].items()},
            "resumed": "checkpoint" in inputs,
        }
        if "model" in inputs:
            parent = inputs.model
            card["licence"] = parent.base.attributes.get("licence")
            above = parent.card.get("lineage", [])
            card["lineage"] = [*above, {"name": parent.name, "content_hash": parent.content_hash}]
        return card

    def _keep_checkpoint(self) -> None:
        """The output ``checkpoint``; its attribute ``epoch``: how many its newest generation has behind it."""
        repository = self.retrieved.base.repository
        if files.CHECKPOINT not in repository.list_object_names():
            return
        names = [name for name in repository.list_object_names(files.CHECKPOINT) if not name.endswith(".part")]
        epochs = [int(found[1]) for found in map(GENERATION.fullmatch, names) if found]
        if not epochs:
            return
        folder = orm.FolderData()
        for name in names:
            with repository.open(f"{files.CHECKPOINT}/{name}", "rb") as handle:
                folder.base.repository.put_object_from_filelike(handle, name)
        folder.base.attributes.set("epoch", max(epochs))
        self.out("checkpoint", folder)


def _data(frames: Any) -> dict[str, Any]:
    get = frames.base.attributes.get
    return {name: get(name) for name in ("n_frames", "content_hash", "levels")}

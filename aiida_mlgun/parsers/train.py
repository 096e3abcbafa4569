"""Parser of ``mlgun.train``."""

from __future__ import annotations

import re
from typing import Any

from aiida import orm

from ..contract import files
from ..contract.manifest import Manifest
from ..data.model import ModelData
from .checkpoint import ResumableParser

SETS = ("train", "validation", "test", "replay")


class TrainParser(ResumableParser):
    """A model with its lineage, and the training record; of a run that was cut off, where it stood."""

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

    def progress(self, document: re.Match[str]) -> dict[str, Any]:
        """``epoch``: how many epochs it has behind it."""
        return {"epoch": int(document[1])}


def _data(frames: Any) -> dict[str, Any]:
    get = frames.base.attributes.get
    return {name: get(name) for name in ("n_frames", "content_hash", "levels")}

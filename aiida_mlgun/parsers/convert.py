"""Parser of ``mlgun.convert``."""

from __future__ import annotations

from ..contract import files
from ..contract.manifest import Manifest
from ..data.model import ModelData
from .base import VerbParser


class ConvertParser(VerbParser):
    """A model with the card it was given."""

    def build(self, manifest: Manifest) -> None:
        """The trust is the user's own unless the card says that the file is pinned."""
        inputs = self.node.inputs
        card = inputs.card.get_dict() if "card" in inputs else {}
        card = {"trust": "user", **card, "sha256": inputs.parameters["sha256"]}
        self.out("model", ModelData({n: self.content(f"{files.MODEL}/{n}") for n in files.MODEL_FILES}, card))

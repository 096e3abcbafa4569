"""Parser of ``mlgun.convert``."""

from __future__ import annotations

from ..contract import files
from ..contract.manifest import Manifest
from ..data.model import ModelData
from .base import VerbParser


class ConvertParser(VerbParser):
    """A model with the card it was given."""

    def build(self, manifest: Manifest) -> None:
        """Pinned: an official model, by name, whose sha256 was known before; else the user's own trust."""
        inputs = self.node.inputs
        card = inputs.card.get_dict() if "card" in inputs else {}
        parameters = inputs.parameters.get_dict()
        trust = "user" if parameters.get("official") is None else "pinned"
        card = {**card, "trust": trust, "sha256": parameters["sha256"]}
        self.out("model", ModelData({n: self.content(f"{files.MODEL}/{n}") for n in files.MODEL_FILES}, card))

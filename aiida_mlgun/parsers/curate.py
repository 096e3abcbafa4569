"""Parser of ``mlgun.curate``."""

from __future__ import annotations

from aiida import orm

from ..contract import files
from ..contract.manifest import Manifest
from .base import VerbParser


class CurateParser(VerbParser):
    """Three sets and a report."""

    def build(self, manifest: Manifest) -> None:
        """Empty sets make no node."""
        report = self.json(files.CURATION)
        for side, name in (("train", files.TRAIN), ("validation", files.VALIDATION), ("test", files.TEST)):
            if report["counts"][side]:
                self.out(side, self.frames(name, {"curated_from": self.node.inputs.frames.uuid, "side": side}))
        self.out("report", orm.Dict(report))

"""Parser of ``mlgun.curate``."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from aiida import orm

from ..contract import files
from ..contract.manifest import Manifest
from .base import VerbParser

_SIDES = {files.TRAIN: "train", files.VALIDATION: "validation", files.TEST: "test", files.POOL: "pool"}


class CurateParser(VerbParser):
    """The sets, the report, and the fate of every frame."""

    def build(self, manifest: Manifest) -> None:
        """A node for each set that was written; empty ones are not."""
        report = self.json(files.CURATION)
        source = self._source()
        for name in manifest.outputs:
            if name in _SIDES:
                self.out(_SIDES[name], self.frames(name, source | {"side": _SIDES[name]}))
            elif name not in (files.CURATION, files.FATES):
                label = PurePosixPath(name).stem
                self.out(f"subsets.{label}", self.frames(name, source | {"side": "train", "subset": label}))
        fates = orm.ArrayData()
        for name, array in self.arrays(files.FATES).items():
            fates.set_array(name, array)
        self.out("fates", fates)
        self.out("report", orm.Dict(report))

    def _source(self) -> dict[str, Any]:
        inputs = self.node.inputs
        raw = inputs.frames if "frames" in inputs else inputs.raw
        return {"curated_from": raw.uuid}

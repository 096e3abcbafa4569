"""Parser of ``mlgun.export``."""

from __future__ import annotations

import io
import re

from aiida import orm

from ..contract import files
from ..contract.exporting import ENDINGS
from ..contract.manifest import Manifest
from .base import VerbParser


class ExportParser(VerbParser):
    """The file under the model's name."""

    def build(self, manifest: Manifest) -> None:
        """``NAME.model``, ``NAME-lammps.pt`` or ``NAME-mliap_lammps.pt``."""
        content = io.BytesIO(self.content(files.EXPORT))
        self.out("file", orm.SinglefileData(content, filename=self._filename(manifest)))

    def _filename(self, manifest: Manifest) -> str:
        plain = re.sub(r"[^\w.+-]+", "_", self.node.inputs.model.name).strip("._") or "model"
        return plain + ENDINGS[str(manifest.numbers.get("format", "mace"))]

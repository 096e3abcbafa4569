"""Parser of ``mlgun.evaluate``."""

from __future__ import annotations

from aiida import orm

from ..contract import files
from ..contract.manifest import Manifest
from .base import VerbParser


class EvaluateParser(VerbParser):
    """Errors as a Dict, predictions as arrays."""

    def build(self, manifest: Manifest) -> None:
        """Energy (n,) in eV and forces (m, 3) in eV/Å, in the order of the frames."""
        predictions = orm.ArrayData()
        for name, array in self.arrays(files.PREDICTIONS).items():
            predictions.set_array(name, array)
        self.out("errors", orm.Dict(self.json(files.ERRORS)))
        self.out("predictions", predictions)

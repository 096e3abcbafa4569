"""Parser of ``mlgun.describe``."""

from __future__ import annotations

from aiida import orm

from ..contract import files
from ..contract.manifest import Manifest
from .base import VerbParser


class DescribeParser(VerbParser):
    """Descriptors, map and selection as arrays, the coverage as a Dict."""

    def build(self, manifest: Manifest) -> None:
        """Arrays as :class:`~aiida_mlgun.calculations.describe.DescribeCalculation` tells them."""
        descriptors = orm.ArrayData()
        for name, array in self.arrays(files.DESCRIPTORS).items():
            descriptors.set_array(name, array)
        self.out("descriptors", descriptors)
        self.out("coverage", orm.Dict(self.json(files.COVERAGE)))

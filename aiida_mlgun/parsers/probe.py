"""Parser of ``mlgun.probe``."""

from __future__ import annotations

from aiida import orm

from ..contract import files
from ..contract.manifest import Manifest
from .base import VerbParser


class ProbeParser(VerbParser):
    """The machine, and its versions as a node of their own."""

    def build(self, manifest: Manifest) -> None:
        """``machine.json`` as it is."""
        machine = self.json(files.MACHINE)
        self.out("machine", orm.Dict(machine))
        self.out("environment", orm.Dict(machine["versions"]))

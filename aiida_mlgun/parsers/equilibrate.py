"""Parser of ``mlgun.equilibrate``."""

from __future__ import annotations

from aiida import orm

from ..contract import files
from ..contract.manifest import Manifest
from .base import VerbParser


class EquilibrateParser(VerbParser):
    """Snapshots of slab and molecule, and what was found on the way."""

    def build(self, manifest: Manifest) -> None:
        """Both sets of snapshots carry velocities."""
        self.out("slab_states", self.frames(files.SLAB_STATES, {"equilibrated": self.node.inputs.slab.uuid}))
        self.out(
            "molecule_states", self.frames(files.MOLECULE_STATES, {"equilibrated": self.node.inputs.molecule.uuid})
        )
        self.out("report", orm.Dict(self.json(files.EQUILIBRATION)))

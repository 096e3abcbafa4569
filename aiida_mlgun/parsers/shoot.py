"""Parser of ``mlgun.shoot``."""

from __future__ import annotations

from ..contract import files
from ..contract.manifest import Manifest
from ..data.shots import ShotsData
from .base import VerbParser


class ShootParser(VerbParser):
    """One table node per batch, whatever the status: finished shots are never lost."""

    def build(self, manifest: Manifest) -> None:
        """Kept paths, if there are any, lie in the same node."""
        kept = self.content(files.TRAJECTORIES) if files.TRAJECTORIES in manifest.outputs else None
        self.out("shots", ShotsData(self.arrays(files.SHOTS), kept))

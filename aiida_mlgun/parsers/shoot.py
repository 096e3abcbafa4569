"""Parser of ``mlgun.shoot``."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from aiida.engine import ExitCode

from ..contract import files
from ..contract.errors import RefusedError
from ..contract.generations import ShootGeneration, unseal
from ..contract.manifest import Manifest
from ..data.shots import ShotsData
from ..science.npz import pack
from ..science.shot_merge import from_shards
from .checkpoint import ResumableParser


class ShootParser(ResumableParser):
    """One table node per batch, whatever the status: finished shots are never lost."""

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """As for every verb; of a run that left no table, the shots that its checkpoint holds."""
        exit_code = super().parse(**kwargs)
        if "checkpoint" in self.outputs and "shots" not in self.outputs:
            self._from_checkpoint(self.outputs["checkpoint"].base.attributes.get("document"))
        return exit_code

    def build(self, manifest: Manifest) -> None:
        """Kept paths, if there are any, lie in the same node."""
        if files.SHOTS not in manifest.outputs:
            return
        kept = self.content(files.TRAJECTORIES) if files.TRAJECTORIES in manifest.outputs else None
        self.out("shots", ShotsData(self.arrays(files.SHOTS), kept))

    def progress(self, document: re.Match[str]) -> dict[str, Any] | None:
        """``shots`` finished, ``steps`` done, ``batch_size``, and ``job``, the sha256 of what decides its numbers."""
        name = f"{files.CHECKPOINT}/{document[0]}"
        try:
            found = unseal(ShootGeneration, self.content(name), name)
        except RefusedError:
            return None
        return {
            "document": document[0],
            "shots": found.shots,
            "steps": found.steps,
            "batch_size": found.width,
            "job": found.identity.get("job"),
        }

    def _from_checkpoint(self, document: str) -> None:
        name = f"{files.CHECKPOINT}/{document}"
        found = unseal(ShootGeneration, self.content(name), name)
        shards = [f"{files.CHECKPOINT}/{shard}" for shard in found.shards]
        try:
            whole = [hashlib.sha256(self.content(shard)).hexdigest() for shard in shards]
        except FileNotFoundError:
            return
        if not shards or whole != [found.files[shard] for shard in found.shards]:
            return
        shots, trajectories = from_shards([self.arrays(shard) for shard in shards])
        self.out("shots", ShotsData(shots, pack(trajectories) if len(trajectories["shot"]) else None))

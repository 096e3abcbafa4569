"""``mlgun.shoot``: a batch of shots."""

from __future__ import annotations

from typing import Any

from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from ..contract import files
from ..contract.errors import RefusedError
from ..contract.jobs import ShootJob
from ..data.frames import FramesData
from ..data.model import ModelData
from ..data.shots import ShotsData
from .base import VerbCalculation, copy_model


class ShootCalculation(VerbCalculation):
    """Shots ``first_shot … first_shot + n_shots − 1`` of a campaign, each until decided, in NVE."""

    VERB = "shoot"
    JOB = ShootJob
    OUTPUTS = (files.SHOTS, files.TRAJECTORIES)

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """A model and start states in, a table of shots out."""
        super().define(spec)
        spec.input("model", valid_type=ModelData, help="The model.")
        spec.input("slab_states", valid_type=FramesData, help="Snapshots of the slab, with velocities.")
        spec.input("molecule_states", valid_type=FramesData, help="Snapshots of the molecule, with velocities.")
        spec.output("shots", valid_type=ShotsData, required=False, help="One row per finished shot.")
        spec.inputs.validator = _fits

    def stage(self, folder: Folder) -> list[tuple[str, str, str]]:
        """The start states and the model."""
        states = self.inputs
        return [
            (states.slab_states.uuid, files.FRAMES, files.SLAB_STATES),
            (states.molecule_states.uuid, files.FRAMES, files.MOLECULE_STATES),
            *copy_model(states.model, files.MODEL),
        ]


def _fits(inputs: Any, _: Any) -> str | None:
    if any(name not in inputs for name in ("model", "slab_states", "molecule_states")):
        return None
    try:
        for name in ("slab_states", "molecule_states"):
            inputs["model"].check_covers(inputs[name].elements, name)
            if "velocities" not in inputs[name].base.attributes.get("has"):
                return f"{name} have no velocities; equilibrate them, or import frames with velocities (Å/fs)."
    except RefusedError as error:
        return str(error)
    return None

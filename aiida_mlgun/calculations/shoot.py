"""``mlgun.shoot``: a batch of shots."""

from __future__ import annotations

import itertools
from typing import Any

from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from ..contract import files
from ..contract.errors import RefusedError
from ..contract.generations import PHYSICS
from ..contract.jobs import ShootJob
from ..data.frames import FramesData
from ..data.model import ModelData
from ..data.shots import ShotsData
from .base import VerbCalculation, add_check, copy_model
from .resuming import copy_checkpoint, define_checkpoint, resuming_fields
from .shoot_checks import check_shots


class ShootCalculation(VerbCalculation):
    """Shots ``first_shot … first_shot + n_shots − 1`` of a campaign, each until decided, in NVE.

    A ``checkpoint`` of a job that was cut off lets this one go on from there, to the last bit as if there had been no
    cut where evaluator and versions are the same; all other inputs must be that job's.
    """

    VERB = "shoot"
    JOB = ShootJob
    OUTPUTS = (files.SHOTS, files.TRAJECTORIES, files.CHECKPOINT)
    SET_BY_INPUTS = ("resume", "committee")
    CACHE_VERSION = PHYSICS

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """A model and start states in, a table of shots out."""
        super().define(spec)
        spec.input("model", valid_type=ModelData, help="The model.")
        spec.input_namespace(
            "committee",
            valid_type=ModelData,
            dynamic=True,
            required=False,
            help="Further models: forces are the mean of all, and their spread is recorded with each shot.",
        )
        spec.input("slab_states", valid_type=FramesData, help="Snapshots of the slab, with velocities.")
        spec.input("molecule_states", valid_type=FramesData, help="Snapshots of the molecule, with velocities.")
        define_checkpoint(spec)
        spec.output("shots", valid_type=ShotsData, required=False, help="One row per finished shot.")
        add_check(spec, _fits)

    def from_inputs(self) -> dict[str, Any]:
        """Whether a checkpoint is there, the time that the scheduler leaves, and how many models there are."""
        return resuming_fields(self.inputs) | {"committee": len(_committee(self.inputs))}

    def stage(self, folder: Folder) -> list[tuple[str, str, str]]:
        """The start states, the models, the checkpoint."""
        states = self.inputs
        further = [copy_model(m, files.COMMITTEE.format(i)) for i, m in enumerate(_committee(states).values())]
        return [
            (states.slab_states.uuid, files.FRAMES, files.SLAB_STATES),
            (states.molecule_states.uuid, files.FRAMES, files.MOLECULE_STATES),
            *copy_model(states.model, files.MODEL),
            *itertools.chain.from_iterable(further),
            *copy_checkpoint(states),
        ]


def _committee(inputs: Any) -> dict[str, ModelData]:
    """The further models, in the order of their names."""
    return dict(sorted((inputs.get("committee") or {}).items()))


def _fits(inputs: Any, _: Any) -> str | None:
    if any(name not in inputs for name in ("model", "slab_states", "molecule_states")):
        return None
    try:
        for name in ("slab_states", "molecule_states"):
            for model in (inputs["model"], *_committee(inputs).values()):
                model.check_covers(inputs[name].elements, name)
            if "velocities" not in inputs[name].base.attributes.get("has"):
                return f"{name} have no velocities; equilibrate them, or import frames with velocities (Å/fs)."
        if "parameters" in inputs:
            check_shots(inputs)
    except RefusedError as error:
        return str(error)
    return None

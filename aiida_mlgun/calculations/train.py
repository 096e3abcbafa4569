"""``mlgun.train``: one training stage."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from ..contract import files
from ..contract.errors import RefusedError
from ..contract.jobs import TrainJob
from ..contract.strict import load
from ..data.frames import FramesData
from ..data.model import ModelData
from .base import VerbCalculation, add_check, copy_model
from .resuming import copy_checkpoint, define_checkpoint, resuming_fields
from .training_checks import SETS, check_parent, check_sets


class TrainCalculation(VerbCalculation):
    """Fine-tune ``model`` on ``train``, or train the ``architecture`` of the parameters from scratch.

    A ``checkpoint`` of a job that was cut off lets this one go on from there; all other inputs must be that job's.
    """

    VERB = "train"
    JOB = TrainJob
    OUTPUTS = (files.MODEL, files.TRAINING, files.CHECKPOINT)
    SET_BY_INPUTS = ("parent", "has_test", "has_replay", "resume")

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Frames and a parent model in, a model and its training record out."""
        super().define(spec)
        spec.input("train", valid_type=FramesData, help="Training frames; isolated atoms among them give E0s.")
        spec.input("validation", valid_type=FramesData, help="Validation frames.")
        spec.input("test", valid_type=FramesData, required=False, help="Test frames, scored at the end.")
        spec.input(
            "replay", valid_type=FramesData, required=False, help="Earlier frames to replay, for the method `replay`."
        )
        spec.input("model", valid_type=ModelData, required=False, help="Parent model; none trains from scratch.")
        define_checkpoint(spec)
        spec.output("model", valid_type=ModelData, help="The trained model.")
        spec.output(
            "training",
            valid_type=orm.Dict,
            help="Columns per epoch, errors per set and stratum, E0s, checks of the product, MACE's whole "
            "configuration, how the run went.",
        )
        add_check(spec, check_training)

    @classmethod
    def stand_ins(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        """An architecture means that there is no parent; replay, that there are frames for it."""
        stage = parameters.get("stage")
        replay = isinstance(stage, dict) and stage.get("method") == "replay"
        return {"parent": parameters.get("architecture") is None, "has_replay": replay}

    def from_inputs(self) -> dict[str, Any]:
        """Which sets, parent and checkpoint are there, and the time that the scheduler leaves."""
        fields: dict[str, Any] = {
            "parent": "model" in self.inputs,
            "has_test": "test" in self.inputs,
            "has_replay": "replay" in self.inputs,
        }
        return fields | resuming_fields(self.inputs)

    def stage(self, folder: Folder) -> list[tuple[str, str, str]]:
        """The sets, the parent, the checkpoint."""
        targets = dict(zip(SETS, (files.TRAIN, files.VALIDATION, files.TEST, files.REPLAY), strict=True))
        copies = [
            (self.inputs[name].uuid, files.FRAMES, target) for name, target in targets.items() if name in self.inputs
        ]
        copies += copy_checkpoint(self.inputs)
        return copies + (copy_model(self.inputs.model, files.PARENT_MODEL) if "model" in self.inputs else [])


def check_training(inputs: Any, _: Any) -> str | None:
    """Refuse before submission what the compute machine would refuse later."""
    if any(name not in inputs for name in ("parameters", "train", "validation")):
        return None
    parameters, model = inputs["parameters"].get_dict(), inputs.get("model")
    if (parameters.get("architecture") is not None) == (model is not None):
        return "train: give a parent model, or an architecture in the parameters to train from scratch; not both."
    try:
        job = load(TrainJob, parameters | TrainCalculation.stand_ins(parameters), "train")
        if model is not None:
            check_parent(job, model)
        sets = {name: inputs[name] for name in SETS if inputs.get(name) is not None}
        check_sets(job, sets, model, inputs["train"].elements)
    except RefusedError as error:
        return str(error)
    return None

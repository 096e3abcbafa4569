"""``mlgun.train``: one training stage."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from ..contract import files
from ..contract.errors import RefusedError
from ..contract.jobs import TrainJob
from ..data.frames import FramesData
from ..data.model import ModelData
from .base import VerbCalculation, copy_model


class TrainCalculation(VerbCalculation):
    """Fine-tune ``model`` on ``train``, or train the ``architecture`` of the parameters from scratch."""

    VERB = "train"
    JOB = TrainJob
    OUTPUTS = (files.MODEL, files.TRAINING)
    SET_BY_INPUTS = ("parent", "has_test")

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Frames and a parent model in, a model and its training record out."""
        super().define(spec)
        spec.input("train", valid_type=FramesData, help="Training frames; isolated atoms among them give E0s.")
        spec.input("validation", valid_type=FramesData, help="Validation frames.")
        spec.input("test", valid_type=FramesData, required=False, help="Test frames, scored at the end.")
        spec.input("model", valid_type=ModelData, required=False, help="Parent model; none trains from scratch.")
        spec.output("model", valid_type=ModelData, help="The trained model.")
        spec.output("training", valid_type=orm.Dict, help="Columns per epoch, errors per set and stratum, E0s.")
        spec.inputs.validator = _fits

    @classmethod
    def stand_ins(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        """An architecture means that there is no parent."""
        return {"parent": parameters.get("architecture") is None}

    def from_inputs(self) -> dict[str, Any]:
        """Whether there is a parent, and a test set."""
        return {"parent": "model" in self.inputs, "has_test": "test" in self.inputs}

    def stage(self, folder: Folder) -> list[tuple[str, str, str]]:
        """The sets and the parent."""
        copies = [
            (self.inputs.train.uuid, files.FRAMES, files.TRAIN),
            (self.inputs.validation.uuid, files.FRAMES, files.VALIDATION),
        ]
        if "test" in self.inputs:
            copies.append((self.inputs.test.uuid, files.FRAMES, files.TEST))
        return copies + (copy_model(self.inputs.model, files.PARENT_MODEL) if "model" in self.inputs else [])


def _fits(inputs: Any, _: Any) -> str | None:
    """Refuse before submission what the compute machine would refuse later."""
    if "parameters" not in inputs or "train" not in inputs or "validation" not in inputs:
        return None
    scratch = inputs["parameters"].get_dict().get("architecture") is not None
    model = inputs.get("model")
    if scratch == (model is not None):
        return "train: give a parent model, or an architecture in the parameters to train from scratch; not both."
    try:
        for name in ("train", "validation", "test"):
            frames = inputs.get(name)
            if frames is None:
                continue
            frames.check_labelled(f"the {name} set")
            if model is not None:
                model.check_covers(frames.elements, f"the {name} set")
    except RefusedError as error:
        return str(error)
    return None

"""``mlgun.evaluate``: a model's errors on labelled frames."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from ..contract import files
from ..contract.errors import RefusedError
from ..contract.jobs import EvaluateJob
from ..data.frames import FramesData
from ..data.model import ModelData
from .base import VerbCalculation, add_check, copy_model


class EvaluateCalculation(VerbCalculation):
    """Predict energies and forces; errors in total and per stratum."""

    VERB = "evaluate"
    JOB = EvaluateJob
    OUTPUTS = (files.PREDICTIONS, files.ERRORS)

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """A model and frames in, errors and predictions out."""
        super().define(spec)
        spec.input("model", valid_type=ModelData, help="The model.")
        spec.input("frames", valid_type=FramesData, help="Labelled frames.")
        spec.output("errors", valid_type=orm.Dict, help="MAE and RMSE in total (`all`) and per stratum.")
        spec.output("predictions", valid_type=orm.ArrayData, help="energy (n,) eV; forces (m, 3) eV/Å.")
        add_check(spec, _fits)

    def stage(self, folder: Folder) -> list[tuple[str, str, str]]:
        """The frames and the model."""
        frames = self.inputs.frames
        return [(frames.uuid, files.FRAMES, files.FRAMES), *copy_model(self.inputs.model, files.MODEL)]


def _fits(inputs: Any, _: Any) -> str | None:
    if "model" not in inputs or "frames" not in inputs:
        return None
    try:
        inputs["model"].check_covers(inputs["frames"].elements, "the set")
    except RefusedError as error:
        return str(error)
    return None

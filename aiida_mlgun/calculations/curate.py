"""``mlgun.curate``: raw frames → cleaned, split frames."""

from __future__ import annotations

from aiida import orm
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from ..contract import files
from ..contract.jobs import CurateJob
from ..data.frames import FramesData
from .base import VerbCalculation


class CurateCalculation(VerbCalculation):
    """Filter, thin and split raw frames; says what happened to each."""

    VERB = "curate"
    JOB = CurateJob
    OUTPUTS = (files.TRAIN, files.VALIDATION, files.TEST, files.CURATION)

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """One raw set in, three sets and a report out."""
        super().define(spec)
        spec.input("frames", valid_type=FramesData, help="Raw frames.")
        spec.output("train", valid_type=FramesData, help="Training frames, isolated atoms included.")
        spec.output("validation", valid_type=FramesData, required=False, help="Validation frames, if any.")
        spec.output("test", valid_type=FramesData, required=False, help="Test frames, if any.")
        spec.output("report", valid_type=orm.Dict, help="Each filter, how many frames it dropped, and which.")

    def stage(self, folder: Folder) -> list[tuple[str, str, str]]:
        """The raw frames."""
        return [(self.inputs.frames.uuid, files.FRAMES, files.FRAMES)]

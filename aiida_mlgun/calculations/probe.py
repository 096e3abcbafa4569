"""``mlgun.probe``: what the compute machine is, and how fast."""

from __future__ import annotations

from aiida import orm
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from ..contract import files
from ..contract.probing import ProbeJob
from .base import VerbCalculation


class ProbeCalculation(VerbCalculation):
    """Run it with the options that the real jobs will have: it sees the partition and the GPU that they will get."""

    VERB = "probe"
    JOB = ProbeJob
    OUTPUTS = (files.MACHINE,)

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Nothing in; the machine and its environment out."""
        super().define(spec)
        spec.output("machine", valid_type=orm.Dict, help="Processor, GPUs, driver, versions, speed.")
        spec.output(
            "environment",
            valid_type=orm.Dict,
            help="Versions of what decides numbers there: the input `environment` of further jobs.",
        )

    def stage(self, folder: Folder) -> list[tuple[str, str, str]]:
        """No files: the model and the slab ship with the package."""
        return []

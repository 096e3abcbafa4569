"""``mlgun.export``: a stored model as one file that MACE or LAMMPS reads."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from ..contract import files
from ..contract.exporting import ExportJob
from ..data.model import ModelData
from .base import VerbCalculation, add_check, copy_model


class ExportCalculation(VerbCalculation):
    """Writes the file where torch and MACE are; it is compared with the stored model before it comes home."""

    VERB = "export"
    JOB = ExportJob
    OUTPUTS = (files.EXPORT,)

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """A model in, a file out."""
        super().define(spec)
        spec.input("model", valid_type=ModelData, help="The model.")
        spec.output(
            "file", valid_type=orm.SinglefileData, help="The exported model; its sha256 stands in `results`, `numbers`."
        )
        add_check(spec, _has_head)

    def stage(self, folder: Folder) -> list[tuple[str, str, str]]:
        """The model."""
        return copy_model(self.inputs.model, files.MODEL)


def _has_head(inputs: Any, _: Any) -> str | None:
    if "model" not in inputs or "parameters" not in inputs:
        return None
    parameters = inputs["parameters"].get_dict()
    wanted, heads = parameters.get("head"), inputs["model"].base.attributes.get("heads")
    if wanted is not None and wanted not in heads:
        return f"export: the model has no head {wanted!r}. It has: {', '.join(heads)}."
    if wanted is None and len(heads) > 1 and parameters.get("format", "mace") != "mace":
        return f"export: the model has the heads {', '.join(heads)}: name the one that LAMMPS is to use (head)."
    return None

"""``mlgun.convert``: a trusted pickled MACE model → weights and JSON, on the compute machine."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from ..contract import files
from ..contract.jobs import ConvertJob
from ..data.model import ModelData
from .base import VerbCalculation, add_check


class ConvertCalculation(VerbCalculation):
    """Opens the pickle whose sha256 is trusted; the workstation never does."""

    VERB = "convert"
    JOB = ConvertJob
    OUTPUTS = (files.MODEL,)

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """A file (or a path or name in the parameters) and a card in, a model out."""
        super().define(spec)
        spec.input("file", valid_type=orm.SinglefileData, required=False, help="The pickled model.")
        spec.input(
            "card",
            valid_type=orm.Dict,
            required=False,
            validator=_says_no_trust,
            help="Name, licence, level of theory, and what else is to be said of the model.",
        )
        spec.output("model", valid_type=ModelData, help="The model as weights and JSON.")
        add_check(spec, _one_source)

    def stage(self, folder: Folder) -> list[tuple[str, str, str]]:
        """The pickled file, if it travels."""
        if "file" not in self.inputs:
            return []
        return [(self.inputs.file.uuid, self.inputs.file.filename, files.FOREIGN_MODEL)]


def _says_no_trust(card: orm.Dict | None, _: Any) -> str | None:
    if card is not None and "trust" in card.get_dict():
        return "convert: the trust follows from how the model comes in; leave it out of the card."
    return None


def _one_source(inputs: Any, _: Any) -> str | None:
    if "parameters" not in inputs:
        return None
    given = [name for name in ("path", "official") if inputs["parameters"].get_dict().get(name) is not None]
    given += [name for name in ("file",) if inputs.get(name) is not None]
    if len(given) != 1:
        return f"convert: give one of file, path and official, not {' and '.join(given) or 'none'}."
    return None

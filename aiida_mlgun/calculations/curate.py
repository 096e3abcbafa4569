"""``mlgun.curate``: raw frames → cleaned, split frames."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from aiida import orm
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from ..contract import files
from ..contract.curating import CurateJob
from ..contract.errors import RefusedError
from ..data.frames import FramesData
from .base import VerbCalculation, add_check

OUTPUTS = ("train", "validation", "test", "subsets", "pool", "report", "fates")


class CurateCalculation(VerbCalculation):
    """Filter, thin and split raw frames; says what happened to each."""

    VERB = "curate"
    JOB = CurateJob
    OUTPUTS = (files.TRAIN, files.VALIDATION, files.TEST, files.CURATION, files.FATES)
    SET_BY_INPUTS = ("raw",)

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """One raw set, or files on the compute machine, in; sets and a report out."""
        super().define(spec)
        spec.input("frames", valid_type=FramesData, required=False, help="Raw frames.")
        spec.input(
            "raw", valid_type=orm.RemoteData, required=False, help="A raw file on the compute machine, or a folder."
        )
        spec.input(
            "raw_files",
            valid_type=orm.List,
            serializer=orm.to_aiida_type,
            required=False,
            help="The raw files' paths within the folder `raw`.",
        )
        add_check(spec, check_raw)
        spec.output("train", valid_type=FramesData, help="Training frames, isolated atoms included.")
        spec.output("validation", valid_type=FramesData, required=False, help="Validation frames, if any.")
        spec.output("test", valid_type=FramesData, required=False, help="Test frames, if any.")
        spec.output_namespace(
            "subsets",
            valid_type=FramesData,
            required=False,
            help="Nested training sets: `train_000100` has 100 frames.",
        )
        spec.output("pool", valid_type=FramesData, required=False, help="Clean frames that stand for the full set.")
        spec.output("report", valid_type=orm.Dict, help="Each filter and what it dropped; strata; reference energies.")
        spec.output("fates", valid_type=orm.ArrayData, help="`fate` (n_raw,): index into `names`, for every raw frame.")

    @classmethod
    def is_valid_cache(cls, node: Any) -> bool:
        """A result from a raw path is no cache source: the file there may have changed since."""
        return bool(super().is_valid_cache(node)) and "raw" not in node.inputs

    def from_inputs(self) -> dict[str, Any]:
        """The raw paths."""
        return {"raw": raw_paths(self.inputs)}

    def stage(self, folder: Folder) -> list[tuple[str, str, str]]:
        """The raw frames, if they are a node."""
        frames = self.inputs.get("frames")
        return [] if frames is None else [(frames.uuid, files.FRAMES, files.FRAMES)]

    def extra_retrieve(self) -> list[str]:
        """Sets that the parameters ask for."""
        parameters = self.inputs.parameters.get_dict()
        names = [files.SUBSET.format(int(size)) for size in parameters.get("subsets", [])]
        return [*names, files.POOL] if parameters.get("pool") else names


def raw_paths(inputs: Any) -> list[str]:
    """The absolute paths of the raw files on the compute machine."""
    raw, names = inputs.get("raw"), inputs.get("raw_files")
    if raw is None:
        return []
    folder = raw.get_remote_path()
    return [folder] if names is None else [str(PurePosixPath(folder) / name) for name in names.get_list()]


def check_raw(inputs: Any, _: Any) -> str | None:
    """Either frames or a raw path, and that on the computer where the job runs."""
    raw, names, code = inputs.get("raw"), inputs.get("raw_files"), inputs.get("code")
    if ("frames" in inputs and bool(inputs["frames"])) == (raw is not None):
        return "curate: give raw frames or a raw path on the compute machine, one of the two."
    if names is not None and raw is None:
        return "curate: raw_files goes with raw, the folder that holds them."
    for name in names.get_list() if names is not None else []:
        if not isinstance(name, str) or ".." in PurePosixPath(name).parts or name.startswith("/"):
            return f"curate: the raw file {name!r} must be a path within the folder `raw`."
    here, there = getattr(code, "computer", None), None if raw is None else raw.computer
    if here is not None and there is not None and here.uuid != there.uuid:
        return f"curate: the raw files lie on {there.label}, the code runs on {here.label}."
    try:
        CurateJob(raw=tuple(raw_paths(inputs)))
    except RefusedError as error:
        return str(error)
    return None

"""``mlgun.describe``: descriptors of frames, their map, a selection, and its coverage of a full set."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from ..contract import files
from ..contract.describing import DescribeJob
from ..contract.errors import RefusedError
from ..data.frames import FramesData
from ..data.model import ModelData
from .base import VerbCalculation, add_check, copy_model


class DescribeCalculation(VerbCalculation):
    """Descriptors by a MACE model, two principal components, a selection, coverage of the pool."""

    VERB = "describe"
    JOB = DescribeJob
    OUTPUTS = (files.DESCRIPTORS, files.COVERAGE)
    SET_BY_INPUTS = ("has_pool",)

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """A model, frames and perhaps the full set in; arrays and the coverage out."""
        super().define(spec)
        spec.input("model", valid_type=ModelData, help="The model whose node features describe the atoms.")
        spec.input("frames", valid_type=FramesData, help="Frames to describe, and to choose from.")
        spec.input(
            "pool",
            valid_type=FramesData,
            required=False,
            help="The full set that is to be covered; without it, the frames themselves.",
        )
        spec.output(
            "descriptors",
            valid_type=orm.ArrayData,
            help="One row per frame, NaN for isolated atoms: pca (n, 2); energy_per_atom (n,) eV, less E0s (of the "
            "isolated atoms in the sets if all are there, else the model's); both of the pool with `pool_`; "
            "pool_distance (p,) to the nearest of the part; selected (k,) frame numbers in order; distance (k,) to "
            "the nearest one selected before, NaN for the first; descriptors (n, d) if kept.",
        )
        spec.output(
            "coverage",
            valid_type=orm.Dict,
            help="Share of the pool within the radius of the selection (or of the frames), mean and largest distance, "
            "the share for as many random frames; explained variance of the two components.",
        )
        add_check(spec, _fits)

    def from_inputs(self) -> dict[str, Any]:
        """Whether there is a full set to compare with."""
        return {"has_pool": "pool" in self.inputs}

    def stage(self, folder: Folder) -> list[tuple[str, str, str]]:
        """The frames, the full set and the model."""
        copies = [(self.inputs.frames.uuid, files.FRAMES, files.FRAMES)]
        if "pool" in self.inputs:
            copies.append((self.inputs.pool.uuid, files.FRAMES, files.POOL))
        return copies + copy_model(self.inputs.model, files.MODEL)


def _fits(inputs: Any, _: Any) -> str | None:
    if "model" not in inputs or "frames" not in inputs:
        return None
    for name in ("frames", "pool"):
        frames = inputs.get(name)
        if frames is None:
            continue
        what = "the set" if name == "frames" else "the pool"
        try:
            inputs["model"].check_covers(frames.elements, what)
        except RefusedError as error:
            return str(error)
        if len(frames) == frames.base.attributes.get("n_isolated"):
            return f"{what} holds no frame besides isolated atoms."
    there = len(inputs["frames"]) - inputs["frames"].base.attributes.get("n_isolated")
    wanted = inputs["parameters"].get_dict().get("n_select", 0) if "parameters" in inputs else 0
    if wanted > there:
        return f"n_select is {wanted}, but the set holds {there} frames to choose from (isolated atoms do not count)."
    return None

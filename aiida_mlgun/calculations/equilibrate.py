"""``mlgun.equilibrate``: slab and molecule apart at temperature → start states (G1)."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from ..contract import files
from ..contract.errors import RefusedError
from ..contract.jobs import EquilibrateJob
from ..contract.strict import load
from ..data.frames import FramesData
from ..data.model import ModelData
from ..science.aim_checks import check_atoms
from ..science.frames import from_atoms
from ..science.time_step import check_time_step
from .base import VerbCalculation, add_check, copy_model, write_frames


class EquilibrateCalculation(VerbCalculation):
    """Relax, then NVT; a snapshot of positions and velocities at each interval."""

    VERB = "equilibrate"
    JOB = EquilibrateJob
    OUTPUTS = (files.SLAB_STATES, files.MOLECULE_STATES, files.EQUILIBRATION)

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """A model, a slab and a molecule in, their snapshots out."""
        super().define(spec)
        spec.input("model", valid_type=ModelData, help="The model.")
        spec.input("slab", valid_type=orm.StructureData, help="The clean slab, surface up (+z).")
        spec.input("molecule", valid_type=orm.StructureData, help="The molecule alone.")
        spec.output("slab_states", valid_type=FramesData, help="Snapshots of the slab, with velocities.")
        spec.output("molecule_states", valid_type=FramesData, help="Snapshots of the molecule, with velocities.")
        spec.output("report", valid_type=orm.Dict, help="Temperatures, energies, layers and dimers that were found.")
        add_check(spec, _runs)

    def stage(self, folder: Folder) -> list[tuple[str, str, str]]:
        """Slab and molecule as frames, and the model."""
        write_frames(folder, files.SLAB, from_atoms([self.inputs.slab.get_ase()]))
        write_frames(folder, files.MOLECULE, from_atoms([self.inputs.molecule.get_ase()]))
        return copy_model(self.inputs.model, files.MODEL)


def _runs(inputs: Any, context: Any) -> str | None:
    """Beside :func:`fits`: the time step suits the lightest atom."""
    wrong = fits(inputs, context)
    if wrong or any(name not in inputs for name in ("slab", "molecule", "parameters")):
        return wrong
    try:
        job = load(EquilibrateJob, inputs["parameters"].get_dict(), "equilibrate")
        for name in ("slab", "molecule"):
            atoms = inputs[name].get_ase()
            check_atoms(atoms.numbers, atoms.get_masses(), f"the {name}")
            check_time_step(job.timestep_fs, atoms.numbers, job.temperature)
    except RefusedError as error:
        return str(error)
    return None


def fits(inputs: Any, _: Any) -> str | None:
    """The model must know both; neither may be empty."""
    if any(name not in inputs for name in ("model", "slab", "molecule")):
        return None
    try:
        for name in ("slab", "molecule"):
            symbols = [str(s) for s in inputs[name].get_ase().symbols]
            if not symbols:
                return f"the {name} has no atoms."
            inputs["model"].check_covers(sorted(set(symbols)), f"the {name}")
    except RefusedError as error:
        return str(error)
    return None

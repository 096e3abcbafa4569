"""Calcfunctions over a committee's predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction

from ...contract.strict import dump
from ...data.frames import FramesData
from ...science.calibration import calibrate
from ...science.committee import Disagreement, disagreement
from ...science.errors import energy_errors, error_table, force_errors
from ...science.frames import Floats, Frames
from .versioned import versioned


@versioned
@calcfunction
def committee_disagreement(frames: FramesData, bins: orm.Int, **predictions: orm.ArrayData) -> dict[str, orm.Data]:
    """How far the members are apart on ``frames``, and whether that tells the error of their mean.

    :param predictions: member → ``energy`` (n,), eV, and ``forces`` (m, 3), eV/Å, isolated atoms included.
    :returns: ``disagreement``: arrays ``energy_mean``, ``energy_std`` (n,), eV; ``forces_mean``, ``forces_std`` (m, 3)
        and ``atom_std`` (m,), eV/Å.  ``calibration``: ``members``; ``energy`` (eV/atom) and ``forces`` (components,
        eV/Å), each a :class:`~aiida_mlgun.science.calibration.Calibration` or None without labels; ``strata``: the same
        per stratum; ``errors``: the error row ``all`` of each member and of the mean (``committee``).  Isolated atoms
        are left out of the calibration.
    """
    members = sorted(predictions)
    energies = [predictions[name].get_array("energy") for name in members]
    forces = [predictions[name].get_array("forces") for name in members]
    found = disagreement(energies, forces)
    arrays = orm.ArrayData()
    for name, array in vars(found).items():
        arrays.set_array(name, array)
    whole = frames.frames()
    scored = ~whole.is_isolated
    atoms = scored.repeat(whole.n_atoms)
    kept = whole.select(scored)
    part = Disagreement(
        found.energy_mean[scored],
        found.energy_std[scored],
        found.forces_mean[atoms],
        found.forces_std[atoms],
        found.atom_std[atoms],
    )
    report: dict[str, Any] = {"members": members, "n_frames": len(kept)}
    report |= _calibrations(kept, part, np.ones(len(kept), dtype=bool), len(members), bins.value)
    strata = kept.tag("stratum")
    report["strata"] = {
        name: _calibrations(kept, part, strata == name, len(members), bins.value)
        for name in sorted(set(strata.tolist()) - {""})
    }
    report["errors"] = {"committee": _row(kept, part.energy_mean, part.forces_mean)} | {
        name: _row(kept, energies[k][scored], forces[k][atoms]) for k, name in enumerate(members)
    }
    return {"disagreement": arrays, "calibration": orm.Dict(report)}


def _calibrations(frames: Frames, found: Disagreement, chosen: Any, members: int, bins: int) -> dict[str, Any]:
    atoms = chosen.repeat(frames.n_atoms)
    columns = {
        "energy": (energy_errors(frames, found.energy_mean)[chosen], (found.energy_std / frames.n_atoms)[chosen]),
        "forces": (force_errors(frames, found.forces_mean)[atoms].ravel(), found.forces_std[atoms].ravel()),
    }
    return {name: dump(calibrate(error, std, members, bins)) for name, (error, std) in columns.items()}


def _row(frames: Frames, energy: Floats, forces: Floats) -> dict[str, Any]:
    return error_table(frames, energy, forces)["all"]

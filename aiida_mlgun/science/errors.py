"""Errors of predicted energies and forces against a reference (T4)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .frames import Floats, Frames


def error_table(frames: Frames, energy: Floats, forces: Floats, stratum: str = "stratum") -> dict[str, dict[str, Any]]:
    """MAE and RMSE in total (key ``all``) and per stratum; frames and components without a label are left out.

    :param energy: (n,), predicted, eV.
    :param forces: (m, 3), predicted, eV/Å.
    :returns: name → ``n_frames``, ``mae_energy`` and ``rmse_energy`` (eV/atom), ``mae_forces`` and ``rmse_forces``
        (eV/Å), ``bias_energy`` (eV/atom).  A figure without labels is None.
    """
    names = frames.tag(stratum)
    groups = {"all": np.arange(len(frames))}
    for name in sorted(set(names.tolist()) - {""}):
        groups[name] = np.flatnonzero(names == name)
    return {name: _errors(frames, energy, forces, index) for name, index in groups.items()}


def _errors(frames: Frames, energy: Floats, forces: Floats, index: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"n_frames": len(index)}
    reference_e = np.full(len(frames), np.nan) if frames.energy is None else frames.energy
    de = ((energy - reference_e) / frames.n_atoms)[index]
    atoms = np.zeros(len(frames.numbers), dtype=bool)
    for i in index:
        atoms[frames.part(int(i))] = True
    reference_f = np.full(forces.shape, np.nan) if frames.forces is None else frames.forces
    df = (forces - reference_f)[atoms].ravel()
    for name, delta in (("energy", de), ("forces", df)):
        known = delta[np.isfinite(delta)]
        row[f"mae_{name}"] = float(np.abs(known).mean()) if known.size else None
        row[f"rmse_{name}"] = float(np.sqrt((known**2).mean())) if known.size else None
    row["bias_energy"] = float(de[np.isfinite(de)].mean()) if np.isfinite(de).any() else None
    return row

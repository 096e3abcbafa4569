"""Errors of predicted energies and forces against a reference (T4)."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from .frames import Floats, Frames

ALL = "all"
ELEMENT = "element:"
#: A stratum with a name that means something else here gets this before it.
STRATUM = "stratum:"


def error_table(frames: Frames, energy: Floats, forces: Floats, stratum: str = "stratum") -> dict[str, dict[str, Any]]:
    """MAE, RMSE and 95th percentile in total, per stratum and per element; what has no label is left out.

    Errors of forces are those of single components, also in the percentile; the percentile is of the absolute error,
    interpolated linearly.

    :param energy: (n,), predicted, eV.
    :param forces: (m, 3), predicted, eV/Å.
    :returns: ``all``, each stratum, and ``element:Si`` for the forces on the atoms of each element → ``n_frames``,
        ``n_atoms``, ``mae_energy``, ``rmse_energy``, ``p95_energy``, ``bias_energy`` (eV/atom), ``mae_forces``,
        ``rmse_forces``, ``p95_forces`` (eV/Å).  A figure without labels is None; for an element those of the energy
        are, and ``n_frames`` counts the frames that hold it.
    """
    de, df = energy_errors(frames, energy), force_errors(frames, forces)
    owner = np.repeat(np.arange(len(frames)), frames.n_atoms)
    table = {ALL: _row(len(frames), de, df)}
    names, which = np.unique(frames.tag(stratum), return_inverse=True)
    for k, name in enumerate(names.tolist()):
        if name:
            table[_key(name)] = _row(int((which == k).sum()), de[which == k], df[which[owner] == k])
    for z in np.unique(frames.numbers):
        of_element = frames.numbers == z
        table[ELEMENT + chemical_symbols[z]] = _row(len(np.unique(owner[of_element])), None, df[of_element])
    return table


def energy_errors(frames: Frames, energy: Floats) -> Floats:
    """(n,), predicted less reference, eV/atom; NaN where a frame has no label."""
    reference = np.full(len(frames), np.nan) if frames.energy is None else frames.energy
    errors: Floats = (energy - reference) / frames.n_atoms
    return errors


def force_errors(frames: Frames, forces: Floats) -> Floats:
    """(m, 3), predicted less reference, eV/Å; NaN where an atom has no label."""
    return np.full(forces.shape, np.nan) if frames.forces is None else forces - frames.forces


def _row(n_frames: int, de: Floats | None, df: NDArray[Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"n_frames": n_frames, "n_atoms": len(df)}
    for name, errors in (("energy", np.empty(0) if de is None else de), ("forces", df.ravel())):
        known = errors[np.isfinite(errors)]
        size = np.abs(known)
        row[f"mae_{name}"] = float(size.mean()) if known.size else None
        row[f"rmse_{name}"] = float(np.sqrt((known**2).mean())) if known.size else None
        row[f"p95_{name}"] = float(np.percentile(size, 95)) if known.size else None
        if name == "energy":
            row["bias_energy"] = float(known.mean()) if known.size else None
    return row


def _key(name: str) -> str:
    return STRATUM + name if name == ALL or name.startswith((ELEMENT, STRATUM)) else name

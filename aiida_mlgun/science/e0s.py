"""Reference energies of isolated atoms estimated from a parent model's errors."""

from __future__ import annotations

import numpy as np
from ase.data import chemical_symbols

from .frames import Floats, Frames


def estimated_e0s(frames: Frames, predicted: Floats, parent: dict[str, float]) -> dict[str, float]:
    """The parent's E0s, corrected so that its energies fit the labels best (least squares over compositions).

    Solves min Σ_i (E_i − Ê_i − Σ_Z n_iZ δ_Z)² with the smallest δ where compositions do not fix it, as MACE's option
    ``E0s=estimated`` does (mace 0.3.16, ``data.estimate_e0s_from_foundation``).

    :param predicted: (n,), the parent's energies of ``frames`` with its own E0s, eV.
    :param parent: chemical symbol → E0, eV.
    :returns: symbol → E0 for all of the parent's elements.
    """
    assert frames.energy is not None
    elements = np.unique(frames.numbers)
    counts = np.zeros((len(frames), len(elements)))
    owner = np.repeat(np.arange(len(frames)), frames.n_atoms)
    np.add.at(counts, (owner, np.searchsorted(elements, frames.numbers)), 1.0)
    shift, *_ = np.linalg.lstsq(counts, frames.energy - predicted, rcond=None)
    return {
        **parent,
        **{chemical_symbols[z]: parent[chemical_symbols[z]] + s for z, s in zip(elements, shift, strict=True)},
    }

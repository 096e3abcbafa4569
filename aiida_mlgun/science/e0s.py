"""Reference energies of isolated atoms: fitted to labels, or estimated from a parent model's errors."""

from __future__ import annotations

import numpy as np
from ase.data import chemical_symbols

from ..contract.errors import RefusedError
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


def fitted_e0s(counts: Floats, energies: Floats, symbols: list[str]) -> dict[str, float]:
    """E0s (eV) that fit total energies best: min Σ_i (E_i − Σ_Z n_iZ E0_Z)², MACE's ``E0s=average`` (mace 0.3.16).

    :param counts: (n, k), atoms of each element in each frame.
    :param energies: (n,), eV.
    :param symbols: the k elements.
    :raises RefusedError: when the compositions leave an element's E0 open; least squares would split the difference
        between elements at will, and no later step would notice.
    """
    distinct = np.unique(counts / counts.sum(axis=1, keepdims=True), axis=0)
    rank = int(np.linalg.matrix_rank(distinct)) if len(distinct) else 0
    if rank < len(symbols):
        raise RefusedError(
            f"{len(distinct)} different compositions of {', '.join(symbols)} fix {rank} of {len(symbols)} reference "
            "energies. Add isolated atoms, or give the energies (e0s: given).",
            status="e0_missing",
        )
    values, *_ = np.linalg.lstsq(counts, energies, rcond=None)
    return dict(zip(symbols, values.tolist(), strict=True))


def binding_energies(counts: Floats, energies: Floats, symbols: list[str], e0s: dict[str, float]) -> Floats:
    """(n,), energy per atom minus the mean of its atoms' E0s, eV/atom; NaN without labels.

    :raises RefusedError: when an element has no E0.
    """
    missing = [symbol for symbol in symbols if symbol not in e0s]
    if missing:
        raise RefusedError(f"the reference energy of {', '.join(missing)} is missing.", status="e0_missing")
    reference = counts @ np.array([e0s[symbol] for symbol in symbols])
    result: Floats = (energies - reference) / counts.sum(axis=1)
    return result

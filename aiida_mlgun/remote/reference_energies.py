"""The isolated atoms' energies of a training stage, from where the stage says."""

from __future__ import annotations

from typing import Any

from ase.data import chemical_symbols

from ..contract.errors import RefusedError
from ..contract.training import Stage
from ..science.e0s import estimated_e0s
from ..science.frames import Frames, isolated_energies
from .mace import predict
from .mace.store import stored_e0s


def reference_energies(stage: Stage, whole: Frames, learn: Frames, parent: Any) -> dict[str, float]:
    """Chemical symbol → eV, by atomic number: of the training set's elements, and of the parent's where it has more.

    :param whole: the training set; :param learn: the same without isolated atoms.
    :param parent: the parent model, one head, or None.
    :raises RefusedError: ``e0_missing`` for an element of the training set without one; a symbol of no element.
    """
    e0s = stored_e0s(parent) if parent is not None else {}
    if stage.e0s == "isolated":
        source = isolated_energies(whole)
        e0s |= source
    elif stage.e0s == "given":
        source = dict(stage.e0_values or {})
        e0s |= source
    elif stage.e0s == "estimated":
        energies, _ = predict(parent, learn, stage.batch_size, "cpu")
        e0s = source = estimated_e0s(learn, energies, e0s)
    else:
        source = e0s
    unknown = sorted(set(source) - set(chemical_symbols[1:]))
    if unknown:
        raise RefusedError(f"e0_values: {unknown[0]!r} is no chemical symbol.")
    missing = [s for s in learn.symbols if s not in source]
    if missing:
        raise RefusedError(f"no energy for {', '.join(missing)} (e0s: {stage.e0s}).", status="e0_missing")
    return {s: float(v) for s, v in sorted(e0s.items(), key=lambda item: chemical_symbols.index(item[0]))}

"""What became of a set of raw frames, in numbers: strata, ranges, histograms, reference energies (C7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .census import Census
from .e0s import binding_energies, fitted_e0s
from .frames import Floats

Ints = NDArray[np.int64]
BINS = 60


def reference_energies(
    census: Census, kept: Ints, method: str, isolated: Mapping[str, float], given: Mapping[str, float] | None
) -> tuple[dict[str, float], dict[str, Any]]:
    """E0s by ``method`` (``isolated``, ``least_squares``, ``given``, ``none``), and what they leave over.

    :returns: symbol → eV, and the report: ``method``, ``values``, and in eV/atom the root mean square and the largest
        of E − Σ E0 over the frames ``kept`` and its root mean square per stratum.  After a fit these are residuals;
        with the energies of real atoms they are binding energies.  None where an element has no E0.
    :raises RefusedError: when a fit is asked for and the compositions do not allow it.
    """
    counts, energy = census.counts(kept), np.asarray(census.column("energy"), dtype=np.float64)[kept]
    present = [symbol for k, symbol in enumerate(census.symbols) if counts[:, k].any()]
    if method == "least_squares":
        columns = [census.symbols.index(symbol) for symbol in present]
        values = fitted_e0s(counts[:, columns], energy, present)
    elif method == "none":
        values = {}
    else:
        values = dict(given or {}) if method == "given" else dict(isolated)
    report: dict[str, Any] = {"method": method, "values": values, "rmse": None, "max_abs": None, "strata": {}}
    if set(present) <= set(values) and len(kept):
        left = _binding(census, kept, values)
        strata = census.tag("stratum")[kept]
        report |= {"rmse": _rms(left), "max_abs": float(np.abs(left).max())}
        report["strata"] = {str(name): _rms(left[strata == name]) for name in np.unique(strata)}
    return values, report


def energy_per_atom(census: Census, e0s: Mapping[str, float]) -> tuple[Floats, str]:
    """(n,), eV/atom of every raw frame, from the free atoms if all E0s are known, and the name of the quantity."""
    every = np.arange(len(census))
    if set(census.symbols) <= set(e0s):
        return _binding(census, every, e0s), "E - sum of E0s, per atom"
    n_atoms = census.counts(every).sum(axis=1)
    return np.asarray(census.column("energy"), dtype=np.float64) / n_atoms, "E per atom"


def strata_table(census: Census, energy: Floats, sides: Mapping[str, Ints], kept: Ints, raw: Ints) -> dict[str, Any]:
    """Stratum → frames before and after, on each side, formulas, and [min, mean, max] of energy and largest force.

    :param energy: (n,), eV/atom, of every raw frame.
    :param raw: the raw frames that are no isolated atoms; ``kept``: those that stand on a side.
    """
    strata, force = census.tag("stratum"), np.asarray(census.column("max_force"), dtype=np.float64)
    table = {}
    for name in np.unique(strata[raw]).tolist():
        mine = kept[strata[kept] == name]
        row: dict[str, Any] = {"raw": int((strata[raw] == name).sum()), "kept": len(mine)}
        row |= {side: int((strata[index] == name).sum()) for side, index in sides.items()}
        row["formulas"] = census.formulas(mine)
        row["energy_per_atom"], row["max_force"] = _range(energy[mine]), _range(force[mine])
        table[str(name)] = row
    return table


def histogram(values: Floats, raw: Ints, kept: Ints) -> dict[str, list[float]] | None:
    """Counts of ``values`` over common bins for raw and kept frames; None without values.

    Bins span the kept frames' range widened by half of it on both sides; what lies beyond is counted in the outer bins.
    """
    known = values[kept][np.isfinite(values[kept])]
    if not len(known):
        return None
    low, high = float(known.min()), float(known.max())
    half = max((high - low) / 2, 1e-3)
    edges = np.linspace(low - half if low < 0 else max(0.0, low - half), high + half, BINS + 1)
    counts = {}
    for name, index in (("raw", raw), ("kept", kept)):
        inside = np.clip(values[index][np.isfinite(values[index])], edges[0], edges[-1])
        counts[name] = np.histogram(inside, edges)[0].tolist()
    return {"edges": edges.tolist(), **counts}


def _binding(census: Census, index: Ints, e0s: Mapping[str, float]) -> Floats:
    energy = np.asarray(census.column("energy"), dtype=np.float64)[index]
    counts = census.counts(index)
    columns = [k for k in range(counts.shape[1]) if counts[:, k].any()]
    symbols = [census.symbols[k] for k in columns]
    return binding_energies(counts[:, columns], energy, symbols, dict(e0s))


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _range(values: Floats) -> list[float] | None:
    known = values[np.isfinite(values)]
    return [float(known.min()), float(known.mean()), float(known.max())] if len(known) else None

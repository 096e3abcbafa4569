"""The ensemble against its reference: which outcomes differ beyond chance."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ..science.statistics import Comparison, compare
from .inputs import Ensemble
from .tables import BOOTSTRAP_SEED
from .words import count, label, listed

#: Column → heading, for the terminal.
AGAINST_COLUMNS: Final = {
    "label": "outcome",
    "here": "here",
    "there": "reference",
    "difference": "difference (95 % CI)",
    "p": "p (Holm)",
}


def against(ensemble: Ensemble) -> Comparison | None:
    """Differences, reference as the first of the two; None without a reference whose number of shots is known."""
    reference = ensemble.reference
    if reference is None or reference.n is None:
        return None
    order, ends = ensemble.order, ensemble.outcomes
    there = np.array([round(reference.shares.get(name, 0.0) * reference.n) for name in order])
    here = np.array([ends.count(name) for name in order])
    return compare(there, here, order, BOOTSTRAP_SEED) if there.sum() else None


def against_rows(ensemble: Ensemble) -> list[dict[str, Any]]:
    """One row per outcome seen in either.

    :returns: dicts with ``label``, ``here``, ``there`` (0 to 1), ``difference`` and ``p`` (text), ``differs``.
    """
    found = against(ensemble)
    if found is None:
        return []
    rows = []
    for one in found.differences:
        if not (one.p_a or one.p_b):
            continue
        change = f"{_points(one.difference)} ({_points(one.low)} to {_points(one.high)})"
        p = "< 0.001" if one.p_adjusted < 0.001 else f"{one.p_adjusted:.2g}"
        row: dict[str, Any] = {"label": label(one.mode), "here": one.p_b, "there": one.p_a}
        rows.append(row | {"difference": change, "p": p, "differs": one.differs})
    return rows


def against_sentence(ensemble: Ensemble) -> str:
    """What the comparison says, and what it assumes; empty without one."""
    found = against(ensemble)
    if found is None or ensemble.reference is None:
        return ""
    differ = [label(one.mode) for one in found.differences if one.differs]
    p = "below 0.001" if found.p_global < 0.001 else f"{found.p_global:.2g}"
    what = f"Beyond chance, shares differ in {listed(differ)}" if differ else "No single share differs beyond chance"
    return (
        f"{what}; the distributions as wholes: p = {p} ({found.global_test} test, {count(found.n_b, 'shot')} here,"
        f" {found.n_a} there). Differences in percentage points, here minus there, with intervals that hold together;"
        " p-values corrected for many outcomes (Holm). Shots are taken as independent."
    )


def _points(share: float) -> str:
    return f"{100 * share:+.0f}".replace("-", "−")

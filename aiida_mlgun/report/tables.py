"""The rows of the report's tables, and plain text tables for the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from ..contract.errors import RefusedError
from ..science.statistics import Clustered, ClusteredShare, Share, clustered_shares, outcome_table, sticking
from .inputs import Ensemble, Stage
from .words import group_label, interval, label

#: Seed of the resampling behind the intervals over start states: the same shots give the same page.
BOOTSTRAP_SEED: Final = 24
#: Column → heading, for :func:`outcome_rows` in the terminal.
OUTCOME_COLUMNS: Final = {"outcome": "outcome", "binding": "binding", "n": "shots", "share": "share", "ci": "95 % CI"}

Row = dict[str, Any]


def shares(ensemble: Ensemble) -> list[Share]:
    """One row per outcome of ``ensemble.order`` with simultaneous 95 % intervals (exact, Bonferroni)."""
    return outcome_table(ensemble.outcomes, ensemble.order)


def outcome_rows(ensemble: Ensemble) -> list[Row]:
    """One row per outcome, seen or not, binding ones first.

    :returns: dicts with ``outcome``; ``label`` (for reading); ``productive``; ``binding`` (yes or no); ``n``;
        ``share``, ``low``, ``high`` (0 to 1, simultaneous 95 % intervals); ``ci`` (the interval as text);
        ``state_low``, ``state_high`` (95 %, over start states; None with one state, no shot or all shots);
        ``bond_fs`` (median time of the first bond, None if there is none); ``example`` (number of the first shot, None
        if there is none).
    """
    outcomes = np.array(ensemble.outcomes)
    by_state = _by_state(ensemble)
    rows = []
    for share in shares(ensemble):
        mine = outcomes == share.mode
        bond = ensemble.column("bond_fs")[mine]
        state = by_state.get(share.mode) if 0 < share.n < len(outcomes) else None
        productive = ensemble.is_productive(share.mode)
        rows.append(
            {
                "outcome": share.mode,
                "label": label(share.mode),
                "productive": productive,
                "binding": "yes" if productive else "no",
                "n": share.n,
                "share": share.p,
                "low": share.low,
                "high": share.high,
                "ci": interval(share.low, share.high),
                "state_low": state.low if state else None,
                "state_high": state.high if state else None,
                "bond_fs": float(np.nanmedian(bond)) if np.isfinite(bond).any() else None,
                "example": int(ensemble.arrays["shot"][mine][0]) if share.n else None,
            }
        )
    return rows


def binding(ensemble: Ensemble) -> Row:
    """The share of shots that bind.

    :returns: dict with ``n``, ``n_bound``, ``share``, ``low``, ``high`` (Wilson 95 %), ``state_low``, ``state_high``
        (95 %, over start states; None if there is one, or if they all agree because all shots or none are bound),
        ``n_states`` (slab start states, None if unknown).
    """
    bound = ensemble.bound
    p, low, high = sticking(int(bound.sum()), len(bound))
    row: Row = {"n": len(bound), "n_bound": int(bound.sum()), "share": p, "low": low, "high": high}
    row |= {"state_low": None, "state_high": None, "n_states": None}
    if ensemble.has("slab_state"):
        states = np.asarray(ensemble.arrays["slab_state"])
        row["n_states"] = len(np.unique(states))
        if row["n_states"] > 1 and 0 < row["n_bound"] < row["n"]:
            share = over_states(ensemble, ["bound" if b else "not" for b in bound], ["bound", "not"]).shares[0]
            row |= {"state_low": share.low, "state_high": share.high}
    return row


def over_states(ensemble: Ensemble, words: Sequence[str], names: Sequence[str]) -> Clustered:
    """Shares of ``words``, one per shot, with intervals over start states of the slab and, if known, the molecule."""
    kinds = [name for name in ("slab_state", "molecule_state") if ensemble.has(name)]
    return clustered_shares(words, *(np.asarray(ensemble.arrays[name]) for name in kinds), modes=names)


def error_rows(stages: Sequence[Stage]) -> list[Row]:
    """One row per stage, set and stratum; energies in meV/atom, forces in meV/Å, None where unknown."""
    rows = []
    for stage in stages:
        for name, strata in stage.errors.items():
            for stratum in sorted(strata, key=lambda s: (s != "all", s.startswith("element:"), s)):
                figures = strata[stratum]
                row: Row = {"stage": stage.name, "level": stage.level, "set": name, "stratum": group_label(stratum)}
                row["whole"] = stratum == "all"
                row["n_frames"] = figures.get("n_frames")
                for key in (
                    "mae_energy",
                    "rmse_energy",
                    "p95_energy",
                    "bias_energy",
                    "mae_forces",
                    "rmse_forces",
                    "p95_forces",
                ):
                    value = figures.get(key)
                    row[key] = None if value is None or not math.isfinite(value) else 1000.0 * value
                rows.append(row)
    return rows


def terminal_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | Mapping[str, str]) -> str:
    """Plain text: a heading, a line, one line per row; numbers stand to the right; None is ``-``.

    :param columns: the keys to show, or key → heading.
    :raises RefusedError: when there is no column.
    """
    headings = dict(columns) if isinstance(columns, Mapping) else {name: name for name in columns}
    if not headings:
        raise RefusedError("a table needs at least one column.")
    cells = [[text(row.get(key)) for key in headings] for row in rows]
    right = [bool(rows) and all(_is_number(row.get(key)) for row in rows) for key in headings]
    widths = [max([len(head), *(len(line[i]) for line in cells)]) for i, head in enumerate(headings.values())]

    def line(words: Sequence[str]) -> str:
        placed = (w.rjust(n) if r else w.ljust(n) for w, n, r in zip(words, widths, right, strict=True))
        return "  ".join(placed).rstrip()

    return "\n".join([line(list(headings.values())), "  ".join("-" * n for n in widths), *(line(c) for c in cells)])


def text(value: Any, missing: str = "-") -> str:
    """A cell: floats with three significant digits, None and NaN as ``missing``."""
    if value is None or (isinstance(value, float | np.floating) and not math.isfinite(value)):
        return missing
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        number = float(value)
        plain = f"{number:.3g}"
        return f"{number:.0f}" if "e" in plain and 999 <= abs(number) < 1e9 else plain
    return str(value)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float | np.number) and not isinstance(value, bool))


def _by_state(ensemble: Ensemble) -> dict[str, ClusteredShare]:
    if not ensemble.has("slab_state"):
        return {}
    if len(np.unique(np.asarray(ensemble.arrays["slab_state"]))) < 2:
        return {}
    return {share.mode: share for share in over_states(ensemble, ensemble.outcomes, ensemble.order).shares}

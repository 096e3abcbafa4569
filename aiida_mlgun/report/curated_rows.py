"""The rows of a curation's tables, for the page and the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .curated import SIDES, THINNING, Curation, Stratum, Triple
from .words import big, filter_label, stratum_label, subscripted

Row = dict[str, Any]

#: Column → heading, for the terminal.
FILTER_COLUMNS: Final = {
    "step": "filter",
    "told": "parameters",
    "dropped": "dropped",
    "left": "left",
    "first": "first dropped",
}
STRATUM_COLUMNS: Final = {
    "stratum": "stratum",
    "raw": "raw",
    "kept": "kept",
    **{side: side for side in SIDES},
    "formulas": "formulas",
    "energy": "energy / eV per atom",
    "force": "largest force / eV/Å",
}
#: So many compositions of a stratum are named.
_FORMULAS: Final = 3
#: So many dropped frames of a filter are named.
_FIRST: Final = 6
_UNITS: Final = {"ceiling": "eV/Å", "distance": "Å", "rms_displacement": "Å", "tolerance": "eV/atom"}
_METHODS: Final = {
    "isolated": "energies of the isolated atoms among the frames",
    "least_squares": "least-squares fit over the compositions of the clean frames",
    "given": "as given",
    "none": "none",
}
_QUANTITIES: Final = {"E - sum of E0s, per atom": "E − ΣE0 per atom", "E per atom": "E per atom"}


def step_rows(one: Curation) -> list[Row]:
    """One row per step, after one of the raw frames less the isolated atoms; no thinning unless it left out frames.

    :returns: dicts with ``step``, ``dropped``, ``left`` and ``thinning`` (whether it is no filter but the thinning).
    """
    left = one.n_raw - one.n_isolated
    rows: list[Row] = [{"step": "raw frames", "dropped": 0, "left": left, "thinning": False}]
    for step in one.steps:
        if step.filter == THINNING and not step.dropped:
            continue
        left -= step.dropped
        row = {"step": filter_label(step.filter), "dropped": step.dropped, "left": left}
        rows.append(row | {"thinning": step.filter == THINNING})
    return rows


def filter_rows(one: Curation) -> list[Row]:
    """:func:`step_rows` less the raw frames, with ``told`` (parameters) and ``first`` (frame numbers), both as text."""
    rows = []
    steps = [step for step in one.steps if step.filter != THINNING or step.dropped]
    for step, row in zip(steps, step_rows(one)[1:], strict=True):
        shown = step.first[:_FIRST] if step.filter != THINNING else ()
        first = ", ".join(map(str, shown)) + (", …" if shown and len(shown) < step.dropped else "")
        rows.append(row | {"told": parameters_text(step.parameters) or None, "first": first or None})
    return rows


def parameters_text(parameters: Mapping[str, Any]) -> str:
    """``ceiling 50 eV/Å``; ``pairs C–H, stretch 1.4, drops rest of run``."""
    words = []
    for name, value in parameters.items():
        if value is None or value is False:
            continue
        plain = name.replace("_", " ")
        unit = f" {_UNITS[name]}" if name in _UNITS else ""
        words.append(plain if value is True else f"{plain} {_plain(value)}{unit}")
    return ", ".join(words)


def stratum_rows(one: Curation) -> list[Row]:
    """One row per stratum, and one of all if there are several.

    :returns: dicts with ``stratum``, ``raw``, ``kept``, the three sides, ``formulas``, ``energy`` (eV/atom) and
        ``force`` (eV/Å) as smallest … largest, ``mean_energy``, ``mean_force``, ``residual`` (eV/atom, of ΣE0).
    """
    residuals = (one.e0s.strata or {}) if one.e0s else {}
    rows = [_stratum_row(name, s, residuals.get(name)) for name, s in one.strata.items()]
    if len(rows) > 1:
        counts = {key: sum(row[key] for row in rows) for key in ("raw", "kept", *SIDES)}
        strata = one.strata.values()
        energy, force = _hull([s.energy_per_atom for s in strata]), _hull([s.max_force for s in strata])
        rest = {"mean_energy": None, "mean_force": None, "residual": one.e0s.rmse if one.e0s else None}
        formulas = big(len({name for s in strata for name in s.formulas})) + " in all"
        rows.append(
            {"stratum": "all", **counts, "formulas": formulas, "energy": _span(energy, 3), "force": _span(force, 2)}
            | rest
        )
    return rows


def e0_text(one: Curation) -> str:
    """Where the reference energies come from and what they leave, as a sentence."""
    if one.e0s is None or one.e0s.method == "none":
        return "No reference energies of the elements were made."
    sentence = f"Reference energies (E0): {_METHODS.get(one.e0s.method, one.e0s.method)}."
    if one.e0s.rmse is not None:
        most = f", at most {one.e0s.max_abs:.3g}" if one.e0s.max_abs is not None else ""
        sentence += f" What ΣE0 leaves of the energies: {one.e0s.rmse:.3g} eV/atom (root mean square){most}."
    return sentence


def quantity_text(one: Curation) -> str:
    """The energy that strata and histograms tell, for headings."""
    return _QUANTITIES.get(one.quantity, one.quantity)


def _stratum_row(name: str, s: Stratum, residual: float | None) -> Row:
    return {
        "stratum": stratum_label(name),
        "raw": s.raw,
        "kept": s.kept,
        **{side: getattr(s, side) for side in SIDES},
        "formulas": _formulas(s.formulas),
        "energy": _span(s.energy_per_atom, 3),
        "force": _span(s.max_force, 2),
        "mean_energy": _mean(s.energy_per_atom, 3),
        "mean_force": _mean(s.max_force, 2),
        "residual": residual,
    }


def _formulas(found: Mapping[str, int]) -> str | None:
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    if len(ranked) == 1:
        return subscripted(ranked[0][0])
    shown = ", ".join(f"{subscripted(name)}\u00a0({big(n)})" for name, n in ranked[:_FORMULAS])
    more = len(ranked) - _FORMULAS
    return f"{shown} + {big(more)} more" if more > 0 else shown or None


def _hull(triples: list[Triple]) -> Triple:
    low = [t[0] for t in triples if t is not None and t[0] is not None]
    high = [t[2] for t in triples if t is not None and t[2] is not None]
    return (min(low), None, max(high)) if low and high else None


def _span(triple: Triple, decimals: int) -> str | None:
    if triple is None or triple[0] is None or triple[2] is None:
        return None
    return f"{_signed(triple[0], decimals)} … {_signed(triple[2], decimals)}"


def _mean(triple: Triple, decimals: int) -> str | None:
    return None if triple is None or triple[1] is None else _signed(triple[1], decimals)


def _signed(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}".replace("-", "−")


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join("–".join(map(str, one)) if isinstance(one, list | tuple) else str(one) for one in value)
    return str(value).replace("_", " ")

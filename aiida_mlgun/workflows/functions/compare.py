"""Calcfunctions that put scores side by side: a table, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import calcfunction

from ...contract.strict import dump
from ...data.frames import FramesData
from ...science.comparison import METRICS, Sums, difference, error_sums
from .versioned import versioned


@versioned
@calcfunction
def comparison_table(about: orm.Dict, **errors: orm.Dict) -> orm.Dict:
    """All scores as ``rows``: who (``strategy``, ``start_model``), on what (``test``, ``group``), which errors.

    :param about: ``scores``: name of a score → ``strategy``, ``start_model`` (None from scratch), ``test``.
    :param errors: by the same names, as ``mlgun.evaluate`` gives them; ``group`` is ``all``, a stratum, or an element.
    """
    rows = []
    for key, who in about["scores"].items():
        table = errors[key].get_dict()
        rows += [{**who, "group": group, **table[group]} for group in sorted(table, key=lambda g: (g != "all", g))]
    return orm.Dict({"rows": rows})


@versioned
@calcfunction
def comparison_verdict(about: orm.Dict, **nodes: Any) -> orm.Dict:
    """Which model is best on each set, by how much, and whether that is more than chance.

    :param about: as for :func:`comparison_table`, and ``seed``.
    :param nodes: two namespaces: ``tests``, sets by name, and ``predictions``, arrays by the names of the scores.
    :returns: ``lowest``: per test and metric the model with the lowest error, the ``next``, and the
        ``difference`` (next − lowest ≥ 0) with a 95 % interval ``low``, ``high`` of a paired bootstrap over ``units``
        runs or frames (``unit``); ``clear`` where the interval leaves out zero.
        ``continual_against_finetuned``: per test, metric and start model continual − finetuned likewise (negative:
        continual fine-tuning helped).  Energies eV/atom, forces eV/Å.
    """
    scores, seed = about["scores"], about["seed"]
    sums = _sums(scores, nodes["tests"], nodes["predictions"])
    lowest, pairs = [], []
    for test in sorted(nodes["tests"]):
        for metric in METRICS:
            here = {key: who for key, who in scores.items() if who["test"] == test}
            lowest += _lowest(here, sums, metric, seed)
            pairs += _pairs(here, sums, metric, seed)
    return orm.Dict({"level": 0.95, "lowest": lowest, "continual_against_finetuned": pairs})


def _sums(scores: Mapping[str, Any], tests: Mapping[str, FramesData], predictions: Mapping[str, Any]) -> dict[str, Any]:
    sums = {}
    for test, node in tests.items():
        frames = node.frames()
        scored = ~frames.is_isolated
        atoms = scored.repeat(frames.n_atoms)
        frames = frames.select(scored)
        for key in (key for key, who in scores.items() if who["test"] == test):
            given = predictions[key]
            sums[key] = error_sums(frames, given.get_array("energy")[scored], given.get_array("forces")[atoms])
    return sums


def _lowest(here: Mapping[str, Any], sums: Mapping[str, Sums], metric: str, seed: int) -> list[dict[str, Any]]:
    values = {key: sums[key].value(metric) for key in here}
    order = sorted((key for key in here if values[key] is not None), key=lambda key: (values[key], key))
    if not order:
        return []
    row = {"test": here[order[0]]["test"], "metric": metric, **_who(here[order[0]]), "value": values[order[0]]}
    if len(order) > 1:
        row["next"] = {**_who(here[order[1]]), "value": values[order[1]]}
        row |= _gap(sums[order[1]], sums[order[0]], metric, seed)
    return [row]


def _pairs(here: Mapping[str, Any], sums: Mapping[str, Sums], metric: str, seed: int) -> list[dict[str, Any]]:
    keys = {(who["strategy"], who["start_model"]): key for key, who in here.items()}
    rows = []
    for (strategy, start), key in keys.items():
        other = keys.get(("finetuned", start))
        if strategy != "continual" or other is None or sums[key].value(metric) is None:
            continue
        row = {"test": here[key]["test"], "start_model": start, "metric": metric}
        row |= {"continual": sums[key].value(metric), "finetuned": sums[other].value(metric)}
        rows.append(row | _gap(sums[key], sums[other], metric, seed))
    return rows


def _gap(one: Sums, other: Sums, metric: str, seed: int) -> dict[str, Any]:
    found = difference(one, other, metric, seed)
    assert found is not None  # the callers know that there are labels
    clear = found.low is not None and found.high is not None and not found.low <= 0 <= found.high
    return {**dump(found), "clear": clear}


def _who(who: Mapping[str, Any]) -> dict[str, Any]:
    return {"strategy": who["strategy"], "start_model": who["start_model"]}

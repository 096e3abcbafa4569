"""What a model has forgotten of the stages before (T7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import calcfunction

from .versioned import versioned

METRICS = ("mae_energy", "rmse_energy", "p95_energy", "mae_forces", "rmse_forces", "p95_forces")


@versioned
@calcfunction
def forgetting_table(**errors: orm.Dict) -> orm.Dict:
    """Each later model on each earlier stage's test set, beside that stage's own model.

    :param errors: stage → errors of its model, by test set (a group has the name of its stage); stages in the order of
        their names.
    """
    return orm.Dict({"rows": forgetting_rows({name: node.get_dict() for name, node in errors.items()})})


def forgetting_rows(errors: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows ``test``, ``model``, ``metric``, ``own`` (error of the test's own stage), ``now``, ``ratio`` = now / own.

    ``ratio`` is None where the own error is zero.  Errors are in eV/atom and eV/Å.
    """
    stages = sorted(errors)
    rows = []
    for i, test in enumerate(stages):
        for model in stages[i + 1 :]:
            for metric in METRICS:
                own = errors[test].get(test, {}).get(metric)
                now = errors[model].get(test, {}).get(metric)
                if own is not None and now is not None:
                    ratio = now / own if own > 0 else None
                    rows.append(
                        {"test": test, "model": model, "metric": metric, "own": own, "now": now, "ratio": ratio}
                    )
    return rows


def first_beyond(rows: list[dict[str, Any]], limits: Mapping[str, float]) -> str | None:
    """The sentence about the worst row beyond its metric's limit (a ratio), if there is one."""
    beyond = [row for row in rows if row["metric"] in limits and row["now"] > limits[row["metric"]] * row["own"]]
    if not beyond:
        return None
    worst = max(beyond, key=lambda row: (row["ratio"] is None, row["ratio"] or 0.0))
    times = "" if worst["ratio"] is None else f", {worst['ratio']:.2f} times as much"
    return (
        f"{worst['metric']} on the test set of {worst['test']} is {worst['now']:.3g} after {worst['model']} and was "
        f"{worst['own']:.3g}{times}; the limit is {limits[worst['metric']]:g} times."
    )

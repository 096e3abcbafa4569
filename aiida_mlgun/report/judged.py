"""What another catalogue called the same shots: shares before and now, and who went where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from ..science.statistics import outcome_table
from .words import count, interval, percent

Row = dict[str, Any]

#: Column → heading, for :func:`judged_rows`.
JUDGED_COLUMNS: Final = {
    "outcome": "outcome",
    "before": "shots before",
    "now": "now",
    "share": "share",
    "ci": "95 % CI",
}


def judged_rows(before: Sequence[str], now: Sequence[str], order: Sequence[str] = ()) -> list[Row]:
    """One row per outcome that was or is there, in ``order``, the ones that are no more at the end.

    :param before, now: (N,), what each shot was called and is called.
    :returns: dicts with ``outcome``, ``before`` and ``now`` (shots), ``share`` and ``ci`` (simultaneous 95 %) as text.
    """
    was = Counter(before)
    rows: list[Row] = []
    for row in outcome_table(now, order):
        if row.n or was[row.mode]:
            share, ci = percent(row.p), interval(row.low, row.high)
            rows.append({"outcome": row.mode, "before": was[row.mode], "now": row.n, "share": share, "ci": ci})
    here = {row["outcome"] for row in rows}
    gone = [name for name in sorted(was) if name not in here]
    return rows + [{"outcome": name, "before": was[name], "now": 0, "share": None, "ci": None} for name in gone]


def confusion(before: Sequence[str], now: Sequence[str], order: Sequence[str] = ()) -> tuple[list[Row], dict[str, str]]:
    """Shots by what they were called (rows) and are called (columns), and the columns' headings.

    :returns: dicts with ``was`` and one number per column, None where there is none.
    """
    pairs = Counter(zip(before, now, strict=True))
    seen = set(now)
    columns = [name for name in order if name in seen] + sorted(seen - set(order))
    rows = [{"was": was, **{name: pairs[was, name] or None for name in columns}} for was in sorted(set(before))]
    return rows, {"was": "was \\ is", **{name: name for name in columns}}


def judged_sentence(before: Sequence[str], now: Sequence[str], judged_from: Sequence[str]) -> str:
    """How many shots changed their names, and what they were judged by."""
    changed = sum(a != b for a, b in zip(before, now, strict=True))
    by = ", ".join(f"{name} {n}" for name, n in sorted(Counter(judged_from).items()))
    return f"{changed} of {count(len(now), 'shot')} are called otherwise than before. Judged from: {by}."

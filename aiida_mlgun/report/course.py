"""How a campaign went: looks, why it ended, what it lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .words import big, count, interval, label, listed, percent

#: Column → heading, of :func:`look_rows`.
LOOK_COLUMNS: Final = {"shots": "shots", "widest": "least known", "known": "known to", "more": "still needed"}
#: Column → heading, of :func:`sequential_rows`.
SEQUENTIAL_COLUMNS: Final = {"outcome": "outcome", "shots": "shots", "share": "share", "interval": "interval"}
_ENDS: Final = {
    "shots": "all shots that were asked for have been flown",
    "precision": "the shares were known as well as was asked",
    "start_states": "more shots from these start states would not have helped",
    "hours": "its time was over",
    "failures": "one batch after the other failed",
}


@dataclass(frozen=True)
class Course:
    """The course of a campaign.

    :param summary: output ``summary`` of ``mlgun.gun``.
    :param looks: outputs of its looks, oldest first; empty if no precision was asked for.
    """

    summary: Mapping[str, Any]
    looks: tuple[Mapping[str, Any], ...] = ()


def course_sentence(course: Course) -> str:
    """How many shots there are, of which campaigns, and why there are no more."""
    summary = course.summary
    n, before = summary["n_shots"], summary["n_before"]
    taken = f" ({big(before)} of them taken over from an earlier campaign)" if before else ""
    lost = f", {big(summary['n_lost'])} lost" if summary["n_lost"] else ""
    sentence = f"{count(n, 'shot')} finished{taken}{lost}. The campaign ended because {_ENDS[summary['stopped_by']]}"
    told = summary["sequential"]
    if told is None:
        return f"{sentence}."
    asked = told["asked"]
    what = listed([label(name) for name in asked["watched"]]) if len(asked["watched"]) < 4 else "all outcomes"
    known = "reached" if told["stop"] else "not reached"
    return (
        f"{sentence}. Asked for: the {'share' if len(asked['watched']) == 1 else 'shares'} of {what} to "
        f"±{percent(asked['half_width'])}; {known}: ±{percent(told['half_width'])}."
    )


def course_cautions(course: Course) -> list[str]:
    """What a reader must know of lost shots; of start states, the cautions of the ensemble tell."""
    summary = course.summary
    found = [sentence for sentence in summary["remarks"] if sentence != summary["clustered"]["remark"]]
    if summary["n_lost"]:
        sticking = summary["sticking"]
        worst = interval(sticking["if_lost_low"], sticking["if_lost_high"])
        found.append(f"Had none or all of the lost shots bound, {worst} of all shots would have.")
    return found


def look_rows(course: Course) -> list[dict[str, Any]]:
    """One row per look that had shots; the columns of :data:`LOOK_COLUMNS`, as text."""
    return [
        {
            "shots": big(found["n"]),
            "widest": label(found["widest"]),
            "known": f"±{percent(found['half_width'])}",
            "more": "enough" if found["stop"] else _more(found["more"]),
        }
        for found in course.looks
        if found["n"]
    ]


def _more(more: int | None) -> str:
    return "unknown" if more is None else f"about {big(more)}"


def sequential_rows(course: Course) -> list[dict[str, Any]]:
    """One row per watched outcome of the last look; the columns of :data:`SEQUENTIAL_COLUMNS`, as text."""
    told = course.summary["sequential"] or {"intervals": []}
    return [
        {
            "outcome": label(row["mode"]),
            "shots": big(row["n"]),
            "share": percent(row["p"]),
            "interval": interval(row["low"], row["high"]),
        }
        for row in told["intervals"]
    ]

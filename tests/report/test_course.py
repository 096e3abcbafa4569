from __future__ import annotations

from typing import Any

import pytest

from aiida_mlgun.report.course import Course, course_cautions, course_sentence, look_rows, sequential_rows


def summary(**changes: Any) -> dict[str, Any]:
    plain = {"n_shots": 120, "n_before": 0, "n_lost": 0, "stopped_by": "shots", "sequential": None, "remarks": []}
    return plain | {"clustered": {"remark": ""}} | changes


ROW = {"mode": "on_top CC", "n": 30, "p": 0.25, "low": 0.15, "high": 0.36}
TOLD = {"asked": {"watched": ["on_top CC"], "half_width": 0.11}, "stop": True, "half_width": 0.105, "intervals": [ROW]}


def test_a_campaign_of_so_many_shots() -> None:
    course = Course(summary())
    assert course_sentence(course) == (
        "120 shots finished. The campaign ended because all shots that were asked for have been flown."
    )
    assert look_rows(course) == sequential_rows(course) == course_cautions(course) == []


@pytest.mark.parametrize(
    ("stop", "names", "words"),
    [
        (True, ["on_top CC"], "Asked for: the share of on-top CC to ±11 %; reached: ±10 %."),
        (False, ["a", "b"], "Asked for: the shares of a and b to ±11 %; not reached: ±10 %."),
        (False, list("abcde"), "Asked for: the shares of all outcomes to ±11 %; not reached: ±10 %."),
    ],
)
def test_what_was_asked_for_and_whether_it_was_reached(stop: bool, names: list[str], words: str) -> None:
    told = {**TOLD, "stop": stop, "asked": {"watched": names, "half_width": 0.11}}
    course = Course(summary(n_before=100, stopped_by="precision", sequential=told))
    assert course_sentence(course).startswith("120 shots finished (100 of them taken over from an earlier campaign).")
    assert course_sentence(course).endswith(words)


def test_looks_and_intervals_as_rows() -> None:
    looks: list[dict[str, Any]] = [{"n": 0, "stop": False, "more": 90, "half_width": 0.5, "widest": "intact"}]
    looks += [looks[0] | {"n": 40}, looks[0] | {"n": 60, "more": None}, looks[0] | {"n": 1200, "stop": True, "more": 0}]
    course = Course(summary(sequential=TOLD), tuple(looks))
    assert [(row["shots"], row["more"]) for row in look_rows(course)] == [
        *(("40", "about 90"), ("60", "unknown"), ("1\u202f200", "enough"))
    ]
    assert sequential_rows(course) == [{"outcome": "on-top CC", "shots": "30", "share": "25 %", "interval": "15–36 %"}]


def test_lost_shots_are_a_caution() -> None:
    remarks = ["2 shots were lost and are in no share: 5-6.", "few states"]
    lost = summary(n_lost=2, remarks=remarks, clustered={"remark": "few states"}, sticking={})
    lost["sticking"] = {"if_lost_low": 0.25, "if_lost_high": 0.42}
    assert course_cautions(Course(lost)) == [
        "2 shots were lost and are in no share: 5-6.",
        "Had none or all of the lost shots bound, 25–42 % of all shots would have.",
    ]
    assert ", 2 lost." in course_sentence(Course(lost))

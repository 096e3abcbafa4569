from __future__ import annotations

import numpy as np
import pytest

from aiida_mlgun.science.outcomes import Entry, time_in, time_line
from aiida_mlgun.science.outcomes.timeline import held_fs

EVENTS = [
    (20.0, "contact"),
    (30.0, "bond made C0-Si12"),
    (30.0, "mode precursor"),
    (90.0, "bond broken C0-Si12"),
    (90.0, "mode intact"),
    (200.0, "bond made C0-Si12"),
    (200.0, "mode precursor"),
    (260.0, "bond made C1-Si14"),
    (260.0, "mode on_top CC"),
    (400.0, "left"),
]


def test_each_row_knows_how_long_it_lasted() -> None:
    rows = time_line(EVENTS, 500.0)
    assert [row.kind for row in rows[:5]] == ["contact", "bond_made", "mode", "bond_broken", "mode"]
    assert np.isnan([rows[0].lasted_fs, rows[3].lasted_fs, rows[-1].lasted_fs]).all()
    lasted = {(row.time_fs, row.what): row.lasted_fs for row in rows if not np.isnan(row.lasted_fs)}
    assert lasted == {
        (30.0, "C0-Si12"): 60.0,
        (30.0, "precursor"): 60.0,
        (90.0, "intact"): 110.0,
        (200.0, "C0-Si12"): 300.0,
        (200.0, "precursor"): 60.0,
        (260.0, "C1-Si14"): 240.0,
        (260.0, "on_top CC"): 240.0,
    }
    assert rows[-1].kind == "left" and rows[-1].what == ""


def test_life_time_of_the_precursor() -> None:
    rows = time_line(EVENTS, 500.0)
    assert time_in(rows, "precursor") == 120.0
    assert time_in(rows, "on_top") == time_in(rows, "on_top CC") == 240.0
    assert time_in(rows, "bridge") == 0.0


def test_nothing_happened() -> None:
    assert time_line([], 10.0) == []
    assert time_line([(5.0, "mode two words")], 10.0) == [Entry(5.0, "mode", "two words", 5.0)]


@pytest.mark.parametrize(
    ("events", "since", "until", "held"),
    [
        ([], 0.0, 100.0, 100.0),  # nothing ever changed
        ([], 150.0, 100.0, 0.0),
        (EVENTS, 0.0, 500.0, 240.0),  # on_top, once
        (EVENTS, 300.0, 500.0, 200.0),
        (EVENTS[:7], 0.0, 250.0, 110.0),  # precursor, twice
        (EVENTS[:7], 50.0, 250.0, 90.0),
        (EVENTS[:5], 0.0, 100.0, 40.0),  # intact: before the first change too
    ],
)
def test_how_long_the_last_mode_was_held(
    events: list[tuple[float, str]], since: float, until: float, held: float
) -> None:
    assert held_fs(events, "intact", since, until) == held

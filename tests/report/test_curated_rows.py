"""Rows of a curation's tables, for the page and the terminal."""

from __future__ import annotations

from dataclasses import replace

from aiida_mlgun.report.curated import Curation, E0s
from aiida_mlgun.report.curated_rows import (
    FILTER_COLUMNS,
    STRATUM_COLUMNS,
    e0_text,
    filter_rows,
    parameters_text,
    step_rows,
    stratum_rows,
)
from aiida_mlgun.report.tables import terminal_table


def test_steps_go_down_to_the_kept(curations: list[Curation]) -> None:
    rows = step_rows(curations[0])
    assert rows[0] == {"step": "raw frames", "dropped": 0, "left": 701, "thinning": False}
    assert [row["left"] for row in rows] == [701, 695, 657, 650, 650]  # no row for thinning that left out nothing
    assert step_rows(curations[1])[-1] == {"step": "thinned", "dropped": 303_657, "left": 22_055, "thinning": True}
    assert len(step_rows(Curation("none", 0, 0))) == 1


def test_filters_say_parameters_and_the_first_dropped(curations: list[Curation]) -> None:
    rows = filter_rows(curations[0])
    assert [row["told"] for row in rows] == [None, "pairs C–H, stretch 1.4, drops rest of run", "ceiling 50 eV/Å", None]
    assert [row["first"] for row in rows] == [
        "1, 7, 8, 9, 10, 11",
        "100, 101, 102, 103, 104, 105, …",
        "12, 15, 40, …",
        None,
    ]
    thinned = filter_rows(curations[1])[-1]
    assert (thinned["told"], thinned["first"]) == ("every 25", None)
    assert (
        parameters_text({"a": None, "b": False, "rest_of_run": True, "distance": 0.5}) == "rest of run, distance 0.5 Å"
    )


def test_strata_and_their_sum(curations: list[Curation]) -> None:
    rows = {row["stratum"]: row for row in stratum_rows(curations[0])}
    assert rows["gun"]["formulas"].replace("\u00a0", " ") == (
        "H₁₀C₂Si₁₆ (300), H₁₂C₂Si₁₆ (200), H₁₀C₄Si₁₆ (20) + 2 more"
    )
    assert rows["slab"]["formulas"] == "H₈Si₁₆"
    assert (rows["gun"]["energy"], rows["gun"]["mean_force"]) == ("−3.400 … −2.000", "2.20")
    assert rows["molecule"]["energy"] is None and rows["molecule"]["residual"] == 0.05
    whole = rows["all"]
    assert [whole[key] for key in ("raw", "kept", "train", "validation", "test")] == [701, 650, 500, 50, 100]
    assert (whole["energy"], whole["force"], whole["residual"]) == ("−3.400 … −2.000", "0.02 … 41.00", 0.12)
    assert whole["formulas"] == "6 in all"
    (only,) = stratum_rows(curations[1])
    assert (only["stratum"], only["energy"], only["residual"]) == ("untagged", None, None)


def test_where_reference_energies_come_from(curations: list[Curation]) -> None:
    one = curations[0]
    assert e0_text(one).endswith("0.12 eV/atom (root mean square), at most 0.4.")
    assert "isolated atoms among the frames" in e0_text(replace(one, e0s=E0s("isolated", {"H": -13.6})))
    assert e0_text(replace(one, e0s=E0s("none"))) == e0_text(replace(one, e0s=None))


def test_terminal_tables(curations: list[Curation]) -> None:
    lines = terminal_table(filter_rows(curations[0]), FILTER_COLUMNS).splitlines()
    assert lines[0].split() == ["filter", "parameters", "dropped", "left", "first", "dropped"]
    assert lines[3].split()[:3] == ["unphysical", "bond", "fission"] and " 38 " in lines[3]
    lines = terminal_table(stratum_rows(curations[0]), STRATUM_COLUMNS).splitlines()
    assert lines[-1].split()[:6] == ["all", "701", "650", "500", "50", "100"]

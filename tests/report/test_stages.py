"""Spells of a shot's time and lives of precursors, from events that are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aiida_mlgun.report.inputs import Ensemble
from aiida_mlgun.report.stages import life_rows, lives, spells

MakeEnsemble = Callable[..., Ensemble]


@pytest.fixture
def shot(make_ensemble: MakeEnsemble) -> Callable[..., Ensemble]:
    """One shot with these events."""

    def make(outcome: str, contact: float, end: float, *modes: tuple[float, str], bond: float = np.nan) -> Ensemble:
        arrays: dict[str, Any] = {name: np.array([x]) for name, x in (("contact_fs", contact), ("end_fs", end))}
        arrays["bond_fs"] = np.array([bond])
        arrays["event_offsets"] = np.array([0, len(modes)])
        arrays["event_time"] = np.array([time for time, _ in modes], dtype=float)
        arrays["event_text"] = np.array([text for _, text in modes], dtype=np.str_)
        return make_ensemble(outcomes=[outcome], arrays=arrays)

    return make


def _told(ensemble: Ensemble) -> list[tuple[str, float, float]]:
    return [(one.kind, one.start, one.stop) for one in spells(ensemble, 0)]


def test_a_whole_shot_without_gaps(shot: Callable[..., Ensemble]) -> None:
    one = shot(
        "on_top CC0",
        50.0,
        200.0,
        (50, "contact"),
        (60, "bond made C0-Si1"),
        (60, "mode precursor"),
        (90, "mode on_top CC0"),
    )
    assert _told(one) == [("flight", 0, 50), ("contact", 50, 60), ("precursor", 60, 90), ("bound", 90, 200)]
    (life,) = lives(one)
    assert (life.start, life.length, life.fate) == (60, 30, "bound")


def test_a_precursor_that_lets_go_and_comes_back(shot: Callable[..., Ensemble]) -> None:
    one = shot("precursor", 5.0, 100.0, (10, "mode precursor"), (30, "mode intact"), (40, "mode precursor"))
    assert [kind for kind, _, _ in _told(one)] == ["flight", "contact", "precursor", "contact", "precursor"]
    assert [(life.length, life.fate) for life in lives(one)] == [(20, "left"), (60, "waiting")]


def test_bound_modes_that_follow_each_other_are_one_spell(shot: Callable[..., Ensemble]) -> None:
    one = shot("double", 5.0, 100.0, (10, "mode on_top CC0"), (30, "mode double"))
    assert _told(one)[-1] == ("bound", 10, 100)


def test_without_modes_the_first_bond_counts(shot: Callable[..., Ensemble]) -> None:
    assert _told(shot("on_top CC0", 5.0, 100.0, bond=20.0))[-2:] == [("contact", 5, 20), ("bound", 20, 100)]


def test_a_flight_that_never_touched(shot: Callable[..., Ensemble]) -> None:
    assert _told(shot("intact", np.nan, 80.0)) == [("flight", 0, 80)]
    assert _told(shot("intact", np.nan, np.nan)) == []


def test_an_explosion_is_not_bound(shot: Callable[..., Ensemble]) -> None:
    assert _told(shot("explosion", 5.0, 30.0, (10, "mode explosion")))[-1] == ("contact", 5, 30)


def test_other_names_of_precursors(make_ensemble: MakeEnsemble) -> None:
    one = make_ensemble(outcomes=["on_top CC0"] * 3, precursors=("bridge",))
    assert list(lives(one)) == []


def test_rows_of_fates(make_ensemble: MakeEnsemble) -> None:
    rows = life_rows(list(lives(make_ensemble(outcomes=["on_top CC0"] * 4 + ["precursor"] * 2 + ["intact"]))))
    assert [row["n"] for row in rows] == [4, 0, 2]
    assert rows[1]["median_fs"] is None and rows[0]["median_fs"] > 0

"""Rows with known shares and intervals; text tables that line up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.report.inputs import Ensemble, Stage
from aiida_mlgun.report.tables import (
    OUTCOME_COLUMNS,
    binding,
    error_rows,
    outcome_rows,
    terminal_table,
    text,
)
from aiida_mlgun.science.statistics import clustered_shares

MakeEnsemble = Callable[..., Ensemble]


def test_outcome_rows_count_and_bound(make_ensemble: MakeEnsemble) -> None:
    ends = ["on_top CC0"] * 6 + ["intact"] * 4
    bond = np.array([100.0, 200.0, 300.0, 400.0, 500.0, np.nan] + [np.nan] * 4)
    rows = {row["outcome"]: row for row in outcome_rows(make_ensemble(outcomes=ends, arrays={"bond_fs": bond}))}
    top, none = rows["on_top CC0"], rows["bridge CC0"]
    assert (top["n"], top["share"], top["binding"], top["label"], top["example"]) == (6, 0.6, "yes", "on-top CC0", 0)
    assert top["bond_fs"] == 300.0
    assert top["low"] < 0.6 < top["high"]
    assert rows["intact"]["binding"] == "no" and rows["intact"]["example"] == 6 and rows["intact"]["bond_fs"] is None
    assert (none["n"], none["low"], none["example"], none["state_low"]) == (0, 0.0, None, None)
    assert 0 < none["high"] < 0.5
    assert sum(row["n"] for row in rows.values()) == 10


def test_binding_is_wilson(make_ensemble: MakeEnsemble) -> None:
    row = binding(make_ensemble(outcomes=["on_top CC0"] * 10, arrays={"slab_state": np.zeros(10, dtype=int)}))
    assert (row["n"], row["n_bound"], row["share"], row["high"], row["n_states"]) == (10, 10, 1.0, 1.0, 1)
    assert row["low"] == pytest.approx(1 / (1 + 1.959964**2 / 10), abs=1e-6)
    assert row["state_low"] is None


def test_start_states_that_agree_make_an_interval_of_independent_shots(make_ensemble: MakeEnsemble) -> None:
    states = np.repeat(np.arange(6), 2)
    one = make_ensemble(outcomes=["on_top CC0", "intact"] * 6, arrays={"slab_state": states, "molecule_state": None})
    row = binding(one)
    found = clustered_shares(["b", "n"] * 6, states, modes=["b", "n"]).shares[0]
    assert found.design_effect == 1.0
    assert (row["share"], row["state_low"], row["state_high"], row["n_states"]) == (0.5, found.low, found.high, 6)


def test_start_states_that_decide_make_wide_intervals(make_ensemble: MakeEnsemble) -> None:
    ends = ["on_top CC0"] * 20 + ["intact"] * 20
    states = {"slab_state": np.repeat(np.arange(8), 5), "molecule_state": np.tile(np.arange(5), 8)}
    row = binding(make_ensemble(outcomes=ends, arrays=states))
    assert row["state_low"] < row["low"] and row["state_high"] > row["high"]


def test_nothing_binds(make_ensemble: MakeEnsemble) -> None:
    row = binding(make_ensemble(outcomes=["intact"] * 5))
    assert row["n_bound"] == 0 and row["low"] == 0.0 and 0.3 < row["high"] < 0.5


def test_without_start_states(make_ensemble: MakeEnsemble) -> None:
    one = make_ensemble(6, arrays={"slab_state": None})
    assert binding(one)["n_states"] is None
    assert all(row["state_low"] is None for row in outcome_rows(one))


def test_error_rows_are_in_milli_units(stages: list[Stage]) -> None:
    rows = error_rows(stages)
    first = rows[0]
    assert (first["stage"], first["set"], first["stratum"], first["n_frames"]) == ("broad", "validation", "all", 152)
    assert first["mae_energy"] == pytest.approx(1.2)
    gun = next(row for row in rows if row["stratum"] == "gun")
    assert gun["mae_energy"] is None and gun["rmse_forces"] is not None
    assert [row["stratum"] for row in rows[1:4]] == ["all", "gun", "slab"]
    assert error_rows([Stage("s", "l", {}, {"test": {"all": {"rmse_energy": float("nan")}}})])[0]["rmse_energy"] is None


def test_terminal_table_lines_up() -> None:
    rows = [{"a": "x", "n": 1}, {"a": "longer", "n": 200}, {"a": None, "n": None}]
    assert terminal_table(rows, {"a": "name", "n": "N"}) == (
        "name      N\n"  # numbers to the right
        "------  ---\n"
        "x         1\n"
        "longer  200\n"
        "-         -"
    )
    assert terminal_table([], ["a"]) == "a\n-"
    with pytest.raises(RefusedError, match="at least one column"):
        terminal_table(rows, [])


def test_terminal_table_of_outcomes(make_ensemble: MakeEnsemble) -> None:
    lines = terminal_table(outcome_rows(make_ensemble(20)), OUTCOME_COLUMNS).splitlines()
    assert lines[0].split()[:4] == ["outcome", "binding", "shots", "share"]
    assert len(lines) == 2 + 11
    assert any(line.startswith("on_top CC0") for line in lines)


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "-"), (float("nan"), "-"), (0.12345, "0.123"), (12345.6, "12346"), (3, "3"), (True, "yes"), ("a", "a")],
)
def test_text(value: Any, words: str) -> None:
    assert text(value) == words


def test_start_states_say_nothing_when_all_shots_agree(make_ensemble: MakeEnsemble) -> None:
    one = make_ensemble(outcomes=["intact"] * 8)
    assert binding(one)["n_states"] > 1 and binding(one)["state_low"] is None
    assert all(row["state_low"] is None for row in outcome_rows(one))

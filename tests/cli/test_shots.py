"""``aiida-mlgun shots query`` and ``trace`` through the command line."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from click.testing import Result

from aiida_mlgun import query_shots
from tests.campaigns import Stored, campaign

Run = Callable[..., Result]
Refusal = Callable[..., str]


@pytest.fixture(scope="module")
def stored(aiida_profile: Any) -> Stored:
    aiida_profile.reset_storage()
    return campaign()


def test_the_table_shows_what_one_looks_for(run: Run, stored: Stored) -> None:
    result = run("shots", "query", "--mode", "on_top", "--model", "fine", "--since", "1d", "--molecule", "C2H2")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].split()[:4] == ["campaign", "batch", "shot", "outcome"]
    assert [line.split()[:3] for line in lines[2:]] == [
        [str(stored.gun.pk), str(stored.batches[i // 3].pk), str(i)] for i in (0, 1, 3, 4)
    ]


def test_csv_and_json_are_the_frame_of_python(run: Run, stored: Stored) -> None:
    frame = query_shots(["drift"], campaign=stored.gun.pk)
    words = ("shots", "query", "--campaign", stored.gun.uuid, "--column", "drift", "--format")
    table = pd.read_csv(io.StringIO(run(*words, "csv").stdout))
    assert table.columns.tolist() == frame.columns.tolist()
    for name in ("shot", "seed", "outcome", "end_fs", "model_hash", "drift", "batch_uuid"):
        assert table[name].tolist() == frame[name].tolist(), name
    rows = json.loads(run(*words, "json").stdout)
    assert [row["seed"] for row in rows] == frame["seed"].tolist()


def test_counts_have_intervals_that_hold_together(run: Run, stored: Stored) -> None:
    result = run("shots", "query", "--count", "--format", "csv")
    table = pd.read_csv(io.StringIO(result.stdout))
    assert table["outcome"].tolist() == ["on_top CC", "intact"] and table["n"].tolist() == [4, 2]
    assert table["share"].tolist() == pytest.approx([4 / 6, 2 / 6])
    assert (table["low"] < table["share"]).all() and (table["share"] < table["high"]).all()


def test_the_terminal_shows_some_and_says_so(run: Run, stored: Stored) -> None:
    result = run("shots", "query", "--limit", "2")
    assert len(result.stdout.splitlines()) == 4
    assert "2 of 6 shots; --limit, or --format csv, shows all." in result.stderr


def test_an_outcome_that_never_was_is_told_from_a_slip_of_the_pen(run: Run, stored: Stored) -> None:
    result = run("shots", "query", "--mode", "ontop", "--format", "csv")
    assert result.exit_code == 0 and len(result.stdout.splitlines()) == 1
    assert result.stderr.strip() == "no shot ended in ontop; outcomes that fit otherwise: intact, on_top CC."


def test_refusals_are_one_sentence(refusal: Refusal, stored: Stored) -> None:
    assert "there is no model 'nobody'" in refusal("shots", "query", "--model", "nobody")
    assert "since: 'soon' is no time" in refusal("shots", "query", "--since", "soon")
    assert "shot 44 is not in this batch" in refusal("shots", "trace", stored.batches[0].pk, "--shot", 44)


def test_the_trace_as_tree_and_as_data(run: Run, stored: Stored) -> None:
    result = run("shots", "trace", stored.batches[0].pk, "--shot", 1)
    assert result.exit_code == 0, result.output
    tree, origins = result.stdout.split("\nOrigins.\n")
    assert "├─ shot 1: on_top CC" in tree and "file fine.extxyz, 5 frames" in tree
    assert [line.split()[0] for line in origins.splitlines()[2:]].count("fine.extxyz") == 1
    assert "not stated" in origins and "CC-BY-4.0" in origins
    data = json.loads(run("shots", "trace", stored.batches[0].uuid, "--format", "json").stdout)
    assert data["tree"]["uuid"] == stored.batches[0].uuid
    assert {row["what"] for row in data["origins"]} == {"fine.extxyz", "parent", "Si(001)", "C2H2"}

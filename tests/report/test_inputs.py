"""What an ensemble says of itself, what it refuses, and joined batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.report.batches import join_batches
from aiida_mlgun.report.inputs import Ensemble
from aiida_mlgun.report.reference import Reference

MakeArrays = Callable[..., dict[str, Any]]
MakeEnsemble = Callable[..., Ensemble]


def _ensemble(outcomes: list[str], productive: dict[str, bool], order: list[str], **kwargs: Any) -> Ensemble:
    return Ensemble("x", {"shot": np.arange(len(outcomes)), "outcome": np.array(outcomes)}, productive, order, **kwargs)


def test_binding_outcomes_come_first_and_undecided_last() -> None:
    one = _ensemble(["b", "undecided", "new"], {"a": True, "b": False, "new": True}, ["b", "undecided", "a"])
    assert one.order == ["a", "new", "b", "undecided"]
    assert one.seen == ["b", "undecided", "new"]
    assert one.bound.tolist() == [False, False, True]


def test_undecided_is_left_out_unless_it_occurs() -> None:
    assert _ensemble(["a"], {"a": True}, ["a", "undecided"]).order == ["a"]


@pytest.mark.parametrize("name", ["on_top CC0", "on_top {group}", "on_top"])
def test_an_outcome_finds_its_mode(name: str) -> None:
    assert _ensemble(["on_top CC0"], {name: True}, []).bound.all()


def test_the_outcome_itself_goes_before_its_mode() -> None:
    assert not _ensemble(["on_top CC0"], {"on_top": True, "on_top CC0": False}, []).bound.any()


@pytest.mark.parametrize(
    ("outcomes", "kwargs", "words"),
    [
        ([], {}, "no shots"),
        (["strange"], {}, "'strange' is in no catalogue"),
        (["a"], {"highlight": "b"}, "'b', is in no catalogue"),
        (["a"], {"reference": Reference("r", {"odd": 1.0})}, "'odd' is in no catalogue"),
    ],
)
def test_refused(outcomes: list[str], kwargs: dict[str, Any], words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        _ensemble(outcomes, {"a": True}, ["a"], **kwargs)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(RefusedError, match="'outcome'"):
        Ensemble("x", {"shot": np.arange(2)}, {}, [])


def test_a_column_that_is_not_there_is_nan() -> None:
    assert np.isnan(_ensemble(["a", "a"], {"a": True}, ["a"]).column("drift")).all()


def test_a_group_is_named_by_the_list_or_by_the_only_one_that_bound(make_ensemble: MakeEnsemble) -> None:
    bound = {"group": np.array(["", "CC", "CC"])}
    assert make_ensemble(3, arrays=bound, groups=("a", "b")).group_name(1) == "b"
    assert make_ensemble(3, arrays=bound, groups=()).group_name(0) == "CC"
    assert make_ensemble(3, arrays=bound, groups=()).group_name(1) == "group 1"
    assert make_ensemble(3, groups=()).group_name(0) == "group 0"


def test_joined_batches_are_the_shots_one_after_the_other(make_arrays: MakeArrays) -> None:
    parts = [make_arrays(3, seed=1), make_arrays(2, seed=2)]
    whole = join_batches(parts)
    assert whole["outcome"].tolist() == parts[0]["outcome"].tolist() + parts[1]["outcome"].tolist()
    assert whole["positions"].shape[0] == 5
    assert whole["cell"].shape == (3, 3) and whole["n_slab"].ndim == 0
    for i in range(2):
        first, stop = whole["path_offsets"][3 + i : 5 + i]
        a, b = parts[1]["path_offsets"][i : i + 2]
        np.testing.assert_array_equal(whole["path"][first:stop], parts[1]["path"][a:b])
    events = [np.diff(part["event_offsets"]).tolist() for part in parts]
    assert np.diff(whole["event_offsets"]).tolist() == events[0] + events[1]
    last = whole["event_text"][whole["event_offsets"][4] :].tolist()
    assert last == parts[1]["event_text"][parts[1]["event_offsets"][1] :].tolist()


def test_one_batch_stays_as_it_is(make_arrays: MakeArrays) -> None:
    alone = make_arrays(4)
    for name, array in join_batches([alone]).items():
        np.testing.assert_array_equal(array, alone[name])


def test_batches_of_other_atoms_are_refused(make_arrays: MakeArrays) -> None:
    one, other = make_arrays(2), make_arrays(2)
    other["numbers"] = other["numbers"] + 1
    with pytest.raises(RefusedError, match="not of the same slab"):
        join_batches([one, other])
    with pytest.raises(RefusedError, match="'path'"):
        join_batches([one, {name: array for name, array in one.items() if name != "path"}])
    with pytest.raises(RefusedError, match="no shots"):
        join_batches([])

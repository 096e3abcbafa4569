"""The sentence at the top, against cases whose numbers are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from aiida_mlgun.report.answer import answer, cautions, ensemble_answer, facts
from aiida_mlgun.report.curated import Curation
from aiida_mlgun.report.inputs import Ensemble, Report, Stage
from aiida_mlgun.report.words import (
    big,
    count,
    filter_label,
    interval,
    label,
    listed,
    percent,
    stratum_label,
    subscripted,
    time_text,
    verb,
)

MakeEnsemble = Callable[..., Ensemble]


def test_the_answer_says_share_interval_and_number(make_ensemble: MakeEnsemble) -> None:
    sentence = ensemble_answer(make_ensemble(outcomes=["on_top CC0"] * 12 + ["intact"] * 5))
    assert sentence.startswith(
        "C₂H₂ binds in 71 % (95 % confidence interval 47–87 %) of 17 shots, most often on-top CC0:"
    )


def test_when_nothing_binds_the_answer_says_how_it_ends(make_ensemble: MakeEnsemble) -> None:
    sentence = ensemble_answer(make_ensemble(outcomes=["intact"]))
    assert sentence.startswith(
        "C₂H₂ binds in 0 % (95 % confidence interval 0–79 %) of 1 shot, which most often end intact"
    )


def test_without_atoms_there_is_no_formula() -> None:
    one = Ensemble("x", {"shot": np.arange(1), "outcome": np.array(["a"])}, {"a": True}, ["a"])
    assert ensemble_answer(one).startswith("The molecule binds in 100 %")
    assert facts(one) == [("1", "shots"), ("100 %", "bind (1 of 1)"), ("1", "different outcomes")]


def test_without_shots_the_answer_is_about_the_model_or_the_data(
    stages: list[Stage], curations: list[Curation]
) -> None:
    assert answer(Report("t", "", stages=stages)).startswith(
        "The model of stage target reproduces forces of the test set"
    )
    assert answer(Report("t", "", curations=curations[:1])).startswith(
        "704 raw frames (3 of them isolated atoms) → 500"
    )
    assert answer(Report("t", "")) == "There is nothing to report yet."
    bare = replace(stages[0], errors={})
    assert answer(Report("t", "", stages=[bare])) == "There is nothing to report yet."


def test_cautions_name_states_undecided_drift_and_breakage(make_ensemble: MakeEnsemble) -> None:
    ends = ["on_top CC0"] * 4 + ["undecided", "explosion", "explosion"]
    words = " ".join(cautions(make_ensemble(outcomes=ends, arrays={"drift": np.full(7, 3.0)})))
    assert "start states of the slab" in words
    assert "1 shot was undecided" in words
    assert "exceeds the limit of 0.5" in words
    assert "2 shots ended as explosion" in words
    assert "only roughly" in words


def test_one_start_state_is_said(make_ensemble: MakeEnsemble) -> None:
    words = cautions(make_ensemble(5, arrays={"slab_state": np.zeros(5, dtype=int)}))
    assert any("one start state" in sentence for sentence in words)


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "0 %"),
        (0.0002, "< 0.1 %"),
        (0.004, "0.4 %"),
        (0.5, "50 %"),
        (0.996, "99.6 %"),
        (0.99999, "> 99.9 %"),
        (1, "100 %"),
    ],
)
def test_percent(share: float, words: str) -> None:
    assert percent(share) == words


def test_small_words() -> None:
    assert interval(0.48, 0.87) == "48–87 %"
    assert (count(1, "shot"), count(0, "shot")) == ("1 shot", "0 shots")
    assert (time_text(12.3), time_text(2741)) == ("12 fs", "2.74 ps")
    assert [label(name) for name in ("on_top CC0", "h_abstraction", "sublayer_double")] == [
        "on-top CC0",
        "H abstraction",
        "sublayer double",
    ]
    assert (big(999), big(327_000), count(13_000, "frame")) == ("999", "327\u202f000", "13\u202f000 frames")
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert (stratum_label("bulk_defects"), stratum_label("")) == ("bulk defects", "untagged")
    assert (subscripted("H12C8"), verb(1, "is", "are"), verb(0, "is", "are")) == ("H₁₂C₈", "is", "are")
    assert (filter_label("above_force"), filter_label("my_filter")) == ("force too large", "my filter")

"""Distributions from elsewhere: read, refused, compared."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.report.against import against, against_rows, against_sentence
from aiida_mlgun.report.inputs import Ensemble
from aiida_mlgun.report.reference import Reference
from aiida_mlgun.science.statistics import outcome_table

MakeEnsemble = Callable[..., Ensemble]
HEAD = "name: AIMD\nsource: a paper\n"


def test_counts_become_shares_with_intervals() -> None:
    found = Reference.of_yaml(HEAD + "counts: {on_top CC0: 1, double: 6, intact: 3}\n", "ref.yaml")
    assert (found.name, found.source, found.n) == ("AIMD", "a paper", 10)
    assert found.shares == {"on_top CC0": 0.1, "double": 0.6, "intact": 0.3}
    intervals = found.intervals(["double", "on_top CC0", "intact", "other"])
    assert intervals is not None
    same = outcome_table(["double"] * 6 + ["on_top CC0"] + ["intact"] * 3, ["double", "on_top CC0", "intact", "other"])
    assert list(intervals.values()) == same


def test_shares_without_a_number_have_no_intervals() -> None:
    found = Reference.of_yaml(HEAD + "shares: {a: 0.25, b: 0.75}\n", "ref.yaml")
    assert found.n is None and found.intervals(["a", "b"]) is None
    known = Reference.of_yaml(HEAD + "shares: {a: 0.25, b: 0.75}\nn: 8\n", "ref.yaml").intervals(["a", "b"])
    assert known is not None and known["a"].n == 2


def test_shots_elsewhere_are_a_reference() -> None:
    found = Reference.of_outcomes("other", ["b", "a", "b", "b"])
    assert found.shares == {"a": 0.25, "b": 0.75} and found.n == 4
    with pytest.raises(RefusedError, match="other has no shots"):
        Reference.of_outcomes("other", [])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[", "ref.yaml is not YAML"),
        ("- a", "ref.yaml: a mapping is needed"),
        ("name: x\n", "the key 'source' is missing"),
        (HEAD, "give counts or shares"),
        (HEAD + "counts: {a: 1}\nshares: {a: 1.0}\n", "give counts or shares"),
        (HEAD + "odd: 1\n", "unknown key 'odd'"),
        (HEAD + "counts: {a: -1, b: 3}\n", "must not be negative"),
        (HEAD + "counts: {a: 1}\nn: 5\n", "sum up to n, not to 1"),
        (HEAD + "counts: {a: 0}\n", "not to 0"),
        (HEAD + "shares: {a: 54, b: 46}\n", "share of 'a' in AIMD is 54"),
        (HEAD + "shares: {a: 0.7, b: 0.7}\n", "sum up to 1.4"),
        (HEAD + "shares: {a: .nan}\n", "ref.yaml.shares"),
        (HEAD + "shares: {a: 1.0}\nn: 0\n", "has 0 shots"),
    ],
)
def test_refused(text: str, words: str) -> None:
    with pytest.raises(RefusedError) as caught:
        Reference.of_yaml(text, "ref.yaml")
    assert words in str(caught.value)


def test_printed_shares_may_be_rounded() -> None:
    assert Reference("x", {"a": 0.34, "b": 0.34, "c": 0.33}).n is None


def test_a_large_difference_is_told(make_ensemble: MakeEnsemble) -> None:
    one = make_ensemble(
        outcomes=["on_top CC0"] * 45 + ["intact"] * 5,
        reference=Reference("ten", {"double": 0.9, "on_top CC0": 0.1}, 10),
    )
    rows = {row["label"]: row for row in against_rows(one)}
    assert set(rows) == {"double", "on-top CC0", "intact"}
    assert rows["double"]["differs"] and rows["double"]["p"] == "< 0.001" and not rows["intact"]["differs"]
    assert rows["on-top CC0"]["difference"].startswith("+80 (+")
    assert "differ in double and on-top CC0" in against_sentence(one)


def test_equal_shares_do_not_differ(make_ensemble: MakeEnsemble) -> None:
    one = make_ensemble(outcomes=["intact", "double"] * 5, reference=Reference("x", {"intact": 0.5, "double": 0.5}, 10))
    assert "No single share differs" in against_sentence(one)


def test_without_a_number_of_shots_nothing_is_compared(make_ensemble: MakeEnsemble) -> None:
    for reference in (None, Reference("x", {"intact": 1.0})):
        one = make_ensemble(4, reference=reference)
        assert against(one) is None and against_rows(one) == [] and against_sentence(one) == ""

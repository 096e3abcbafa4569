"""Sentences about curations whose numbers are known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aiida_mlgun.report.curated import Curation, Leaks, Selection, Step
from aiida_mlgun.report.curated_answer import (
    curation_answer,
    curation_cautions,
    curation_facts,
    curation_sentence,
    leak_clause,
)


def test_the_sentence_says_where_the_frames_went(curations: list[Curation]) -> None:
    assert curation_sentence(curations[1]).replace("\u202f", " ") == (
        "327 000 raw frames → 11 452 train / 603 validation / 10 000 test; 1 288 dropped by 1 filter; 303 657 left out"
        " by thinning; no frame stands on two sides, 10 runs do."
    )
    assert curation_answer(curations).startswith("Si(001) + C2Hx, GFN1-xTB: 704 raw frames")
    calm = Curation("x", 1, 1, steps=(Step("duplicates"), Step("strays")))
    assert curation_sentence(calm) == (
        "1 raw frame (1 of them an isolated atom) → 0 train / 0 validation / 0 test; none dropped by 2 filters."
    )
    assert "no filter was run" in curation_sentence(Curation("x", 1, 0))


@pytest.mark.parametrize(
    ("leaks", "words"),
    [
        (None, ""),
        (Leaks(0), "no frame stands on two sides"),
        (Leaks(0, 0), "no frame and no run stands on two sides"),
        (Leaks(1, 0), "1 frame stands on two sides, no run does"),
        (Leaks(0, 1), "no frame stands on two sides, 1 run does"),
        (Leaks(3, 2), "3 frames stand on two sides, 2 runs do"),
    ],
)
def test_leaks(leaks: Leaks | None, words: str) -> None:
    assert leak_clause(Curation("x", 1, 0, leaks=leaks)) == words


def test_cautions(curations: list[Curation]) -> None:
    first, second = curations
    assert curation_cautions([first]) == ["There are no test frames of molecule: their errors stay unknown."]
    assert curation_cautions([second])[0].startswith("Frames of 10 runs stand on more than one side")
    assert curation_cautions(curations)[1].startswith("broad: ")
    leaking = replace(second, leaks=Leaks(1, 0), counts={"train": 22_055}, steps=(Step("strays", {}, 100_000),))
    words = curation_cautions([leaking])
    assert words[0].startswith("1 frame stands on more than one side")
    assert words[1] == "There are no validation and test frames."
    assert words[2] == "One filter (atom far outside the cell) dropped 31 % of the frames that it saw."


def test_a_subset_worse_than_chance_is_called_out_but_farthest_points_are_not(curations: list[Curation]) -> None:
    coverage = curations[0].coverage
    assert coverage is not None
    poor = replace(coverage, coverage=replace(coverage.coverage, fraction=0.8))
    assert not [w for w in curation_cautions([replace(curations[0], coverage=poor)]) if "covers" in w]
    drawn = replace(poor, selection=Selection("stratified", 20))
    said = curation_cautions([replace(curations[0], coverage=drawn)])[-1]
    assert said == "The subset covers 80 % of the full set; a random one of its size covers 93 %."


def test_facts(curations: list[Curation]) -> None:
    assert curation_facts(curations[:1]) == [
        ("704", "raw frames"),
        ("650", "in the sets"),
        ("51", "dropped by filters"),
        ("3", "strata"),
        ("41 eV/Å", "largest force kept"),
        ("97 %", "of the full set covered"),
    ]

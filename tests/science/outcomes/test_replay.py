"""Time lines read again: the tracker's own verdicts come back, and other catalogues are told from bonds alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aiida_mlgun.contract.shooting import Chemistry, Decision, ReactiveGroup
from aiida_mlgun.science.outcomes import ShotTracker, load_catalogue, parse_catalogue
from aiida_mlgun.science.outcomes.reactants import Reactants
from aiida_mlgun.science.outcomes.replay import places_of, replay

from .flights import astride, upright
from .real_shots import REAL, tracked

DECISION = Decision(settle_fs=100.0)
STAGES = parse_catalogue("""
- {name: two, productive: true, description: two bonds, when: {surface_bonds: {min: 2}}}
- {name: one, productive: true, description: one bond, when: {bound: true}}
- {name: none, productive: false, description: no bond}
""")


def again(tracker: ShotTracker, end_fs: float, chemistry: Chemistry | None = None, **row: str) -> Any:
    one = tracker.reactants
    if chemistry is not None:
        positions = np.zeros((len(one.numbers), 3))
        positions[one.n_slab :] = [[-0.6, 0, 0], [0.6, 0, 0], [-1.67, 0, 0], [1.67, 0, 0]]
        pbc = np.array([True, True, False])
        cell = np.diag([7.68, 7.68, 40.0])
        one = Reactants.of(one.slab, one.numbers, one.n_slab, cell, pbc, chemistry, positions)
    said = tracker.final(end_fs)
    told = {"ended": "max_steps", "outcome": said.mode, "reason": said.reason} | row
    return replay(one, DECISION, tracker.events, end_fs, **told)


def test_the_trackers_verdict_and_time_line_come_back(flight: Any, si001: Any, chemistry: Chemistry) -> None:
    both = astride(si001)
    tracker, show = flight()
    show(0, 10.0)
    for t in range(20, 400, 20):
        show(t, 1.9, 0.0, upright(0.8))
    for end, height, shape in ((390, 1.9, upright(0.8)), (500, 1.75, both), (520, 4.5, both), (700, 1.75, both)):
        show(end, height, 0.0, shape)
        found = again(tracker, end)
        assert found is not None
        verdict, events = found
        said = tracker.final(end)
        assert (verdict.mode, verdict.group, verdict.site) == (said.mode, said.group, said.site)
        assert events == tracker.events
    assert sum(text.startswith("mode ") for _, text in tracker.events) == 4


def test_other_stages_are_told_from_the_same_bonds(flight: Any, si001: Any, chemistry: Chemistry) -> None:
    tracker, show = flight()
    show(0, 10.0)
    for t in range(20, 400, 20):
        show(t, 1.9, 0.0, upright(0.8))
    show(400, 1.75, 0.0, astride(si001))
    found = again(tracker, 460, replace(chemistry, catalogue=STAGES))
    assert found is not None
    verdict, events = found
    assert (verdict.mode, verdict.productive) == ("two", True)
    assert [event for event in events if event[1].startswith("mode ")] == [(20.0, "mode one"), (400.0, "mode two")]
    assert [event for event in events if not event[1].startswith("mode ")] == [
        event for event in tracker.events if not event[1].startswith("mode ")
    ]
    early = again(tracker, 440, replace(chemistry, catalogue=STAGES), outcome="on_top CC")
    assert early is not None and early[0].mode == "undecided" and "two for 40 of the last 100 fs" in early[0].reason


def test_what_was_undecided_exploded_or_in_doubt_stays_so(flight: Any, chemistry: Chemistry) -> None:
    tracker, show = flight()
    show(0, 10.0)
    show(20, 1.9, 0.0, upright(0.8))
    kept = again(tracker, 300, outcome="undecided", reason="has not reached the slab; no bond to the slab")
    assert kept is not None and kept[0].mode == "undecided" and not kept[0].productive
    torn = again(tracker, 300, ended="exploded", reason="internal temperature of 90000 K")
    assert torn is not None and torn[0].mode == "explosion" and torn[0].reason == "internal temperature of 90000 K"
    assert torn[1][-1] == (300, "mode explosion")
    doubted = "ambiguous: C0-Si12 may or may not be bonded: precursor or intact; bonds C0-Si12"
    hung = again(tracker, 300, outcome="other", reason=doubted)
    assert hung is not None and hung[0].mode == "other" and "C0-Si12 may or may not be bonded" in hung[0].reason
    coarse = replace(chemistry, catalogue=STAGES[-1:])  # to which that bond makes no difference
    settled = again(tracker, 300, coarse, outcome="other", reason=doubted)
    assert settled is not None and settled[0].mode == "none"


def test_a_name_that_slab_and_molecule_share_tells_nothing(flight: Any) -> None:
    tracker, _ = flight()
    numbers = tracker.reactants.numbers.copy()
    numbers[:2] = 6  # two carbons of the slab: C0-C1 is of the molecule or of both
    shared = replace(tracker.reactants, numbers=numbers)
    assert places_of(shared, "C0-C1") == ([(0, 1)], [(0, 25), (1, 24)])
    assert replay(shared, DECISION, [(5.0, "bond broken C0-C1")], 300, "max_steps", "intact", "") is None
    assert places_of(shared, "C0-Xx") is None and places_of(shared, "C9-Si12") is None


@pytest.mark.parametrize("name", REAL)
def test_real_shots_come_back_from_their_time_lines(trajectory: Callable[[str], Any], name: str) -> None:
    run = trajectory(name)
    decision = Decision(early=False, settle_fs=20.0)
    tracker, _, _ = tracked(run, decision)
    end = float(run["time_fs"][-1])
    said = tracker.final(end)
    found = replay(tracker.reactants, decision, tracker.events, end, "max_steps", said.mode, said.reason)
    assert found == (said, tracker.events)


def test_hydrogens_that_a_group_names_are_other_bonds() -> None:
    """A named hydrogen's bonds always count, which the time line of another chemistry does not hold."""
    from aiida_mlgun.science.outcomes.judging import _same_bonds  # the rule by itself

    class One:
        chemistry = Chemistry((ReactiveGroup("CC", (0, 1)),), load_catalogue())
        parent = np.array([-1, -1, 0, 1])
        counted = np.array([True, True, False, False])

    assert _same_bonds(One.chemistry, One)  # type: ignore[arg-type]
    assert _same_bonds(replace(One.chemistry, groups=(ReactiveGroup("C", (0,)),)), One)  # type: ignore[arg-type]
    assert not _same_bonds(replace(One.chemistry, groups=(ReactiveGroup("CH", (0, 2)),)), One)  # type: ignore[arg-type]

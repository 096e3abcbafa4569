from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.shooting import BondRule, Decision, PairLimits, ReactiveGroup
from aiida_mlgun.science.outcomes import (
    System,
    parse_catalogue,
    reclassify,
    retrack,
)

from .postures import CHEMISTRY, POSTURES, Case, case, stretched
from .real_shots import REAL, tracked

STAYED = parse_catalogue("""
- {name: stuck, productive: true, description: any bond, when: {bound: true}}
- {name: gone, productive: false, description: none}
""")


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    return {name: case(name) for name in POSTURES}


def frames(cases: dict[str, Case]) -> tuple[Any, Any]:
    positions = np.array([one.positions for one in cases.values()])
    return positions, np.zeros_like(positions)


def test_all_shots_at_once_and_by_another_catalogue(cases: dict[str, Case]) -> None:
    system = next(iter(cases.values())).system()
    ended = ["max_steps"] * len(cases)
    verdicts = reclassify(system, CHEMISTRY, Decision(), *frames(cases), ended)
    assert [v.mode for v in verdicts] == list(POSTURES)
    other = replace(CHEMISTRY, catalogue=STAYED)
    called = [v.mode for v in reclassify(system, other, Decision(), *frames(cases), ended)]
    free = {"intact", "h_abstraction", "backbone_broken", "explosion"}
    assert called == ["gone" if name in free else "stuck" for name in POSTURES]


def test_a_longer_bond_rule_finds_more_bonds() -> None:
    one = case(stretched("on_top CY", (1, "a2"), 2.4))
    assert one.verdict().mode == "other"
    longer = replace(CHEMISTRY, bonds=BondRule(pairs={"C-Si": PairLimits(2.45, 2.6)}))
    assert replace(one, chemistry=longer).verdict().mode == "on_top CY"


def judged(one: Case, **told: Any) -> Any:
    still = np.zeros((1, *one.positions.shape))
    return reclassify(one.system(), one.chemistry, Decision(), one.positions[None], still, ["max_steps"], **told)[0]


def test_the_time_line_is_a_memory() -> None:
    one = case(stretched("on_top CY", (1, "a2"), 2.4))
    slab_atom = one.verdict().reason.split("C1-Si")[1].split()[0]
    bond = f"C1-Si{slab_atom}"
    made, broken = (30.0, f"bond made {bond}"), (60.0, f"bond broken {bond}")
    assert judged(one, events=[[]]).mode == "other"
    assert judged(one, events=[[made]]).mode == "on_top CY"
    assert judged(one, events=[[made, broken]]).mode == "precursor"
    assert judged(one, events=[[(10.0, "contact")]], told_by=BondRule()).mode == "precursor"  # it was never made
    assert judged(one, events=[[]], told_by=BondRule(make=1.2)).mode == "other"  # by another rule


def test_a_name_that_slab_and_molecule_share_is_no_memory(cases: dict[str, Case]) -> None:
    one = cases["intact"]
    swapped = replace(one, numbers=np.where(np.arange(len(one.numbers)) == 2, 6, one.numbers))
    assert judged(swapped, events=[[(5.0, "bond broken C1-C2")]], told_by=BondRule()).mode == "intact"
    assert judged(one, events=[[(5.0, "bond broken C1-C9"), (6.0, "mode x")]]).mode == "intact"


def test_what_ended_and_what_was_undecided_is_kept(cases: dict[str, Case]) -> None:
    one = cases["on_top CY"]
    still = np.zeros((1, *one.positions.shape))
    where = (one.system(), CHEMISTRY, Decision(), one.positions[None], still)
    assert reclassify(*where, ["exploded"])[0].mode == "explosion"
    assert reclassify(*where, ["exploded"])[0].reason == "told to have exploded"
    kept = reclassify(*where, ["max_steps"], outcomes=["undecided"])[0]
    assert kept.mode == "undecided" and "no path" in kept.reason and not kept.productive
    hot = np.full((1, *one.positions.shape), 0.0)
    hot[0, -1, 0] = 50.0
    assert "internal temperature" in reclassify(*where[:4], hot, ["max_steps"])[0].reason
    lost = one.positions[None].copy()
    lost[0, -1] = np.nan
    assert reclassify(*where[:3], lost, still, ["max_steps"])[0].mode == "explosion"


def test_a_chemistry_that_does_not_fit_is_refused(cases: dict[str, Case]) -> None:
    system = cases["intact"].system()
    far = replace(CHEMISTRY, groups=(ReactiveGroup("X", (9,)),))
    with pytest.raises(RefusedError, match="names atom 9"):
        reclassify(system, far, Decision(), *frames(cases), ["left"] * len(cases))


@pytest.mark.parametrize("name", REAL)
def test_real_shots_are_called_as_they_were(trajectory: Callable[[str], Any], name: str) -> None:
    """From the last frame with the time line, and from the path: both as the tracker of the shot said."""
    run = trajectory(name)
    n, numbers, positions = run["n_slab"], run["numbers"], run["positions"]
    decision = Decision(early=False, settle_fs=20.0)
    tracker, slab, chemistry = tracked(run, decision)
    said = tracker.final(float(run["time_fs"][-1]))
    system = System(slab, numbers, run["cell"], run["pbc"], positions[0][n:])
    last = (system, chemistry, decision, positions[-1:], run["velocities"][-1:], ["max_steps"])
    again = reclassify(*last, outcomes=[said.mode], events=[tracker.events], told_by=chemistry.bonds)[0]
    assert (again.mode, again.group, again.site) == (said.mode, said.group, said.site)
    seen = retrack(system, chemistry, decision, run["time_fs"], positions, run["velocities"][-1])
    assert seen.final(float(run["time_fs"][-1])) == said and seen.events == tracker.events

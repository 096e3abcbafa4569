from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.build import molecule

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.jobs import ShootJob, from_json, to_json
from aiida_mlgun.contract.shooting import Chemistry, Mode, PairLimits, ReactiveGroup
from aiida_mlgun.contract.strict import dump, load
from aiida_mlgun.science.outcomes import (
    Features,
    classify,
    complete_chemistry,
    load_catalogue,
    load_chemistry,
    outcome_names,
    parse_chemistry,
)
from aiida_mlgun.science.outcomes.chemistry import SHIPPED

AMINE = """
source: my notebook, page 7
groups:
  - {name: amine, pattern: "[NX3;H2]"}
bonds:
  hold_fs: 30
  pairs: {N-Cu: {below: 2.4, above: 2.9}}
catalogue:
  - {name: on top, productive: true, description: x, when: {sites: [top], bonds: {N-Cu: 1}}, rank: 1}
  - {name: hollow, productive: true, description: x, when: {sites: [hollow]}, rank: 1}
  - {name: rest, productive: false, description: x}
"""
METHYLAMINE = molecule("H3CNH2")


def of(given: object) -> Chemistry:
    return complete_chemistry(given, METHYLAMINE.numbers.astype(np.int64), METHYLAMINE.positions)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_files_are_read_and_have_a_source(name: str) -> None:
    whole = load_chemistry(name)
    assert whole.source and whole.catalogue == load_catalogue(name)
    assert all(mode.description for mode in whole.catalogue)


def test_the_default_is_the_papers_catalogue() -> None:
    assert load_catalogue() == load_catalogue("si001_alkyne") and len(load_catalogue()) == 11
    assert "10" not in load_chemistry().source and "Weiske" in load_chemistry().source


def test_a_users_file_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "amine.yaml"
    path.write_text(AMINE, encoding="utf-8")
    chemistry = of(path)
    assert chemistry == of(str(path)) == of({"file": str(path)})
    assert chemistry.groups == (ReactiveGroup("amine", (1,), "[NX3;H2]"),)
    assert chemistry.bonds.pairs == {"N-Cu": PairLimits(2.4, 2.9)} and chemistry.bonds.hold_fs == 30.0
    assert chemistry.source == "my notebook, page 7" and outcome_names(chemistry) == ("on top", "hollow", "rest")
    job = ShootJob(n_shots=1, chemistry=chemistry)
    assert from_json("shoot", to_json(job)) == job


def test_fields_take_the_place_of_the_files() -> None:
    named = of({"groups": [{"name": "N", "atoms": [1]}]})
    assert named.groups == (ReactiveGroup("N", (1,)),) and named.catalogue == load_catalogue()
    again = of(dump(named))
    assert again == named  # what is written out in full stays as it is
    mixed = of({"file": "perovskite", "bonds": {"make": 1.3}})
    assert mixed.bonds.make == 1.3 and not mixed.bonds.pairs and mixed.catalogue == load_catalogue("perovskite")


def test_without_groups_the_double_bonds_are_taken() -> None:
    ethene = molecule("C2H4")
    chemistry = complete_chemistry("si001_alkyne", ethene.numbers.astype(np.int64), ethene.positions)
    assert chemistry.groups == (ReactiveGroup("C0C1", (0, 1)),)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nowhere.yaml", "no chemistry file 'nowhere.yaml'. Shipped are si001_alkyne, perovskite"),
        ({"group": []}, "unknown key 'group'"),
        ({"groups": [{"name": "x"}]}, "'x' needs atoms or a pattern"),
        ({"bonds": {"pairs": {"N-Qq": {"below": 1, "above": 2}}}}, "unknown is Qq"),
        ({"catalogue": []}, "the last mode"),
        ({}, "no double or triple bond"),
    ],
)
def test_what_does_not_fit_is_refused(given: object, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        of(given)


def test_a_file_that_is_no_yaml_is_refused() -> None:
    with pytest.raises(RefusedError, match="the chemistry file is not YAML"):
        parse_chemistry("catalogue: [")


ON_TOP = Features(
    False, 0, 0, 0, 1, ("amine",), ("single",), False, 0, 1, ("N1-Cu3",), places=(("top",),), pairs=("N-Cu",)
)


def test_conditions_on_places_and_pairs() -> None:
    chemistry = load(Chemistry, {"groups": [{"name": "amine", "atoms": [1]}], **_catalogue(AMINE)}, "chemistry")
    assert classify(ON_TOP, chemistry).mode == "on top"
    for place in ("fcc", "hcp", "fourfold", "hollow"):
        assert classify(replace(ON_TOP, places=((place,),)), chemistry).mode == "hollow"
    assert classify(replace(ON_TOP, places=(("bridge_site",),)), chemistry).mode == "rest"
    assert classify(replace(ON_TOP, pairs=("N-Cu", "N-Cu")), chemistry).mode == "rest"
    assert classify(replace(ON_TOP, places=(("fcc",),)), chemistry).reason == "bonds N1-Cu3; amine single (fcc)"


def _catalogue(text: str) -> dict[str, object]:
    return {"catalogue": dump(parse_chemistry(text).catalogue)}


def test_two_modes_of_one_rank_that_both_fit_are_ambiguous() -> None:
    catalogue = (
        Mode("a", True, "x", {"bound": True}, rank=1),
        Mode("first", True, "x", {"surface_bonds": 9}),
        Mode("b", True, "x", {"surface_bonds": 1}, rank=1),
        Mode("c", True, "x", {"surface_bonds": 2}, rank=1),
        Mode("none of them", True, "x"),
    )
    chemistry = Chemistry((ReactiveGroup("amine", (1,)),), catalogue)
    verdict = classify(ON_TOP, chemistry)
    assert (verdict.mode, verdict.final, verdict.productive) == ("none of them", False, True)
    assert verdict.reason == "ambiguous: a and b fit alike; bonds N1-Cu3; amine single"
    assert classify(replace(ON_TOP, surface_bonds=3), chemistry).mode == "a"
    unranked = replace(chemistry, catalogue=tuple(replace(mode, rank=None) for mode in catalogue))
    assert classify(ON_TOP, unranked).mode == "a"

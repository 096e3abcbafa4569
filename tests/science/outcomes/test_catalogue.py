from __future__ import annotations

from dataclasses import replace

import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.jobs import ShootJob, from_json, to_json
from aiida_mlgun.contract.shooting import Chemistry, Mode, ReactiveGroup
from aiida_mlgun.science.outcomes import (
    Features,
    classify,
    load_catalogue,
    outcome_names,
    parse_catalogue,
    productive_names,
)

TWO = Chemistry((ReactiveGroup("CY", (0, 1)), ReactiveGroup("ET", (4, 5))), load_catalogue())
FREE = Features(False, 0, 0, 0, 0, (), (), False, 0, 1, ())
ON_TOP = replace(FREE, surface_bonds=2, groups=("CY",), sites=("on_top",), bonds=("C0-Si1", "C1-Si2"))
BOTH = replace(ON_TOP, groups=("CY", "ET"), sites=("on_top", "bridge"), surface_bonds=4)


@pytest.mark.parametrize(
    ("features", "mode"),
    [
        (FREE, "intact"),
        (ON_TOP, "on_top CY"),
        (replace(ON_TOP, groups=("ET",)), "on_top ET"),
        (replace(ON_TOP, sites=("bridge",)), "bridge CY"),
        (replace(ON_TOP, sites=("bridge",), groups=("ET",)), "bridge ET"),
        (BOTH, "double"),
        (replace(ON_TOP, sites=("single",), surface_bonds=1), "precursor"),
        (replace(ON_TOP, sublayer=True, sites=("other",)), "sublayer"),
        (replace(BOTH, sublayer=True), "sublayer_double"),
        (replace(BOTH, sites=("single", "single"), surface_bonds=2), "other"),
        (replace(BOTH, sites=("on_top", "single"), surface_bonds=3), "other"),
        (replace(ON_TOP, sites=("other",), surface_bonds=3), "other"),
        (replace(ON_TOP, other_bonds=1), "other"),
        (replace(FREE, surface_bonds=1, other_bonds=1), "other"),
        (replace(ON_TOP, h_lost=1, h_on_slab=1), "h_abstraction"),
        (replace(FREE, h_lost=1), "h_abstraction"),
        (replace(ON_TOP, broken_bonds=1), "backbone_broken"),
        (replace(ON_TOP, broken_bonds=1, h_lost=1, exploded=True, cause="hot"), "explosion"),
    ],
)
def test_the_papers_outcomes(features: Features, mode: str) -> None:
    verdict = classify(features, TWO)
    assert verdict.mode == mode and verdict.mode in outcome_names(TWO)
    assert verdict.productive == (mode in productive_names(TWO))
    assert verdict.group == "+".join(features.groups) and verdict.site == "+".join(features.sites)


def test_names_in_order() -> None:
    names = outcome_names(TWO)
    ends = ("explosion", "backbone_broken", "h_abstraction", "intact")
    deep, plain = ("sublayer_double", "sublayer", "double"), ("on_top CY", "on_top ET", "bridge CY", "bridge ET")
    assert names == (*ends, *deep, *plain, "precursor", "other")
    assert productive_names(TWO) == names[4:]


def test_stages_on_the_way_do_not_end_a_shot() -> None:
    assert [mode.name for mode in load_catalogue() if not mode.final] == ["precursor", "other"]


def test_the_reason_tells_the_facts() -> None:
    assert classify(ON_TOP, TWO).reason == "bonds C0-Si1 C1-Si2; CY on_top"
    assert classify(FREE, TWO).reason == "no bond to the slab"
    assert "1 hydrogens lost, 1 of them to the slab" in classify(replace(FREE, h_lost=1, h_on_slab=1), TWO).reason
    assert classify(replace(FREE, exploded=True, cause="internal temperature of 40000 K"), TWO).reason.endswith("K")


def test_catalogue_travels_in_a_job() -> None:
    job = ShootJob(n_shots=1, chemistry=TWO)
    assert from_json("shoot", to_json(job)) == job


def test_a_users_catalogue() -> None:
    text = """
- {name: dissociated, productive: true, description: two atoms, when: {broken_bonds: 1, groups: [CY], h_lost: {max: 0}}}
- {name: rest, productive: false, description: all else}
"""
    chemistry = replace(TWO, catalogue=parse_catalogue(text))
    assert classify(replace(ON_TOP, broken_bonds=1), chemistry).mode == "dissociated"
    assert classify(replace(ON_TOP, broken_bonds=2), chemistry).mode == "rest"
    assert classify(replace(BOTH, broken_bonds=1), chemistry).mode == "rest"


LAST = "- {name: rest, productive: false, description: x}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {name: a, productive: true, description: x, when: {colour: red}}\n" + LAST, "unknown condition 'colour'"),
        ("- {name: a, productive: true, description: x, when: {bound: 1}}\n" + LAST, "true or false"),
        ("- {name: a, productive: true, description: x, when: {h_lost: true}}\n" + LAST, "a number"),
        ("- {name: a, productive: true, description: x, when: {h_lost: {least: 1}}}\n" + LAST, "a number"),
        ("- {name: a, productive: true, description: x, when: {h_lost: {}}}\n" + LAST, "a number"),
        ("- {name: a, productive: true, description: x, when: {sites: [ledge]}}\n" + LAST, "on_top, bridge"),
        ("- {name: a, productive: true, description: x, when: {groups: CY}}\n" + LAST, "a list of group names"),
        ("- {name: 'a {group}', productive: true, description: x, when: {bound: true}}\n" + LAST, "groups_bound: 1"),
        ("- {name: a, productive: true, description: x, where: {}}\n" + LAST, "unknown key 'where'"),
        ("- {name: a, productive: 3, description: x}\n" + LAST, "productive"),
        ("- {name: a, productive: true, description: x, when: {bound: true}}", "the last mode"),
        (LAST + "\n" + LAST, "repeated"),
        ("- {name: undecided, productive: false, description: x}", "taken"),
        ("a: [", "not YAML"),
        ("modes: 3", "a list of modes"),
        ("[]", "the last mode"),
    ],
)
def test_a_faulty_catalogue_is_refused(text: str, message: str) -> None:
    with pytest.raises(RefusedError, match=message.replace("{", r"\{")):
        parse_catalogue(text)


def test_a_catalogue_that_fits_nothing_is_refused() -> None:
    never = replace(TWO, catalogue=(Mode("a", True, "x", {"bound": True}),))
    with pytest.raises(RefusedError, match="no mode fits"):
        classify(FREE, never)


def test_conditions_on_changes_within_the_molecule_and_on_the_slab() -> None:
    text = """
- {name: cleaved, productive: true, description: x, when: {broken: {Si-O: {min: 1}, C-C: 0}}}
- {name: shifted, productive: true, description: x, when: {formed: {H-O: 1}}}
- {name: held, productive: true, description: x, when: {contacts: {H-halide: {min: 2}}}}
- {name: filled, productive: true, description: x, when: {filled: 1, termination: [AX]}}
- {name: rest, productive: false, description: x}
"""
    chemistry = replace(TWO, catalogue=parse_catalogue(text))

    def mode(**facts: object) -> str:
        return classify(replace(FREE, **facts), chemistry).mode  # type: ignore[arg-type]

    assert mode(broken=("O-Si",)) == "cleaved" and mode(broken=("C-C", "O-Si")) == "rest"
    assert mode(formed=("H-O",)) == "shifted" and mode(formed=("H-O", "H-O")) == "rest"
    assert mode(contacts=("H-I", "H-halide")) == "rest"
    assert mode(contacts=("H-I", "H-I", "H-halide", "H-halide")) == "held"
    assert mode(filled=1, termination="AX") == "filled" and mode(filled=1, termination="BX2") == "rest"


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("{bonds: {N-Pb: some}}", "such as {N-Pb: {min: 1}}"),
        ("{bonds: {}}", "such as {N-Pb: {min: 1}}"),
        ("{bonds: {N-lead: 1}}", "unknown is lead"),
        ("{broken: {N-metal: 1}}", "unknown is metal"),
        ("{contacts: {H: 1}}", "no pair of elements"),
        ("{termination: [AX2]}", "a list of AX, BX2"),
        ("{filled: true}", "a number"),
    ],
)
def test_a_faulty_condition_is_refused(when: str, message: str) -> None:
    with pytest.raises(RefusedError, match=message.replace("{", r"\{")):
        parse_catalogue(f"- {{name: a, productive: true, description: x, when: {when}}}\n" + LAST)

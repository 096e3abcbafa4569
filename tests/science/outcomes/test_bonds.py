from __future__ import annotations

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.shooting import BondRule, PairLimits
from aiida_mlgun.contract.strict import load
from aiida_mlgun.science.outcomes.bonds import Limits, bond_limits, contact_limits, fragments, radii_sums, update_bonds


def test_radii_of_cordero() -> None:
    assert radii_sums(np.array([6, 1]), np.array([14])).ravel() == pytest.approx([0.76 + 1.11, 0.31 + 1.11])


def test_memory_between_make_and_break() -> None:
    lengths = np.array([1.2, 1.4, 1.6, np.inf, np.nan])
    limits = Limits(np.full(5, 1.25), np.full(5, 1.5))
    assert update_bonds(None, lengths, limits).tolist() == [True, False, False, False, False]
    assert update_bonds(np.ones(5, bool), lengths, limits).tolist() == [True, True, False, False, False]
    assert update_bonds(np.zeros(5, bool), lengths, limits).tolist() == [True, False, False, False, False]


def test_a_vibrating_bond_is_made_once() -> None:
    bonds, changes = np.array([False]), 0
    for length in 1.37 + 0.1 * np.sin(np.arange(0, 60, 0.5)):  # crosses make and stays below break
        now = update_bonds(bonds, np.array([length]), Limits(np.array([1.3]), np.array([1.5])))
        changes += int((now != bonds).sum())
        bonds = now
    assert changes == 1


def test_limits_are_shares_of_radii_sums_but_for_named_pairs() -> None:
    rule = BondRule(1.2, 1.4, pairs={"Pb-N": PairLimits(2.9, 3.4), "Si-Si": PairLimits(2.5, 2.9)})
    limits = bond_limits(np.array([7, 14, 82]), np.array([82, 14, 7]), rule)
    assert limits.make[0, 0] == limits.make[2, 2] == 2.9 and limits.break_[0, 0] == limits.break_[2, 2] == 3.4
    assert (limits.make[1, 1], limits.break_[1, 1]) == (2.5, 2.9)
    assert limits.make[0, 1] == pytest.approx(1.2 * (0.71 + 1.11))
    assert limits.break_[1, 0] == pytest.approx(1.4 * (1.11 + 1.46))


def test_contacts_go_from_the_molecule_to_the_slab() -> None:
    limits = contact_limits(np.array([1, 53]), np.array([53, 1]), {"H-I": PairLimits(2.9, 3.2)})
    assert limits.make.tolist() == [[2.9, 0], [0, 0]] and limits.break_.tolist() == [[3.2, 0], [0, 0]]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"pairs": {"NPb": {"below": 1, "above": 2}}}, "no pair of elements"),
        ({"contacts": {"n-pb": {"below": 1, "above": 2}}}, "no pair of elements"),
        ({"pairs": {"N-Pb": {"below": 3, "above": 2}}}, "below < above"),
        ({"pairs": {"N-Pb": {"below": 1}}}, "'above' is missing"),
        ({"pairs": {"N-Pb": {"below": 1, "above": 2}, "Pb-N": {"below": 1, "above": 3}}}, "name it once"),
        ({"hold_fs": -1}, "hold_fs must lie"),
        ({"make": 1.6}, "make < break_"),
    ],
)
def test_a_faulty_rule_is_refused(rule: dict[str, object], message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        load(BondRule, rule, "bonds")


def test_an_element_that_does_not_exist_is_named() -> None:
    with pytest.raises(RefusedError, match="unknown is Qq"):
        bond_limits(np.array([7]), np.array([82]), BondRule(pairs={"N-Qq": PairLimits(1.0, 2.0)}))


def test_fragments_of_a_chain() -> None:
    bonds = np.zeros((4, 4), dtype=bool)
    bonds[0, 1] = bonds[1, 0] = True
    label = fragments(bonds)
    assert label[0] == label[1] and len(set(label.tolist())) == 3


def test_hot_hydrogen_molecules_are_molecules() -> None:
    two = np.array([1, 1])
    limits = bond_limits(two, two, BondRule())
    assert (limits.make == 1.0).all() and (limits.break_ == 1.3).all()
    own = bond_limits(two, two, BondRule(pairs={"H-H": PairLimits(0.8, 0.9)}))
    assert (own.make == 0.8).all() and (own.break_ == 0.9).all()
    mixed = bond_limits(np.array([1, 6]), two, BondRule())
    assert mixed.make[1, 0] == pytest.approx(1.25 * (0.76 + 0.31))

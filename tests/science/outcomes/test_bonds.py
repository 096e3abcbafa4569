from __future__ import annotations

import numpy as np
import pytest

from aiida_mlgun.contract.shooting import BondRule
from aiida_mlgun.science.outcomes.bonds import fragments, radii_sums, update_bonds

RULE = BondRule(make=1.25, break_=1.5)


def test_radii_of_cordero() -> None:
    assert radii_sums(np.array([6, 1]), np.array([14])).ravel() == pytest.approx([0.76 + 1.11, 0.31 + 1.11])


def test_memory_between_make_and_break() -> None:
    lengths = np.array([1.2, 1.4, 1.6, np.inf, np.nan])
    assert update_bonds(None, lengths, np.ones(5), RULE).tolist() == [True, False, False, False, False]
    assert update_bonds(np.ones(5, bool), lengths, np.ones(5), RULE).tolist() == [True, True, False, False, False]
    assert update_bonds(np.zeros(5, bool), lengths, np.ones(5), RULE).tolist() == [True, False, False, False, False]


def test_a_vibrating_bond_is_made_once() -> None:
    bonds, changes = np.array([False]), 0
    for length in 1.37 + 0.1 * np.sin(np.arange(0, 60, 0.5)):  # crosses make and stays below break
        now = update_bonds(bonds, np.array([length]), np.ones(1), BondRule(1.3, 1.5))
        changes += int((now != bonds).sum())
        bonds = now
    assert changes == 1


def test_fragments_of_a_chain() -> None:
    bonds = np.zeros((4, 4), dtype=bool)
    bonds[0, 1] = bonds[1, 0] = True
    label = fragments(bonds)
    assert label[0] == label[1] and len(set(label.tolist())) == 3

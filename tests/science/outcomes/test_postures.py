"""Every outcome, its near misses, and copies that must be called the same."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_mlgun.science.outcomes import outcome_names

from .postures import CHEMISTRY, POSTURES, Case, Posture, case, moved, permuted, stretched, turned

MADE = 1.25 * (0.76 + 1.11)  # C-Si, Å
KEPT = 1.50 * (0.76 + 1.11)


@cache
def made(name: str) -> Case:
    return case(name)


def test_the_postures_are_all_there_is() -> None:
    assert sorted(POSTURES) == sorted(outcome_names(CHEMISTRY)) and len(POSTURES) == 13


@pytest.mark.parametrize("name", POSTURES)
def test_each_outcome_is_called_by_its_name_and_no_other(name: str) -> None:
    one = made(name)
    copies = {
        "as made": one,
        "turned": turned(one),
        "permuted": permuted(one, 1),
        "moved": moved(one, (0.37, 0.81)),
        "in another cell": moved(one, (0.5, 0.5), (-2, 3)),
        "all of it": permuted(turned(moved(one, (0.9, 0.1), (1, -1))), 2),
    }
    assert {what: copy.verdict().mode for what, copy in copies.items()} == dict.fromkeys(copies, name)


def test_a_molecule_across_the_boundary_is_whole() -> None:
    one = made("on_top CY")
    middle = one.positions[one.n_slab :].mean(axis=0) @ np.linalg.inv(one.cell)
    cut = moved(one, -middle[:2])
    fractions = cut.positions[one.n_slab :] @ np.linalg.inv(one.cell)
    assert (np.ptp(fractions[:, :2], axis=0) > 0.5).any()  # it lies on both sides
    assert cut.verdict().mode == "on_top CY"


@pytest.mark.parametrize(
    ("name", "bond", "length", "called"),
    [
        ("on_top CY", (1, "a2"), MADE - 0.01, "on_top CY"),
        ("on_top CY", (1, "a2"), MADE + 0.01, "other"),
        ("on_top CY", (1, "a2"), KEPT + 0.01, "precursor"),
        ("bridge ET", (4, "b2"), MADE - 0.01, "bridge ET"),
        ("bridge ET", (4, "b2"), KEPT + 0.01, "precursor"),
        ("precursor", (0, "a1"), MADE - 0.01, "precursor"),
        ("precursor", (0, "a1"), KEPT + 0.01, "intact"),
        ("sublayer", (0, "s"), MADE - 0.01, "sublayer"),
        ("sublayer", (0, "s"), KEPT + 0.01, "intact"),
        ("sublayer_double", (0, "s"), KEPT + 0.01, "precursor"),
        ("sublayer_double", (4, "b1"), KEPT + 0.01, "sublayer"),
        ("double", (4, "b1"), KEPT + 0.01, "other"),
        ("other", (4, "b2"), KEPT + 0.01, "precursor"),
    ],
)
def test_a_bond_to_the_slab_just_short_or_long_enough(
    name: str, bond: tuple[int, str], length: float, called: str
) -> None:
    one = case(stretched(name, bond, length))
    verdict = one.verdict()
    assert verdict.mode == called, verdict.reason
    if MADE <= length <= KEPT:
        assert "may or may not be bonded: precursor or on_top CY" in verdict.reason


@pytest.mark.parametrize(
    ("lost", "length", "called"),
    [
        ((1, 2), 1.25 * 1.52 - 0.02, "intact"),
        ((1, 2), 1.25 * 1.52 + 0.02, "other"),
        ((1, 2), 1.50 * 1.52 + 0.02, "backbone_broken"),
        ((0, 5), 1.25 * 1.07 - 0.02, "intact"),
        ((0, 5), 1.25 * 1.07 + 0.02, "other"),
        ((0, 5), 1.50 * 1.07 + 0.02, "h_abstraction"),
    ],
)
def test_a_bond_of_the_molecule_just_short_or_long_enough(lost: tuple[int, int], length: float, called: str) -> None:
    verdict = case(Posture(lost={lost: length})).verdict()
    assert verdict.mode == called, verdict.reason
    assert ("may or may not be bonded" in verdict.reason) == (called == "other")


def test_two_pieces_are_no_explosion() -> None:
    assert case(Posture(lost={(2, 3): 4.0})).verdict().mode == "backbone_broken"


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(sorted(POSTURES)),
    seed=st.integers(0, 2**16),
    by=st.tuples(st.floats(-3, 3), st.floats(-3, 3)),
    cells=st.tuples(st.integers(-4, 4), st.integers(-4, 4)),
    quarter=st.booleans(),
)
def test_nothing_depends_on_order_place_or_wrapping(
    name: str, seed: int, by: tuple[float, float], cells: tuple[int, int], quarter: bool
) -> None:
    one = moved(permuted(made(name), seed), by, cells)
    verdict = (turned(one) if quarter else one).verdict()
    was = made(name).verdict()
    assert (verdict.mode, sorted(verdict.group.split("+"))) == (was.mode, sorted(was.group.split("+")))

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.io import read

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.shooting import BondRule, ReactiveGroup
from aiida_mlgun.science.outcomes.patterns import GroupRule, find_patterns

FIXTURES = Path(__file__).parents[2] / "fixtures"


def of(atoms: Atoms, *rules: GroupRule) -> tuple[ReactiveGroup, ...]:
    return find_patterns(rules, atoms.numbers.astype(np.int64), atoms.positions, BondRule())


def aminosilane() -> Atoms:
    with (FIXTURES / "aminopropylsilanetriol.extxyz").open() as handle:
        return read(handle, format="extxyz")


@pytest.mark.parametrize(
    ("name", "pattern", "atoms"),
    [
        ("C2H2", "C#C", [(0, 1)]),
        ("C2H4", "C=C", [(0, 1)]),
        ("H2CO", "[CX3]=[OX1]", [(0, 1)]),
        ("CH3CN", "C[C:1]#[N:2]", [(1, 2)]),
        ("C6H6", "c1ccccc1", [(0, 1, 2, 3, 4, 5)]),
        ("H3CNH2", "[NX3;H2]", [(1,)]),
        ("H3CNH2", "[NX3]([H])[H]", [(1, 3, 4)]),
        ("CH3SiH3", "[SiX4]", [(1,)]),
        ("NH3", "[NX3;H3]", [(0,)]),
    ],
)
def test_patterns_on_small_molecules(name: str, pattern: str, atoms: list[tuple[int, ...]]) -> None:
    found = of(molecule(name), GroupRule("group", pattern=pattern))
    assert [group.atoms for group in found] == atoms
    assert all((group.name, group.pattern) == ("group", pattern) for group in found)


def test_the_triple_bond_of_cyclooctyne(trajectory: Any) -> None:
    run = trajectory("si001_4x4_c8h12_precursor")
    n = run["n_slab"]
    ring = Atoms(run["numbers"][n:], run["positions"][0][n:])
    assert of(ring, GroupRule("CY", pattern="C#C")) == (ReactiveGroup("CY", (4, 5), "C#C"),)


def test_groups_of_an_aminosilane_in_order_without_overlap() -> None:
    amine = GroupRule("amine", pattern="[NX3;H2;!$(NC=O)]")
    silane = GroupRule("silane", pattern="[SiX4:1]([O:2])([O:3])[O:4]")
    hydroxyl = GroupRule("hydroxyl", pattern="[OX2;H1]")
    found = of(aminosilane(), amine, silane, GroupRule("hydroxyl", pattern="[OX2;H1]", optional=True))
    assert [(group.name, group.atoms) for group in found] == [("amine", (0,)), ("silane", (4, 5, 6, 7))]
    several = of(aminosilane(), hydroxyl, amine)
    assert [(g.name, g.atoms) for g in several] == [
        ("hydroxyl_1", (5,)),
        ("hydroxyl_2", (6,)),
        ("hydroxyl_3", (7,)),
        ("amine", (0,)),
    ]


def test_the_order_of_atoms_does_not_matter() -> None:
    atoms = aminosilane()
    order = np.random.default_rng(3).permutation(len(atoms))
    (group,) = of(atoms[order], GroupRule("silane", pattern="[SiX4](O)(O)O"))
    assert {int(order[i]) for i in group.atoms} == {4, 5, 6, 7}


def test_atoms_that_are_named_need_no_pattern_and_no_rdkit(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "rdkit":
            raise ImportError(name)
        return honest(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    written_out = GroupRule("CC", (0, 1), pattern="C#C")
    assert of(molecule("C2H2"), written_out) == (ReactiveGroup("CC", (0, 1), "C#C"),)
    with pytest.raises(RefusedError, match=r"pip install 'aiida-mlgun\[patterns\]'"):
        of(molecule("C2H2"), GroupRule("CC", pattern="C#C"))


@pytest.mark.parametrize(
    ("atoms", "rule", "message"),
    [
        (molecule("C2H4"), GroupRule("CC", pattern="C#C"), "no atoms of the molecule match 'C#C'"),
        (molecule("C2H4"), GroupRule("CC", pattern="C#"), "is no SMARTS pattern"),
        (molecule("C2H4"), GroupRule("CC", pattern="N", optional=True), "none of the patterns"),
        (molecule("CH3"), GroupRule("C", pattern="C"), "neutral and closed-shell"),
    ],
)
def test_what_cannot_be_matched_is_refused(atoms: Atoms, rule: GroupRule, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        of(atoms, rule)


def test_a_rule_without_atoms_and_pattern_is_refused() -> None:
    with pytest.raises(RefusedError, match="'amine' needs atoms or a pattern"):
        GroupRule("amine")

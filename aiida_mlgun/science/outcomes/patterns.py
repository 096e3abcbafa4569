"""Reactive groups from SMARTS patterns, matched on the bonds that a molecule's geometry has.

RDKit (Landrum et al., https://www.rdkit.org) does it, on the workstation, before anything is submitted; the compute
machine gets the atoms' indices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...contract.errors import RefusedError
from ...contract.shooting import BondRule, ReactiveGroup
from ...contract.strict import require
from .bonds import bond_limits, update_bonds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class GroupRule:
    """How a reactive group is named in a chemistry file: by its atoms, or by a pattern.

    :param atoms: indices into the molecule, from 0.
    :param pattern: SMARTS; of a pattern with atom maps (``[N:1]``) only the mapped atoms belong to the group.
    :param optional: whether a molecule without the pattern is fine.
    """

    name: str
    atoms: tuple[int, ...] = ()
    pattern: str = ""
    optional: bool = False

    def __post_init__(self) -> None:
        require(bool(self.atoms or self.pattern), f"reactive group {self.name!r} needs atoms or a pattern.")


def find_patterns(
    rules: tuple[GroupRule, ...], numbers: Ints, positions: Floats, bonds: BondRule
) -> tuple[ReactiveGroup, ...]:
    """The groups that the rules name, in their order.

    A pattern that matches several times makes several groups, ``amine_1``, ``amine_2``.  An atom belongs to the first
    group that matches it; a match without atoms of its own is left out.

    :param numbers: (n,), atomic numbers of the molecule, of charge 0 and closed shell where a pattern is used.
    :param positions: (n, 3), Å, the molecule in one piece.
    :raises RefusedError: when a pattern does not match, is no SMARTS, RDKit is not there, or it finds no bond orders.
    """
    graph: Any = None
    taken: set[int] = set()
    groups: list[ReactiveGroup] = []
    for rule in rules:
        if rule.atoms:
            groups.append(ReactiveGroup(rule.name, rule.atoms, rule.pattern))
            taken.update(rule.atoms)
            continue
        graph = graph or molecular_graph(numbers, positions, bonds)
        found = []
        for match in _matches(graph, rule):
            atoms = tuple(sorted(set(match) - taken))
            if atoms:
                found.append(atoms)
                taken.update(atoms)
        if not found and not rule.optional:
            raise RefusedError(f"reactive group {rule.name!r}: no atoms of the molecule match {rule.pattern!r}.")
        names = [rule.name] if len(found) == 1 else [f"{rule.name}_{k + 1}" for k in range(len(found))]
        groups += [ReactiveGroup(name, atoms, rule.pattern) for name, atoms in zip(names, found, strict=True)]
    if not groups:
        raise RefusedError("none of the patterns of reactive groups matches the molecule; name its atoms.")
    return tuple(groups)


def molecular_graph(numbers: Ints, positions: Floats, bonds: BondRule) -> Any:
    """An RDKit molecule: atoms, all hydrogens among them, bonds by the rule's lengths, bond orders for charge 0.

    :raises RefusedError: when RDKit is not there, or the bonds cannot be those of a neutral closed-shell molecule.
    """
    try:
        from rdkit import Chem, RDLogger
        from rdkit.Chem import rdDetermineBonds
    except ImportError as error:
        raise RefusedError(
            "patterns need RDKit: pip install 'aiida-mlgun[patterns]', or name the groups by their atoms' indices."
        ) from error
    distances = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    pairs = np.argwhere(np.triu(update_bonds(None, distances, bond_limits(numbers, numbers, bonds))))
    editable = Chem.RWMol()
    for z in numbers:
        atom = Chem.Atom(int(z))
        atom.SetNoImplicit(True)
        editable.AddAtom(atom)
    for i, j in pairs:
        editable.AddBond(int(i), int(j), Chem.BondType.SINGLE)
    graph = editable.GetMol()
    try:
        with _quiet(RDLogger):
            rdDetermineBonds.DetermineBondOrders(graph, charge=0, embedChiral=False)
            Chem.SanitizeMol(graph)
    except ValueError as error:
        raise RefusedError(
            f"no bond orders make the molecule neutral and closed-shell ({' '.join(str(error).split())[:120]}). "
            "Name its reactive groups by their atoms' indices."
        ) from error
    return graph


class _quiet:  # noqa: N801 - reads as a verb in a with statement
    """RDKit's log switched off for a while: what goes wrong is raised."""

    def __init__(self, log: Any) -> None:
        self.log = log

    def __enter__(self) -> None:
        self.log.DisableLog("rdApp.*")

    def __exit__(self, *_: object) -> None:
        self.log.EnableLog("rdApp.error")
        self.log.EnableLog("rdApp.warning")


def _matches(graph: Any, rule: GroupRule) -> list[tuple[int, ...]]:
    """Atoms of each match, in the molecule's order.

    :raises RefusedError: when the pattern is no SMARTS.
    """
    from rdkit import Chem, RDLogger

    with _quiet(RDLogger):
        query = Chem.MolFromSmarts(rule.pattern)
    if query is None:
        raise RefusedError(f"reactive group {rule.name!r}: {rule.pattern!r} is no SMARTS pattern.")
    mapped = [atom.GetIdx() for atom in query.GetAtoms() if atom.GetAtomMapNum()]
    wanted = mapped or range(query.GetNumAtoms())
    return sorted(tuple(match[k] for k in wanted) for match in graph.GetSubstructMatches(query))

"""Structures from the command line: a file that ASE reads, a name of the G2 set, or the PK of a node."""

from __future__ import annotations

from pathlib import Path

import ase.io
from aiida import orm
from ase import Atoms
from ase.build import molecule as g2_molecule
from ase.collections import g2

from ..contract.errors import RefusedError


def slab_node(text: str) -> orm.StructureData:
    """The slab from a file or a PK: periodic in x and y, along z as the file says."""
    found = _node_or_atoms(text, "slab")
    if isinstance(found, Atoms):
        if found.cell.rank < 3:
            raise RefusedError(f"{text}: a slab needs a cell of three vectors, with the vacuum along z.")
        found.pbc = (True, True, bool(found.pbc[2]))
        return _labelled(orm.StructureData(ase=found), Path(text).stem)
    return found


def molecule_node(text: str) -> orm.StructureData:
    """The molecule from a file, a PK, or a name such as C2H2 (geometry of the G2 set, as ASE ships it)."""
    if not Path(text).exists() and not text.isdigit() and text in g2.names:
        return _labelled(isolated(g2_molecule(text)), text)
    found = _node_or_atoms(text, "molecule")
    return _labelled(isolated(found), Path(text).stem) if isinstance(found, Atoms) else found


def isolated(atoms: Atoms) -> orm.StructureData:
    """A molecule in a box of its own, not periodic."""
    out = Atoms(atoms.numbers, atoms.positions)
    out.center(vacuum=8.0)
    out.pbc = False
    return orm.StructureData(ase=out)


def _labelled(node: orm.StructureData, label: str) -> orm.StructureData:
    node.label = label
    return node


def _node_or_atoms(text: str, what: str) -> orm.StructureData | Atoms:
    path = Path(text)
    if path.is_file():
        try:
            with path.open(encoding="utf-8") as handle:
                kind = "extxyz" if path.suffix in (".xyz", ".extxyz") else None
                atoms = ase.io.read(handle if kind else path, format=kind)
        except StopIteration as error:
            raise RefusedError(f"{path}: the file holds no structure.") from error
        except (ValueError, KeyError, IndexError, OSError, ase.io.formats.UnknownFileTypeError) as error:
            raise RefusedError(f"{path}: ASE cannot read the {what} ({error}).") from error
        assert isinstance(atoms, Atoms)
        if len(atoms) == 0:
            raise RefusedError(f"{path}: the {what} has no atoms.")
        return Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    if text.isdigit():
        node = orm.load_node(int(text))
        if not isinstance(node, orm.StructureData):
            raise RefusedError(f"the node {text} is a {type(node).__name__}; the {what} is a StructureData.")
        return node
    raise RefusedError(f"{text}: there is no such file, and it is no PK; the {what} is one of these.")

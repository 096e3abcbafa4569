"""What ASE makes of a text, and what this package makes of it, brought to one form and compared bit for bit."""

from __future__ import annotations

import io
from typing import Any

import ase.io
import numpy as np
from ase import Atoms

from aiida_mlgun.reading import labels
from aiida_mlgun.reading.block import Block, read_block
from aiida_mlgun.reading.lines import Lines

GEOMETRY = ("Lattice", "Properties", "pbc")


def blocks(content: bytes, slow: bool = False) -> list[Block]:
    lines, found = Lines(io.BytesIO(content)), []
    while (block := read_block(lines, len(content), slow)) is not None:
        found.append(block)
    return found


def images(content: bytes) -> list[Atoms]:
    handle = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline=None)
    return ase.io.read(io.StringIO(handle.read()), ":", format="extxyz")


def same(one: Any, other: Any) -> bool:
    """Equal with shape, NaN, and the sign of zero; a list of logicals is an array of them."""
    if isinstance(one, dict) or isinstance(other, dict) or isinstance(one, str) or isinstance(other, str):
        return type(one) is type(other) and bool(one == other)
    one, other = np.asarray(one), np.asarray(other)
    if one.shape != other.shape or (
        "f" in (one.dtype.kind, other.dtype.kind) and "O" in (one.dtype.kind, other.dtype.kind)
    ):
        return False
    if one.dtype.kind != "f" and other.dtype.kind != "f":
        return one.tolist() == other.tolist()
    one, other = one.astype(np.float64), other.astype(np.float64)
    return bool(np.array_equal(one, other, equal_nan=True) and np.array_equal(np.signbit(one), np.signbit(other)))


def check(block: Block, image: Atoms) -> None:
    """Assert that a block holds what ASE's image holds."""
    assert block.atoms.numbers == image.numbers.tolist()
    assert same(block.atoms.array("positions"), image.positions)
    assert same(np.reshape(block.cell, (3, 3)), image.cell.array)
    assert list(block.pbc) == image.pbc.tolist()
    results = {} if image.calc is None else image.calc.results
    for name in block.atoms.layout.columns.keys() - {"numbers", "symbols", "positions", "move_mask"}:
        column = block.atoms.layout.columns[name]
        if column.kind in "RI":
            own = block.atoms.array(name)
            theirs = np.asarray(results.get(name, image.arrays.get(name)), dtype=np.float64)
            assert same(own, theirs.reshape(own.shape)), name
        if column.kind == "L":
            assert np.array_equal(block.atoms.others[name].ravel(), np.ravel(image.arrays[name])), name
    info = {**image.info, **{key: results[key] for key in results if key in block.info}}
    assert set(info) == set(block.info) - set(GEOMETRY)
    for key, theirs in info.items():
        raw = block.info[key]
        own = raw if key.lower() == "uid" else labels.value(raw)
        if key == "virial":
            own = np.reshape(own, (3, 3), order="F")
        if key == "stress":
            own = labels.stress(raw, key)
        assert same(own, theirs), key


def check_all(content: bytes) -> int:
    """Fast, slow and ASE agree on every frame; how many frames there are."""
    fast, slow, theirs = blocks(content), blocks(content, slow=True), images(content)
    assert len(fast) == len(slow) == len(theirs)
    for one, other, image in zip(fast, slow, theirs, strict=True):
        check(one, image)
        check(other, image)
        assert one.info == other.info
    return len(fast)

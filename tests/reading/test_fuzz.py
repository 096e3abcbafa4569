"""Frames that ASE wrote, whole and damaged: read as ASE reads them, or refused; never another error.

``MLGUN_FUZZ_CASES=20000`` runs that many damaged files with fresh randomness.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.reading.block import Block
from aiida_mlgun.reading.extxyz import ExtxyzSource
from aiida_mlgun.reading.labels import FaultError
from aiida_mlgun.science.frames import Frames, concatenate

from .reference import blocks, check, check_all, images, same

CASES = int(os.environ.get("MLGUN_FUZZ_CASES", "400"))
FRESH = "MLGUN_FUZZ_CASES" in os.environ
MUTATED = settings(
    max_examples=CASES,
    deadline=None,
    derandomize=not FRESH,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
WHOLE = settings(MUTATED, max_examples=max(CASES // 4, 100))

real = st.floats(-9e4, 9e4) | st.sampled_from([0.0, -0.0, 1e-9, -1e-9, 0.1, 99999.99999999])
label = real | st.sampled_from([float("nan"), float("inf"), 1e300, -1e-300])
word = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r\n", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1
)
plain = st.text("abcXYZ019_-./+:", min_size=1)


def array(n: int, values: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    return st.lists(values, min_size=3 * n, max_size=3 * n).map(lambda v: np.array(v, dtype=np.float64).reshape(n, 3))


@st.composite
def image(draw: st.DrawFn) -> Atoms:
    n = draw(st.integers(1, 4))
    numbers = draw(st.lists(st.integers(1, 118), min_size=n, max_size=n))
    atoms = Atoms(numbers, draw(array(n, real)))
    if draw(st.booleans()):
        atoms.cell = np.diag(draw(st.lists(st.floats(1, 50), min_size=3, max_size=3)))
        atoms.cell[1, 0] = draw(st.floats(-5, 5))
        atoms.pbc = draw(st.tuples(st.booleans(), st.booleans(), st.booleans()))
    for name in draw(st.sets(st.sampled_from(["REF_forces", "velocities", "momenta", "other"]))):
        atoms.arrays[name] = draw(array(n, real if name == "velocities" else label))
    if draw(st.booleans()):
        atoms.arrays["tags"] = np.array(draw(st.lists(st.integers(-(2**31) + 1, 2**31 - 1), min_size=n, max_size=n)))
    if draw(st.booleans()):
        atoms.arrays["kind"] = np.array(draw(st.lists(st.sampled_from(["C_sp3", "a", "n1"]), min_size=n, max_size=n)))
    if draw(st.booleans()):
        atoms.info["REF_energy"] = draw(label)
    if draw(st.booleans()):
        s = draw(array(2, label))
        atoms.info["REF_stress"] = np.concatenate(s)
    for name in draw(st.sets(st.sampled_from(["config_type", "run_id", "step", "level", "note", "flag", "list"]))):
        value: st.SearchStrategy[Any] = {
            "step": st.integers(0, 10**6),
            "flag": st.booleans(),
            "list": st.lists(st.integers(-5, 5), min_size=1, max_size=4).map(np.array),
        }.get(name, plain | word)
        atoms.info[name] = draw(value)
    return atoms


def written(frames: list[Atoms]) -> bytes:
    handle = io.StringIO()
    ase.io.write(handle, frames, format="extxyz")
    return handle.getvalue().encode()


def read(folder: Path, content: bytes) -> Frames:
    path = folder / "raw.xyz"
    path.write_bytes(content)
    return concatenate(list(ExtxyzSource(path).chunks(2)))


def outcome(content: bytes, slow: bool) -> list[Block] | None:
    try:
        return blocks(content, slow)
    except FaultError:
        return None


@WHOLE
@given(frames=st.lists(image(), min_size=1, max_size=3))
def test_frames_that_ase_wrote_are_read_bit_for_bit(frames: list[Atoms], tmp_path: Path) -> None:
    content = written(frames)
    try:
        own = read(tmp_path, content)
    except RefusedError as refusal:
        assert any(reason in str(refusal) for reason in DOUBTFUL), refusal
        event("refused")
        return
    assert check_all(content) == len(frames) == len(own)
    for i, theirs in enumerate(images(content)):
        part = own.part(i)
        assert same(own.positions[part], theirs.positions)
        assert same(own.cell[i], theirs.cell.array)
        for array, name in ((own.forces, "REF_forces"), (own.velocities, "velocities")):
            if name in theirs.arrays:
                assert array is not None and same(array[part], theirs.arrays[name])
        if "REF_energy" in theirs.info:
            assert own.energy is not None and same(own.energy[i], float(theirs.info["REF_energy"]))


# what ASE's writer puts down in a way that can be read in more than one
DOUBTFUL = (
    "not closed",
    "more than one way",
    "empty quotation",
    "without a",
    "has no value",
    "stands twice",
    "not readable as extended XYZ",
)
CORPUS = [
    b'2\nLattice="8 0 0 0 8 0 0 0 8" Properties=species:S:1:pos:R:3:REF_forces:R:3 REF_energy=-31.7 config_type=gun '
    b'run_id=r0 step=7 pbc="T T F"\nH 0 0 0 0.1 0 0\nH 0.74 0 0 -0.1 0 0\n',
    b'1\nProperties=species:S:1:pos:R:3:forces:R:3:tags:I:1:on:L:1 energy=-1 stress="1 2 3 2 4 5 3 5 6" '
    b"note='a \"b\"' list=[1, 2,3] virial={1 2 3 4 5 6 7 8 9}\nC 1.5 -2e0 .5 0 0 0 3 T\n",
    b"3\nplain text = here\nO  0.00000000  0.00000000  0.11926200\nH  0.00000000  0.76323900 -0.47704700\n"
    b"H  0.00000000 -0.76323900 -0.47704700\n",
    '1\nname=Grün uid=12 a=b=c \\"q\\"=1 d="_JSON [1, 2]"\nsi\t1\t2\t3\n'.encode(),
    b"1\r\nProperties=Z:I:1:pos:R:3:label:S:1\r\n14 0.10 0.20 0.30 C_1\r\n",
]
TOKENS = [bytes([b]) for b in b"0123456789+-.eEdD_ \t\n\r\"'{}[]=:,\\THXSiRnaVC#\0\x0b\x1c"]
TOKENS += [b"nan", b"inf", b"1e400", b"\n\n", b"VEC1 ", b"pos", b"energy=", b"\xc2\xa0", b"\xe2\x80\x83", "١".encode()]
TOKENS += [
    b"_JSON ",
    b"forces:R:3",
    b"1_0",
    b"-0",
    b'""',
    b"\xff",
    "２".encode(),
    b"1e-400",
    b"Properties=",
    b"Lattice=",
]


KINDS = ["delete", "change", "insert", "cut", "double", "drop", "swap"] + ["digit", "blank", "letter"] * 4


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    content = draw(st.sampled_from(CORPUS) | st.lists(image(), min_size=1, max_size=2).map(written))
    if draw(st.booleans()):
        content += draw(st.sampled_from(CORPUS))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(content)))
        kind = draw(st.sampled_from(KINDS))
        token = draw(st.sampled_from(TOKENS) | st.binary(min_size=1, max_size=2))
        if kind == "delete":
            content = content[:at] + content[at + draw(st.integers(1, 8)) :]
        elif kind == "change":
            content = content[:at] + token + content[at + len(token) :]
        elif kind == "insert":
            content = content[:at] + token + content[at:]
        elif kind in ("digit", "blank", "letter"):
            there = {"digit": b"0123456789", "blank": b" \t", "letter": b"abcdefghijklmnopqrstuvwxyzTFH"}[kind]
            new = draw(st.sampled_from([there[i : i + 1] for i in range(len(there))])) * (1 + (kind == "blank"))
            at = next((i for i in range(at, len(content)) if content[i] in there), len(content))
            content = content[:at] + new + content[at + 1 :]
        elif kind == "cut":
            content = content[:at]
        else:
            lines = content.split(b"\n")
            i = min(content[:at].count(b"\n"), len(lines) - 1)
            if kind == "double":
                lines.insert(i, lines[i])
            elif kind == "drop":
                del lines[i]
            elif i:
                lines[i - 1], lines[i] = lines[i], lines[i - 1]
            content = b"\n".join(lines)
    return content or b"\n"


@pytest.mark.timeout(3600)
@MUTATED
@given(content=damaged())
def test_damaged_files_are_refused_or_read_as_ase_reads_them(content: bytes, tmp_path: Path) -> None:
    fast, slow = outcome(content, slow=False), outcome(content, slow=True)
    assert (fast is None) == (slow is None)
    try:
        own = read(tmp_path, content)
    except RefusedError:
        event("refused")
        return
    event("read")
    assert fast is not None and slow is not None and len(own) == len(fast) == len(slow)
    for i, (one, other, theirs) in enumerate(zip(fast, slow, images(content), strict=True)):
        check(one, theirs)
        check(other, theirs)
        assert same(own.positions[own.part(i)], theirs.positions)
        assert np.isfinite(own.positions).all() and np.isfinite(own.cell).all()

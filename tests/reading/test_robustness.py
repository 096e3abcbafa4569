"""Every feature and trap of the format that its readers know: read as ASE reads it, or refused by name.

The features are those of ASE's reader and of the robustness tests of libAtoms/extxyz, the strings are our own.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.reading.comment import MAX_COMMENT, lattice, parse
from aiida_mlgun.reading.extxyz import ExtxyzSource
from aiida_mlgun.reading.labels import FaultError, value

from .reference import blocks, check_all
from .strings import CELL, READ, frame, with_columns

REFUSED = {
    "comma for a point": (with_columns("species:S:1:pos:R:3", "H 0,5 0 0"), "atom 0: '0,5' .* is no number"),
    "underscore": (with_columns("species:S:1:pos:R:3", "H 1_0 0 0"), "'1_0' .* is no number"),
    "underscore in fixed fields": (with_columns("species:S:1:pos:R:3", "H  1_0.000  0.000"), "columns"),
    "digits of another alphabet": (with_columns("species:S:1:pos:R:3", "H ١ 0 0"), "'١' .* is no number"),
    "full-width digits": (with_columns("species:S:1:pos:R:3", "H 0 0 ２.5"), "is no number"),
    "Fortran exponent": (with_columns("species:S:1:pos:R:3", "H 1.0D+00 0 0"), "'1.0D\\+00' .* is no number"),
    "hexadecimal": (with_columns("species:S:1:pos:R:3", "H 0x10 0 0"), "is no number"),
    "stars": (with_columns("species:S:1:pos:R:3", "H ******** 0 0"), "is no number"),
    "position nan": (
        with_columns("species:S:1:pos:R:3", "H 0 0 0", "H nan 0 0"),
        "frame 0, atom 1: its position is not",
    ),
    "position 1e400": (
        with_columns("species:S:1:pos:R:3", "H 0 0 1e400"),
        "frame 0, atom 0: its position is not finite",
    ),
    "lattice nan": (frame('Lattice="nan 0 0 0 8 0 0 0 8"'), "not finite"),
    "lattice 1e400": (frame('Lattice="1e400 0 0 0 8 0 0 0 8"'), "not finite"),
    "lattice underscore": (frame('Lattice="1_0 0 0 0 8 0 0 0 8"'), "needs 9 numbers"),
    "lattice of eight": (frame('Lattice="8 0 0 0 8 0 0 0"'), "'Lattice' needs 9 numbers"),
    "lattice without volume": (frame('Lattice="8 0 0 16 0 0 0 0 8"'), "spans no volume"),
    "periodic without a lattice": (frame('pbc="T T T"'), "spans no volume"),
    "flat slab cell": (frame('Lattice="8 0 0 8 0 0 0 0 1" pbc="T T F"'), "spans no volume"),
    "pbc of two": (frame(CELL + 'pbc="T F"'), "pbc needs three"),
    "pbc of letters": (frame(CELL + "pbc=xyz"), "pbc needs three"),
    "pbc of other numbers": (frame(CELL + 'pbc="2 0 1"'), "pbc needs three"),
    "virial of six": (frame('virial="1 2 3 4 5 6"'), "'virial' needs 9"),
    "stress of six": (frame('stress="1 2 3 4 5 6"'), "'stress' needs 9"),
    "stress not symmetric": (frame('stress="1 2 3 4 5 6 7 8 9"'), "not symmetric"),
    "energy in words": (frame("energy=unknown"), "'energy' is no number"),
    "energy true": (frame("energy"), "'energy' is no number"),
    "two energies": (frame('energy="1 2"'), "'energy' is no number"),
    "energy with a comma": (frame("energy=-1,5"), "'energy' is no number"),
    "energy with an underscore": (frame("energy=1_0"), "'energy' is no number"),
    "energy in other digits": (frame("energy=１２"), "'energy' is no number"),
    "dipole in words": (frame("dipole=large"), "'dipole' needs numbers"),
    "key twice": (frame("a=1 a=2"), "the key 'a' stands twice"),
    "key twice, quoted": (frame("energy=1 'energy'=2"), "the key 'energy' stands twice"),
    "key without a value": (frame("a= b=c"), "without a value"),
    "key without a value at the end": (frame("a=1 b="), "'b' has no value"),
    "value without a key": (frame("=3"), "without a key"),
    "empty quotation": (frame('a="" REF_energy=3'), "empty quotation"),
    "open quote": (frame('a="b c'), "not closed"),
    "open bracket": (frame("a=[1 2"), "not closed"),
    "apostrophe": (frame(f"John's work {CELL}"), "not closed"),
    "backslash at the end": (frame("a=b\\"), "not closed"),
    "broken JSON": (frame('a="_JSON {"'), "not readable as extended XYZ"),
    "unknown element": (with_columns("species:S:1:pos:R:3", "Qq 0 0 0"), "atom 0: 'Qq' is no element"),
    "dummy element": (with_columns("species:S:1:pos:R:3", "X 0 0 0"), "'X' is no element"),
    "deuterium": (with_columns("species:S:1:pos:R:3", "D 0 0 0"), "'D' is no element"),
    "number as a symbol": (with_columns("species:S:1:pos:R:3", "14 0 0 0"), "'14' is no element"),
    "atomic number 0": (with_columns("Z:I:1:pos:R:3", "0 0 0 0"), "'0' is no atomic number"),
    "atomic number 200": (with_columns("Z:I:1:pos:R:3", "200 0 0 0"), "'200' is no atomic number"),
    "symbol and number disagree": (with_columns("species:S:1:Z:I:1:pos:R:3", "H 2 0 0 0"), "disagree"),
    "no positions": (with_columns("species:S:1:forces:R:3", "H 0 0 0"), "no positions"),
    "no elements": (with_columns("pos:R:3", "0 0 0"), "no elements"),
    "half a property": (with_columns("species:S:1:pos:R", "H 0 0 0"), "name:type:columns"),
    "unknown type": (with_columns("species:S:1:pos:Q:3", "H 0 0 0"), "one of R I S L"),
    "no columns": (with_columns("species:S:1:pos:R:3:a:R:0", "H 0 0 0"), "one of R I S L"),
    "a property twice": (with_columns("species:S:1:pos:R:3:pos:R:3", "H 0 0 0 1 1 1"), "'pos' twice"),
    "a property under two names": (with_columns("species:S:1:pos:R:3:positions:R:3", "H 0 0 0 1 1 1"), "twice"),
    "a property that meets another": (with_columns("species:S:1:pos:R:3:a:R:2:a1:R:1", "H 0 0 0 1 1 1"), "'a1' twice"),
    "positions of two": (with_columns("species:S:1:pos:R:2", "H 0 0"), "pos:R:3 or pos:I:3 is needed"),
    "positions as text": (with_columns("species:S:1:pos:S:3", "H 0 0 0"), "pos:R:3 or pos:I:3 is needed"),
    "forces as text": (with_columns("species:S:1:pos:R:3:forces:S:3", "H 0 0 0 a b c"), "forces:R:3"),
    "energy as a column": (with_columns("species:S:1:pos:R:3:energy:R:1", "H 0 0 0 1"), "value of the whole frame"),
    "forces of two": (with_columns("species:S:1:pos:R:3:REF_forces:R:2", "H 0 0 0 1 2"), "has 2 components"),
    "text in forces": (with_columns("species:S:1:pos:R:3:forces:R:3", "H 0 0 0 1 x 3"), "atom 0: 'x' .*'forces'"),
    "logical that is none": (with_columns("species:S:1:pos:R:3:on:L:1", "H 0 0 0 x"), "neither T nor F"),
    "integer that is none": (with_columns("species:S:1:pos:R:3:n:I:1", "H 0 0 0 1.5"), "no whole number"),
    "integer too large": (with_columns("species:S:1:pos:R:3:n:I:1", "H 0 0 0 2147483648"), "no whole number"),
    "more columns asked than there": (
        with_columns("species:S:1:pos:R:3:forces:R:3", "H 0 0 0"),
        "have 4 columns, .* 7",
    ),
    "more columns there than asked": (with_columns("species:S:1:pos:R:3", "H 0 0 0 1 1 1"), "have 7 columns, .* 4"),
    "one short line": (
        with_columns("species:S:1:pos:R:3", "H 0 0 0", "H 0 0", "H 0 0 0 1"),
        "frame 0, atom 1: its line has",
    ),
    "line breaks in odd places": ("2\n\nH 0 0\n0 H 1 1 1\n", "another number of columns"),
    "vectors in VEC lines": ("1\n\nH 0 0 0\nVEC1 8 0 0\nVEC2 0 8 0\nVEC3 0 0 8\n", "VEC lines are not read"),
    "text after a blank line": (frame("") + "\n" + frame(""), "text follows a blank line"),
    "blank line first": ("\n" + frame(""), "text follows a blank line"),
    "only blank lines": ("\n\n  \n", "holds no frame"),
    "no number of atoms": ("two\n\nH 0 0 0\nH 0 0 1\n", "a number of atoms is needed on its first line, not 'two'"),
    "real number of atoms": ("1.0\n\nH 0 0 0\n", "a number of atoms is needed"),
    "number in other digits": ("１\n\nH 0 0 0\n", "a number of atoms is needed"),
    "number with an underscore": ("1_0\n\nH 0 0 0\n", "a number of atoms is needed"),
    "byte order mark": ("\ufeff1\n\nH 0 0 0\n", "a number of atoms is needed"),
    "no atoms": ("0\n\n", "0 atoms are claimed"),
    "minus three atoms": ("-3\n\n", "-3 atoms are claimed"),
    "too many atoms": ("3\n\nH 0 0 0\nH 0 0 1\n", "3 atoms are claimed, 16 bytes are left"),
    "too many atoms, not by size": ("3\n\nH 0.000 0.00 0.0000\nH 0 0 1000.000000\n", "cut off after 2 of 3"),
    "cut after its number": ("3\n", "cut off after its first line"),
    "cut last number": ("2\n\nH 0.000 0.000 0.000\nH 0.000 0.000 0.12", "atom 1: the file ends in the middle"),
    "cut last exponent": ("2\n\nH 0 0 1.25e-05\nH 0 0 1.25e-0", "atom 1: the file ends in the middle"),
    "cut last number of one atom": ("1\n\nH 0.000 0.000 0.1", "atom 0: the file ends in the middle"),
    "Macintosh line ends": ("1\r\rH 0 0 0\r", "a carriage return stands inside a line"),
    "carriage return after the number": ("1\r \na=b\nH 0 0 0\n", "a carriage return stands inside a line"),
    "carriage return in a comment": ("1\na=b\rc=d\nH 0 0 0\n", "a carriage return stands inside a line"),
    "carriage return among atoms": ("1\n\nH 0 0\r0\n", "a carriage return stands inside a line"),
    "zero byte": (frame("a=\0b"), "zero byte"),
    "zero byte after a symbol": ("1\n\nH\0    0.50000000    0.50000000    0.50000000\n", "is no element"),
    "minus in the middle of fixed fields": ("1\n\nH     1-50000000    0.50000000    0.50000000\n", "is no number"),
    "two minuses in fixed fields": (
        "1\n\nH    --0.50000000    0.50000000    0.50000000\n",
        "'--0.50000000' .* no number",
    ),
    "blank in a fixed field": ("1\n\nH    1 0.50000000    0.50000000    0.50000000\n", "columns"),
    "letter in a fixed field": (
        "1\n\nH    1a0.50000000    0.50000000    0.50000000\n",
        "'1a0.50000000' .* is no number",
    ),
    "zero byte among atoms": ("2\n\nH 0 0 0\0\nH 0 0 0\n", "is no number"),
}
BYTES = {
    "another encoding in the comment": (b"1\nname=Gr\xfcn\nH 0 0 0\n", "the comment line is no text"),
    "another encoding among atoms": (b"1\n\nH 0 0 \xb2\n", "atom 0: its line is no text"),
    "no text at all": (b"\xff\xfe\x00\x01", "this is no text file"),
    "UTF-16": (frame("").encode("utf-16"), "this is no text file"),
    "zeros": (b"\0" * 64, "this is no text file"),
}


@pytest.mark.parametrize("text", READ.values(), ids=READ)
def test_read_as_ase_reads_it(text: str, tmp_path: Path) -> None:
    assert check_all(text.encode()) == sum(1 for line in text.split("\n") if line.strip().isdigit())
    path = tmp_path / "a.xyz"
    path.write_bytes(text.encode())
    assert len(ExtxyzSource(path)) == len(blocks(text.encode()))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(text.encode(), sentence) for text, sentence in REFUSED.values()] + list(BYTES.values()),
    ids=[*REFUSED, *BYTES],
)
def test_refused_by_name(content: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "raw.xyz"
    path.write_bytes(content)
    with pytest.raises(RefusedError, match=f"^raw.xyz.*{sentence}"):
        list(ExtxyzSource(path).chunks())


def test_the_fast_path_takes_simple_lines_and_means_the_same() -> None:
    line = b'Lattice="8 0 0 0 8 0 0 0 8" Properties=species:S:1:pos:R:3 energy=-1.5 name="a b" flag pbc="T T F"'
    assert parse(line) == parse(line, careful=True)
    assert parse(line)["name"] == "a b"
    assert lattice(parse(line)) == (8.0, 0, 0, 0, 8.0, 0, 0, 0, 8.0)


def test_values_are_those_of_ase() -> None:
    assert (value("007"), value("T"), value("a b"), value("1.50")) == (7, True, "a b", 1.5)
    assert value(r'a"b\c') == r'a"b\c'


def test_a_long_line_without_structure_is_answered_at_once() -> None:
    n = MAX_COMMENT - 1
    begin = time.process_time()
    for hostile in (b"a" * n + b'"', b"[" * n, b'"' * n, b"= " * (n // 2), b"\\" * (n // 2 * 2 + 1), b"a " * (n // 2)):
        with pytest.raises(FaultError):
            parse(hostile)
    assert time.process_time() - begin < 5
    with pytest.raises(FaultError, match="longer than 256 KiB"):
        parse(b"a" * (MAX_COMMENT + 1))

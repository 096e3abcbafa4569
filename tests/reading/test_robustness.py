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

CELL = 'Lattice="8 0 0 0 8 0 0 0 8" '
POS = "Properties=species:S:1:pos:R:3 "
ATOMS = "H 0 0 0.5\nHe 1.5 -2e0 .25\n"


def frame(line: str, atoms: str = ATOMS) -> str:
    return f"{len(atoms.splitlines())}\n{line}\n{atoms}"


def with_columns(properties: str, *rows: str, line: str = "") -> str:
    return frame(f"Properties={properties} {line}".strip(), "".join(row + "\n" for row in rows))


READ = {
    "no comment": frame(""),
    "blank comment": frame("   "),
    "free text": frame("water from a box of 64"),
    "bare value": frame("a=b"),
    "bare flags": frame("one two three"),
    "flag between": frame("a=1 flag b=2"),
    "flag at the end": frame("a=1 flag"),
    "hyphenated flag": frame("hyphen-ated"),
    "key beginning with a digit": frame("2body=33.3"),
    "double quotes": frame('a="b c"'),
    "single quotes": frame("a='b c'"),
    "braces": frame("a={1 2 3}"),
    "brackets": frame("a=[1 2 3]"),
    "brackets and commas": frame("a=[1, 2,3]"),
    "nested brackets": frame("a=[[1,2],[3,4]]"),
    "nested brackets in quotes": frame('a="[[1, 2], [3, 4]]"'),
    "brackets in braces": frame("a={[1 2]}"),
    "quotes in quotes": frame("""a="it's" b='say "so"'"""),
    "escaped quote": frame(r'a="b\"c"'),
    "escaped backslash": frame(r'a="b\\c" d=e'),
    "escaped blank": frame(r"a=b\ c"),
    "escaped quote in a key": frame(r'space\"="a value"'),
    "quoted key": frame('"with space"="a value"'),
    "quote in the middle": frame('a=b"c d"e'),
    "two quotations side by side": frame("a=\"b\"'c'"),
    "equals in quotes": frame('a="b=c"'),
    "equals in a bare value": frame("a=b=c"),
    "blanks round equals": frame("a = b c=  d"),
    "many blanks": frame("a=1      b=2"),
    "tabs": frame("\ta=1\tb=2\t"),
    "slash and at": frame('a=b/c d=e@f g="h@i"'),
    "special characters": frame("a=a_to_Z_$%%^&*"),
    "closing bracket alone": frame("a=b] c=d}"),
    "unicode value": frame("name=Grün wert=µ"),
    "unicode key": frame("größe=3"),
    "unicode blank between keys": frame("a=1\u2003b=2"),
    "truth in words": frame("a=true b=False c=TRUE d=F e=T f=t"),
    "array of truth": frame('a="T F T" b={T, F} c=[T F S]'),
    "integers": frame("a=22 b=-3 c=+4 d=007 e=99999999999999999999"),
    "reals": frame("a=1.1 b=5e-6 c=1.2E+7 d=.5 e=5. f=nan g=-inf h=1e400"),
    "arrays of reals": frame('a="1.2 2.2e3 4e1" b="1.2 3.4 text" c=1,2'),
    "nine numbers are no matrix": frame('a="1 4 7 2 5 8 3 6 9"'),
    "virial is one": frame('virial="1 4 7 2 5 8 3 6 9"'),
    "JSON": frame(r'a="_JSON [[1, 2], [3, 4]]" b="_JSON {\"c\": [1, \"x\"]}"'),
    "JSON in braces": frame('a={_JSON [1.5, 2, true]} b={_JSON {"a" : 1}}'),
    "uid stays text": frame("uid=1234 UID=5.0"),
    "lattice, not symmetric": frame('Lattice="5 0.5 0 0.1 6 0 0 0.2 7"'),
    "lattice with blanks": frame('Lattice="  4.3  0.0 0.0 0.0  3.3 0.0 0.0 0.0  7.0 "'),
    "lattice with commas": frame("Lattice=[4,0,0,0,4,0,0,0,4]"),
    "lattice in braces": frame("Lattice={4 0 0 0 4 0 0 0 4}"),
    "pbc of a slab": frame(CELL + 'pbc="T T F"'),
    "pbc in words": frame(CELL + 'pbc="True false T"'),
    "pbc once": frame(CELL + "pbc=F"),
    "pbc in figures": frame(CELL + 'pbc="1 1 0"'),
    "pbc with commas": frame(CELL + "pbc=[T,F,T]"),
    "pbc without a lattice": frame('pbc="F F F"'),
    "labels": frame(CELL + POS + 'energy=-3.5 free_energy=-3.6 magmom=2 stress="1 2 3 2 5 6 3 6 9"'),
    "polarization": frame('dipole="0 0 1.5"'),
    "upper-case element": frame("", "MG 0 0 0\n"),
    "lower-case element": frame("", "mg 0 0 0\n"),
    "mixed-case element": frame("", "mG 0 0 0\n"),
    "tabs between columns": frame("", "H\t0\t0\t0.5\nC\t 1 \t2\t3\n"),
    "trailing blanks": frame("a=1   ", "H 0 0 0.5   \nC 1 2 3\t\n"),
    "indented": "    1\n    a=b\n    H 0 0 0.5\n",
    "Windows line ends": frame("a=b", ATOMS).replace("\n", "\r\n"),
    "mixed line ends": frame("a=b", ATOMS).replace("H 0 0 0.5\n", "H 0 0 0.5\r\n"),
    "no line end at the end": frame("a=b", ATOMS)[:-1],
    "blank lines at the end": frame("a=b") + "\n  \n\n",
    "two sizes": frame("a=b") + frame("c=d", "O 1 2 3\n"),
    "forces": with_columns("species:S:1:pos:R:3:forces:R:3", "H 0 0 0 1 2 3", "H 0 0 1 4 -5 6"),
    "forces that are not finite": with_columns("species:S:1:pos:R:3:forces:R:3", "H 0 0 0 nan inf -1e400"),
    "fixed fields": with_columns("species:S:1:pos:R:3", *[f"Si {x:16.8f}{-x:16.8f}{0.0:16.8f}" for x in (0, 1.5, 9)]),
    "fixed fields, minus zero": with_columns(
        "species:S:1:pos:R:3", *["H   -0.00000000   -0.00000001    0.00000000"] * 2
    ),
    "numbers instead of symbols": with_columns("Z:I:1:pos:R:3", "14 0 0 0", "1 1 1 1"),
    "numbers and symbols": with_columns("species:S:1:Z:I:1:pos:R:3", "H 1 0 0 0"),
    "ASE's own names": with_columns("symbols:S:1:positions:R:3", "H 0 0 0"),
    "positions first": with_columns("pos:R:3:species:S:1", "0 0 0 H", "1 2 3 C"),
    "whole positions": with_columns("species:S:1:pos:I:3", "H 0 1 -2"),
    "text column": with_columns("species:S:1:pos:R:3:label:S:1", "H 0 0 0 H_a", "C 0 0 1 nan"),
    "text column in unicode": with_columns("species:S:1:pos:R:3:label:S:1", "H 0 0 0 α", "C 0 0 1 β"),
    "two text columns": with_columns("species:S:1:pos:R:3:label:S:2", "H 0 0 0 a b"),
    "integer and logical columns": with_columns(
        "species:S:1:pos:R:3:tags:I:1:on:L:1", "H 0 0 0 3 T", "H 0 0 1 -3 False"
    ),
    "move mask": with_columns("species:S:1:pos:R:3:move_mask:L:1", "H 0 0 0 T", "H 0 0 1 F"),
    "move mask of three": with_columns("species:S:1:pos:R:3:move_mask:I:3", "H 0 0 0 1 0 1", "H 0 0 1 0 0 0"),
    "momenta": with_columns("species:S:1:pos:R:3:momenta:R:3", "H 0 0 0 0.1 0.2 0.3"),
    "charges": with_columns("species:S:1:pos:R:3:initial_charges:R:1:charge:R:1:magmoms:R:1", "H 0 0 0 1 2 3"),
    "many digits": with_columns(
        "species:S:1:pos:R:3", "H 0.1000000000000000055511151231257827 1e-320 123456789012345678901"
    ),
}

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
    assert time.process_time() - begin < 2
    with pytest.raises(FaultError, match="longer than 256 KiB"):
        parse(b"a" * (MAX_COMMENT + 1))

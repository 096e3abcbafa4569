"""Strings of extended XYZ that must be read, and read as ASE reads them."""

from __future__ import annotations

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

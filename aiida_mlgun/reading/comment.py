"""The comment line of extended XYZ: key=value pairs as text, lattice and periodicity as numbers.

The grammar is that of ASE's reader: quotes ``"…"`` ``'…'``, brackets ``{…}`` ``[…]``, ``\\`` before a character that is
meant as such, a key alone is true.  Simple lines take a fast path; any other is cut up with the whole grammar and then
given to ASE too: what ASE cannot read, or what it and this module read differently, is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

import numpy as np
from ase.io.extxyz import key_val_str_to_dict

from .labels import JSON, FaultError, numbers

Info = dict[str, str]

MATRICES = ("Lattice", "virial", "stress")  # nine numbers, or ASE refuses them
ARRAYS = ("dipole", "dielectric_tensor", "polarization")  # ASE makes arrays of numbers of them, or fails
LOGICALS = {word: True for word in ("T", "true", "True", "TRUE")} | {
    word: False for word in ("F", "false", "False", "FALSE")
}
_BITS = {"1": True, "0": False}
MAX_COMMENT = 1 << 18  # bytes
_NO_CELL = (0.0,) * 9

_SIMPLE = re.compile(r"""([^\s"'\\{}\[\]=]++)(?:=(?:"([^"\\]++)"|([^\s"'\\{}\[\]=]++)))?(?:\s++|\Z)""")
_SIMPLE_LINE = re.compile(f"(?:{_SIMPLE.pattern})*+")
_ITEM = re.compile(
    r"""(?P<space>\s+)|(?P<equals>=)|(?P<bare>[^\s=\\"'{\[]+)|\\(?P<escaped>.)"""
    r"""|"(?P<q>(?:[^"\\]|\\.)*+)"|'(?P<a>(?:[^'\\]|\\.)*+)'|\{(?P<b>(?:[^}\\]|\\.)*+)\}|\[(?P<s>(?:[^\]\\]|\\.)*+)\]""",
    re.S,
)
# what stands here is shown on terminals, which would obey it; tabs are blanks
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_ESCAPE = re.compile(r"\\(.)", re.S)


def parse(line: bytes, careful: bool = False) -> Info:
    """Key → text of its value, quotes taken off; a key alone has the value ``T``.

    :param careful: leave out the fast path.
    :raises FaultError: when it cannot be read, or a key stands twice.
    """
    if len(line) > MAX_COMMENT:
        raise FaultError(f"the comment line is longer than {MAX_COMMENT >> 10} KiB; this is no extended XYZ.")
    try:
        text = line.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise FaultError(f"the comment line is no text ({error.reason}).") from error
    if control := _CONTROL.search(text):
        which = "zero byte" if control[0] == "\0" else f"control character {control[0]!r}"
        raise FaultError(f"the comment line is no text (it holds a {which}).")
    info = None if careful or not text.isascii() or JSON in text else _simple(text)
    if info is None:
        info = _whole(text)
    for key in MATRICES:
        if key in info and ((found := numbers(info[key])) is None or len(found) != 9):
            raise FaultError(f"{key!r} needs 9 numbers, not {info[key][:60]!r}.")
    for key in ARRAYS:
        if key in info and numbers(info[key]) is None:
            raise FaultError(f"{key!r} needs numbers, not {info[key][:60]!r}.")
    return info


def _simple(text: str) -> Info | None:
    if not _SIMPLE_LINE.fullmatch(text):
        return None
    pairs = _SIMPLE.findall(text)
    info = {key: quoted or bare or "T" for key, quoted, bare in pairs}
    return info if len(info) == len(pairs) else None


def _whole(text: str) -> Info:
    pairs = _pairs(text)
    info = {key: "=".join(values) if values else "T" for key, *values in pairs}
    if len(info) != len(pairs):
        twice = Counter(key for key, *_ in pairs).most_common(1)[0][0]
        raise FaultError(f"the key {twice[:40]!r} stands twice in the comment line. Drop one.")
    try:
        reference = key_val_str_to_dict(text) if text else {}
    except (ValueError, IndexError, TypeError, OverflowError, RecursionError) as error:
        raise FaultError(f"the comment line is not readable as extended XYZ ({error}).") from error
    if list(reference) != list(info):
        raise FaultError("the comment line can be understood in more than one way. Quote its values plainly.")
    return info


def _pairs(text: str) -> list[list[str]]:
    """Per pair: the key, then its values (more than one where ``=`` stands in an unquoted value)."""
    pairs: list[list[list[str]]] = []  # each key and value as the pieces of text that make it up
    gap, end, spaced = True, 0, False  # spaced: a blank stood between the last = and its value
    while found := _ITEM.match(text, end):
        end = found.end()
        kind = found.lastgroup or ""
        if kind == "space":
            gap = True
        elif kind == "equals":
            if not pairs or not pairs[-1][-1] or spaced or (gap and len(pairs[-1]) > 1):
                raise FaultError("the comment line has an = without a key before it or without a value after it.")
            pairs[-1].append([])
            gap = False
        else:
            word = found[kind] if kind in ("bare", "escaped") else _ESCAPE.sub(r"\1", found[kind])
            if not word:
                raise FaultError("the comment line has an empty quotation, of which readers make different things.")
            if gap and (not pairs or pairs[-1][-1]):
                pairs.append([[word]])
                spaced = False
            else:
                spaced = spaced or (gap and not pairs[-1][-1])
                pairs[-1][-1].append(word)
            gap = False
    if end != len(text):
        raise FaultError("a quotation or bracket of the comment line is not closed. Close it.")
    if pairs and not pairs[-1][-1]:
        raise FaultError(f"the key {''.join(pairs[-1][0])[:40]!r} has no value. Give one or drop it.")
    return [["".join(pieces) for pieces in pair] for pair in pairs]


@lru_cache(maxsize=256)
def _lattice(text: str) -> tuple[float, ...]:
    found = numbers(text)
    if found is None or not np.isfinite(found).all():
        raise FaultError(f"the lattice has a value that is not finite ({text[:60]!r}).")
    return found


def lattice(info: Info) -> tuple[float, ...]:
    """Nine numbers, Å: the three lattice vectors one after the other; zeros where there is none."""
    return _lattice(info["Lattice"]) if "Lattice" in info else _NO_CELL


def periodic(info: Info) -> tuple[bool, bool, bool]:
    """Along which vectors the frame repeats: as ``pbc`` says; all three where only a lattice is given."""
    if "pbc" not in info:
        return ("Lattice" in info,) * 3
    words = info["pbc"].replace(",", " ").split()
    known = _BITS if all(word in _BITS for word in words) else LOGICALS
    if not all(word in known for word in words) or len(words) not in (1, 3) or (len(words) == 1 and known is _BITS):
        raise FaultError(f'pbc needs three of T and F, as in pbc="T T F", not {info["pbc"][:40]!r}.')
    one, two, three = (known[word] for word in (words * 3)[:3])
    return one, two, three

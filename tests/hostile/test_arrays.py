"""Hostile archives of arrays: each refused in a moment and in little memory."""

from __future__ import annotations

import io
import os
import random
import resource
import struct
import time
import zipfile
from collections.abc import Callable

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.npz import RATIO_COUNTS_FROM, pack, unpack


def header(text: str, version: bytes = b"\x01\x00") -> bytes:
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text.encode()


def claim(shape: str, descr: str = "'<f8'") -> bytes:
    return header(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n")


def archive(*members: tuple[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as found:
        for name, content in members:
            found.writestr(name, content)
    return buffer.getvalue()


def objects() -> bytes:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (os.mkdir, ("never",))

    buffer = io.BytesIO()
    np.savez(buffer, x=np.array([Trap()], dtype=object))
    return buffer.getvalue()


def bomb() -> bytes:
    """Half a megabyte that unpacks to half a gigabyte."""
    return archive(("x.npy", claim("(1,)") + bytes(2 * RATIO_COUNTS_FROM)), how=zipfile.ZIP_DEFLATED)


def overlapping() -> bytes:
    """Ten thousand entries of the directory that all name the same megabyte."""
    content = archive(("x.npy", claim(f"({1 << 17},)") + bytes(1 << 20)))
    end = content.rindex(b"PK\x05\x06")
    start = struct.unpack("<L", content[end + 16 : end + 20])[0]
    entry, n = content[start:end], 10_000
    tail = bytearray(content[end:])
    struct.pack_into("<HHL", tail, 8, n, n, len(entry) * n)
    return content[:start] + entry * n + bytes(tail)


def encrypted() -> bytes:
    content = bytearray(pack({"x": np.arange(3)}))
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.arange(3))
    return buffer.getvalue()


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "objects": (objects, "holds pickled objects"),
    "objects in a record": (lambda: archive(("x.npy", claim("(1,)", "[('a', '|O')]") + bytes(8))), "pickled objects"),
    "bomb": (bomb, "unpacks to more than 200 times its size"),
    "entries that overlap": (overlapping, "unpacks to more than 200 times|a name stands in it twice"),
    "a claim of a terabyte": (lambda: archive(("x.npy", claim("(137438953472,)") + bytes(64))), "another size"),
    "a claim beyond all integers": (lambda: archive(("x.npy", claim(f"({10**40},)") + bytes(64))), "another size"),
    "a negative shape": (lambda: archive(("x.npy", claim("(-1, -8)") + bytes(64))), "a shape that is none"),
    "words of no length": (lambda: archive(("x.npy", claim("(1000000000000,)", "'<U0'"))), "a shape that is none"),
    "a word of a gigabyte": (lambda: archive(("x.npy", claim("(1,)", "'<U250000000'") + bytes(9))), "another size"),
    "more bytes than claimed": (lambda: archive(("x.npy", claim("(1,)") + bytes(16))), "another size"),
    "a header that is code": (lambda: archive(("x.npy", header("__import__('os').mkdir('never')"))), "not a file of"),
    "a header without end": (
        lambda: archive(
            ("x.npy", header("{'descr': (((((((")),
        ),
        "not a file of arrays",
    ),
    "a header of brackets": (lambda: archive(("x.npy", header("(" * 9000))), "not a file of arrays"),
    "version 3": (lambda: archive(("x.npy", header("{}", b"\x03\x00") + bytes(64))), "version"),
    "no array": (lambda: archive(("x.txt", b"hello")), "not a file of arrays"),
    "a member of nothing": (lambda: archive(("x.npy", b"")), "not a file of arrays"),
    "packed by lzma": (lambda: archive(("x.npy", claim("(1,)") + bytes(8)), how=zipfile.ZIP_LZMA), "packed in a way"),
    "encrypted": (encrypted, "not a file of arrays"),
    "one array without an archive": (npy, "not a file of arrays"),
    "a pickle": (lambda: b"cos\nsystem\n(S'false'\ntR.", "not a file of arrays"),
    "cut off": (lambda: pack({"x": np.arange(1000)})[:-30], "not a file of arrays"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_are_refused(name: str) -> None:
    make, sentence = HOSTILE[name]
    content = make()
    begin, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(RefusedError, match=sentence) as caught:
        unpack(content)
    assert time.process_time() - begin < 1.0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024  # KiB
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_a_name_that_stands_twice() -> None:
    member = ("x.npy", claim("(1,)") + bytes(8))
    with pytest.raises(RefusedError, match="a name stands in it twice"):
        unpack(archive(member, member))


def test_many_zeros_are_no_bomb() -> None:
    zeros = np.zeros(30_000_000)
    assert unpack(pack({"x": zeros}))["x"].shape == zeros.shape


@pytest.mark.parametrize("compress", [True, False])
def test_flipped_bytes_are_refused_or_harmless(compress: bool) -> None:
    good = pack({"a": np.arange(40.0).reshape(10, 4), "w": np.array(["x", "yz"])}, compress)
    draw = random.Random(24)
    refused = 0
    for _ in range(600):
        content = bytearray(good)
        for place in draw.sample(range(len(good)), 3):
            content[place] = draw.randrange(256)
        try:
            unpack(bytes(content))
        except RefusedError:
            refused += 1
    assert refused > 300

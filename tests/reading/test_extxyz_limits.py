"""Damaged archives, hostile sizes, speed and memory."""

from __future__ import annotations

import gzip
import lzma
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.reading import atoms, block, opening
from aiida_mlgun.reading.extxyz import ExtxyzSource

from .test_extxyz import GOOD, numbered, source


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_damaged_archives_are_refused(pack, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    packed = pack(numbered(50).encode())
    for content in (packed[:-3], packed[: len(packed) // 2], packed + b"garbage", packed[:20] + b"??" + packed[22:]):
        with pytest.raises(RefusedError, match="the compressed file is damaged"):
            len(source(tmp_path, content))


def test_xz_that_asks_for_much_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MAX_MEMORY", 1 << 20)
    with pytest.raises(RefusedError, match=r"damaged \(Memory usage limit"):
        len(source(tmp_path, lzma.compress(GOOD.encode(), preset=9)))


def test_wrong_paths(tmp_path: Path) -> None:
    for path, sentence in ((tmp_path / "a@b*.xyz", "there is no such file"), (tmp_path, "this is a folder")):
        with pytest.raises(RefusedError, match=sentence):
            len(ExtxyzSource(path))
    with pytest.raises(RefusedError, match="the file is empty"):
        len(source(tmp_path, ""))
    (tmp_path / "a@1[0]*.xyz").write_text(GOOD)
    assert len(ExtxyzSource(tmp_path / "a@1[0]*.xyz")) == 1
    with pytest.raises(ValueError, match="energie"):
        ExtxyzSource(tmp_path, {"energie": "E"})


ROWS = b"H 0 0 0\n" * 65536
HOSTILE = {
    "claim": b"900000000\ncomment\n",
    "claim, packed": gzip.compress(b"900000000\ncomment\n"),
    "claim with zeros behind, gzip": gzip.compress(b"900000\n\n" + b"\0" * (60 << 20)),
    "claim with zeros behind, xz": lzma.compress(b"900000\n\n" + b"\0" * (60 << 20), preset=0),
    "one long line": gzip.compress(b"1" * (60 << 20)),
    "blank lines": gzip.compress(b"1\n\nH 0 0 0\n" + b"\n" * (60 << 20)),
    "frames without end": gzip.compress((b"65536\n\n" + ROWS) * 130),
    "count of many digits": b"9" * 100_000 + b"\n",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_sizes_are_answered_at_once_and_in_little_memory(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "raw.xyz"
    path.write_bytes(content)
    code = (
        "import resource, sys, time; from pathlib import Path\n"
        "from aiida_mlgun.reading.extxyz import ExtxyzSource, RefusedError\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "begin, before = time.process_time(), peak()\n"
        "try:\n    [None for _ in ExtxyzSource(Path(sys.argv[1])).chunks()]\n"
        "except RefusedError as error:\n    print(time.process_time() - begin, peak() - before, error)\n"
    )
    result = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=60, check=True)
    seconds, mebibytes, *words = result.stdout.split()
    assert words, "the file was read"
    assert float(seconds) < 1.0
    assert float(mebibytes) < 200


def test_the_fast_paths_take_what_programs_write(tmp_path: Path) -> None:
    line = b"Si      1.50000000     -2.00000000      0.00000001\n"
    assert atoms.parse_even(line * 3, 3, block.layout(block.DEFAULT)) is not None
    begin = time.process_time()
    row = "Si" + "".join(f"{x:17.8f}" for x in (1.5, -2.25, 0, 3, 4, 5)) + "\n"
    text = "150\nProperties=species:S:1:pos:R:3:forces:R:3 energy=1\n" + row * 150
    assert len(source(tmp_path, text * 200)) == 200
    assert time.process_time() - begin < 200 * 2e-3  # ten times what it takes: a slow path takes thirty times


def test_memory_stays_at_a_chunk(tmp_path: Path) -> None:
    row = "Si" + "".join(f"{x:17.8f}" for x in (1.5, -2.25, 0, 3, 4, 5)) + "\n"
    text = "150\nProperties=species:S:1:pos:R:3:forces:R:3 energy=1\n" + row * 150
    found = source(tmp_path, text * 4000)  # 63 MB
    next(iter(found.chunks(64)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sum(len(part) for part in found.chunks(64)) == 4000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024  # KiB

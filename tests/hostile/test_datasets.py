"""Hostile files of frames, through the door that users take: each one sentence, none a node."""

from __future__ import annotations

import gzip
import lzma
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from aiida import orm
from click.testing import Result

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.data.frames import FramesData

LABELS = "Properties=species:S:1:pos:R:3:forces:R:3 energy=-1.0"
GOOD = f"1\n{LABELS}\nH 0.0 0.0 0.0 0.0 0.0 0.0\n"
ZEROS = b"\0" * (40 << 20)
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE modeling [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {y} "{("&" + x + ";") * 10}">' for x, y in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><modeling>&i;</modeling>"
)
STRANGER = '<?xml version="1.0"?><!DOCTYPE modeling [<!ENTITY x SYSTEM "file:///etc/passwd">]><modeling>&x;</modeling>'

HOSTILE: dict[str, tuple[str, bytes]] = {
    "a claim of a billion atoms": ("a.xyz", f"1000000000\n{LABELS}\nH 0 0 0 0 0 0\n".encode()),
    "a negative count": ("a.xyz", f"-5\n{LABELS}\nH 0 0 0 0 0 0\n".encode()),
    "a count of nothing": ("a.xyz", f"0\n{LABELS}\n".encode()),
    "a count beyond all integers": ("a.xyz", b"9" * 400 + b"\n\n"),
    "a bomb of xz": ("a.xyz.xz", lzma.compress(b"1000000\n\n" + ZEROS, preset=0)),
    "a bomb of gzip": ("a.xyz.gz", gzip.compress(b"1000000\n\n" + ZEROS)),
    "a bomb within a bomb": ("a.xyz.xz", lzma.compress(gzip.compress(ZEROS), preset=0)),
    "blank lines without end": ("a.xyz.gz", gzip.compress(GOOD.encode() + b"\n" * (40 << 20))),
    "a bomb as an OUTCAR": ("OUTCAR.xz", lzma.compress(b" vasp.6.4.1\n" + ZEROS, preset=0)),
    "a bomb as vasprun.xml": ("vasprun.xml.gz", gzip.compress(b"<modeling>" + b" " * (40 << 20))),
    "a bomb as pw.x output": ("md.pwo.gz", gzip.compress(b"     Program PWSCF v.6.7\n" + b"\n" * (40 << 20))),
    "a bomb as a trajectory": ("md.traj.gz", gzip.compress(b"- of UlmASE-Trajectory  " + ZEROS)),
    "xz that wants a gigabyte": (
        "a.xyz.xz",
        lzma.compress(GOOD.encode(), filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]),
    ),
    "entities that grow": ("vasprun.xml", LAUGHS.encode()),
    "an entity that is a file": ("vasprun.xml", STRANGER.encode()),
    "a trajectory that points beyond its end": (
        "md.traj",
        b"- of UlmASE-Trajectory  " + struct.pack("<3q", 3, 2**40, 2**50) + bytes(64),
    ),
    "escapes to the terminal": ("a.xyz", GOOD.replace("energy", 'stratum="\x1b[2J\x1b]0;x\x07" energy').encode()),
    "a zero byte": ("a.xyz", GOOD.replace("energy", "a=\0 energy").encode()),
    "no number": ("a.xyz", GOOD.replace("-1.0", "NaN").replace("0.0 0.0 0.0 0.0", "nan inf 0.0 0.0").encode()),
    "a number beyond all": ("a.xyz", GOOD.replace("0.0 0.0 0.0 0.0 0.0", "1e400 0.0 0.0 0.0 0.0").encode()),
    "columns without end": ("a.xyz", f"1\nProperties={':'.join(['a:R:999999999'] * 99)}\nH\n".encode()),
    "a script": ("a.xyz", b"#!/bin/sh\nreboot\n"),
    "nothing": ("a.xyz", b""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_each_is_refused_with_one_sentence(name: str, tmp_path: Path) -> None:
    file, content = HOSTILE[name]
    path = tmp_path / file
    path.write_bytes(content)
    with pytest.raises(RefusedError) as caught:
        FramesData.from_files(path)
    sentence = str(caught.value)
    assert file in sentence
    assert "passwd" not in sentence and "root:" not in sentence
    assert len(sentence) < 500 and "\n" not in sentence.strip()
    assert sentence.isprintable()


@pytest.mark.parametrize("name", ["a@1:3.xyz", "*.xyz", "[ab].xyz", "-rf.xyz", "a b;c.xyz", "$(reboot).xyz", "é.xyz"])
def test_names_are_names(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(GOOD)
    (tmp_path / "a.xyz").write_text("not this one")
    node = FramesData.from_files(tmp_path / name)
    assert len(node) == 1
    assert node.base.attributes.get("source")["files"][0]["name"] == name
    (tmp_path / name).unlink()
    with pytest.raises(RefusedError, match="there is no such file"):
        FramesData.from_files(tmp_path / name)


def test_links_to_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "endless.xyz").symlink_to("/dev/zero")
    with pytest.raises(RefusedError, match="no regular file"):
        FramesData.from_files(tmp_path / "endless.xyz")


def test_the_command_says_it_in_one_line_and_stores_nothing(
    tmp_path: Path, aiida_profile_clean: object, refusal: Callable[..., str], run: Callable[..., Result]
) -> None:
    (tmp_path / "bomb.xyz.xz").write_bytes(HOSTILE["a bomb of xz"][1])
    assert "unpacks to more than 100 times its size" in refusal("dataset", "import", tmp_path / "bomb.xyz.xz")
    assert orm.QueryBuilder().append(FramesData).count() == 0

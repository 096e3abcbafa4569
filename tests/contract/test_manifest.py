from __future__ import annotations

from pathlib import Path

import pytest

from aiida_mlgun.contract import files
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.manifest import SCHEMA, Manifest, checksums, parse, write, write_atomically


def test_a_written_manifest_reads_back(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    manifest = Manifest(
        SCHEMA, "curate", "ok", "", 24, "cpu", 1.5, {"ase": "3"}, checksums(tmp_path, ["a.txt"]), {"n": 3}
    )
    write(tmp_path, manifest)
    assert parse((tmp_path / files.MANIFEST).read_text()) == manifest
    assert manifest.outputs["a.txt"] == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


@pytest.mark.parametrize(
    ("text", "status"),
    [('{"schema": 1', "manifest_missing"), ("{}", "schema_mismatch"), ("[]", "schema_mismatch")],
)
def test_a_broken_manifest_is_refused_by_name(text: str, status: str) -> None:
    with pytest.raises(RefusedError) as caught:
        parse(text)
    assert caught.value.status == status


def test_another_schema_is_refused(tmp_path: Path) -> None:
    write(tmp_path, Manifest(SCHEMA + 1, "curate", "ok", "", 24, "cpu", 1.5))
    with pytest.raises(RefusedError, match="schema") as caught:
        parse((tmp_path / files.MANIFEST).read_text())
    assert caught.value.status == "schema_mismatch"


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for content in (b"one", b"two"):
        write_atomically(path, content)
    assert path.read_bytes() == b"two"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]

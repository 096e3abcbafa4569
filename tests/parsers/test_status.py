"""Every row of the table of statuses, and every way in which a manifest can be wrong, for every verb."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from aiida_mlgun.contract import files
from aiida_mlgun.contract.jobs import VERBS
from aiida_mlgun.contract.status import BY_NAME, TABLE, Status
from tests.parsers.conftest import Parsed, manifest, ok

Parse = Callable[..., Parsed]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_each_status_gives_its_exit_code_with_the_detail(row: Status, parse: Parse) -> None:
    verb = list(VERBS)[row.code % len(VERBS)]
    found = parse(verb, ok(verb, {}, status=row.name, detail="this is the detail."))
    assert (found.code, found.message) == (row.code, row.message.format(detail="this is the detail."))
    assert "this is the detail." in (found.message or "")
    assert found.outputs["results"].get_dict()["status"] == row.name  # type: ignore[attr-defined]


def test_results_hold_numbers_versions_and_device(parse: Parse) -> None:
    results = parse("train", ok("train", {}, status="loss_diverged", detail="d")).outputs["results"]
    assert results.get_dict() == {  # type: ignore[attr-defined]
        "verb": "train",
        "status": "loss_diverged",
        "detail": "d",
        "seed": 24,
        "device": "cpu",
        "wall_seconds": 1.5,
        "versions": {"torch": "2.0"},
        "numbers": {"n": 3},
    }


def test_a_status_from_another_version_is_unexpected(parse: Parse) -> None:
    found = parse("curate", ok("curate", {}, status="made_up", detail="d."))
    assert found.code == BY_NAME["unexpected"].code


def test_braces_in_the_detail_do_no_harm(parse: Parse) -> None:
    found = parse("curate", ok("curate", {}, status="unexpected", detail="KeyError: {0} {x}."))
    assert "KeyError: {0} {x}." in (found.message or "")


@pytest.mark.parametrize("verb", VERBS)
def test_no_manifest_quotes_the_last_words(verb: str, parse: Parse) -> None:
    found = parse(verb, {files.STDERR: b"first\nKilled by the kernel\n\n", files.STDOUT: b"step 3\n"})
    assert found.code == BY_NAME["manifest_missing"].code
    assert "last words: 'Killed by the kernel'." in (found.message or "")
    assert found.outputs == {}


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ({}, "none"),
        ({files.STDOUT: b"step 3\n"}, "step 3"),
        ({files.STDERR: b"\xff\n", files.STDOUT: b"a"}, "\ufffd"),
    ],
)
def test_last_words_from_what_there_is(contents: dict[str, bytes], words: str, parse: Parse) -> None:
    assert f"last words: {words!r}." in (parse("shoot", contents).message or "")


@pytest.mark.parametrize("verb", VERBS)
def test_no_manifest_leaves_the_schedulers_verdict(verb: str, parse: Parse) -> None:
    assert parse(verb, {}, scheduler=120).code is None


def test_a_manifest_speaks_although_the_scheduler_has(parse: Parse) -> None:
    found = parse("shoot", ok("shoot", {}, status="wall_time", detail="3 of 9."), scheduler=120)
    assert found.code == BY_NAME["wall_time"].code


@pytest.mark.parametrize("size", [0, 1, 40])
def test_a_cut_off_manifest_is_a_missing_one(size: int, parse: Parse) -> None:
    found = parse("train", {files.MANIFEST: manifest("train")[:size]})
    assert found.code == BY_NAME["manifest_missing"].code
    assert "result.json is not JSON" in (found.message or "")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (manifest("train", schema=99), "schema 99, this version reads 1"),
        (manifest("train", colour="red"), "unknown key 'colour'"),
        (b"[]", "a mapping is needed"),
        (json.dumps({"schema": 1}).encode(), "is missing"),
    ],
)
def test_a_foreign_manifest_is_a_schema_mismatch(content: bytes, words: str, parse: Parse) -> None:
    found = parse("train", {files.MANIFEST: content})
    assert found.code == BY_NAME["schema_mismatch"].code
    assert words in (found.message or "")
    assert found.outputs == {}


@pytest.mark.parametrize("verb", VERBS)
def test_a_changed_file_is_a_checksum_mismatch(verb: str, parse: Parse) -> None:
    contents = ok(verb, {"curation.json": b"{}"}) | {"curation.json": b"{ }"}
    found = parse(verb, contents)
    assert found.code == BY_NAME["checksum_mismatch"].code
    assert "curation.json has another sha256 than the manifest says." in (found.message or "")
    assert set(found.outputs) == {"results"}


def test_a_file_that_did_not_come_back(parse: Parse) -> None:
    contents = ok("shoot", {files.SHOTS: b"x"})
    del contents[files.SHOTS]
    found = parse("shoot", contents)
    assert found.code == BY_NAME["checksum_mismatch"].code
    assert files.SHOTS in (found.message or "")
    assert "did not come back." in (found.message or "")


@pytest.mark.parametrize(
    ("verb", "outputs"),
    [
        ("curate", {files.CURATION: b'{"counts": {'}),
        ("evaluate", {files.ERRORS: b"{", files.PREDICTIONS: b""}),
        ("shoot", {files.SHOTS: b"PK\x03\x04 cut off"}),
        ("convert", {f"{files.MODEL}/{name}": b"" for name in files.MODEL_FILES}),
    ],
)
def test_outputs_written_broken_are_named(verb: str, outputs: dict[str, bytes], parse: Parse) -> None:
    from aiida import orm

    given = {"parameters": orm.Dict({"sha256": "a" * 64})}
    found = parse(verb, ok(verb, outputs), given)
    assert found.code == BY_NAME["checksum_mismatch"].code

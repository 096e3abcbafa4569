from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from click.testing import Result

from aiida_mlgun.assets import slab
from aiida_mlgun.data.frames import FramesData
from tests.nodes import acetylene, labelled

XYZ = (
    '2\nLattice="8 0 0 0 8 0 0 0 8" Properties=species:S:1:pos:R:3:REF_forces:R:3 REF_energy=-31.7 config_type=gun '
    'level=PBE run_id=r0 pbc="T T T"\nH 0 0 0 0.1 0 0\nC 1.1 0 0 -0.1 0 0\n'
)
BARE = XYZ.replace(":REF_forces:R:3", "").replace(" 0.1 0 0", "").replace(" -0.1 0 0", "")
Run = Callable[..., Result]
Refusal = Callable[..., str]


def count() -> int:
    return orm.QueryBuilder().append(FramesData).count()


def test_import_prints_the_pk_and_what_was_read(run: Run, tmp_path: Path) -> None:
    paths = [tmp_path / "a.extxyz", tmp_path / "b.xyz"]
    for path in paths:
        path.write_text(XYZ * 2)
    result = run("dataset", "import", *paths, "--label", "mine")
    assert result.exit_code == 0, result.output
    assert "a.extxyz (extxyz): 2 frames, energy from REF_energy, forces from REF_forces" in result.output
    found = re.search(r"FramesData<(\d+)>: 4 frames of H C", result.output)
    assert found
    node = orm.load_node(int(found[1]))
    assert (node.label, len(node)) == ("mine", 4)
    shown = run("dataset", "show", node.pk)
    for words in ("frames", "4", "H C", "energy, forces", "gun 4", "PBE 4", node.content_hash[:16]):
        assert words in shown.stdout


def test_keys_can_be_named(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "own.xyz"
    path.write_text(XYZ.replace("REF_energy", "my_energy").replace("REF_forces", "my_forces"))
    result = run("dataset", "import", path, "--energy-key", "my_energy", "--forces-key", "my_forces")
    assert "energy from my_energy, forces from my_forces" in result.output


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty."),
        (XYZ.replace("REF_energy=-31.7 ", "").encode(), "no frame has an energy. Name its key with --energy-key."),
        (BARE.encode(), "no frame has forces, and dynamics cannot be learnt without."),
        (XYZ.replace(":REF_forces:R:3", "").encode(), "7 columns, 'species:S:1:pos:R:3' asks for 4."),
        (b"\xff\xfe\x00", "this is no text file"),
        (XYZ[:-30].encode(), ""),
        (b"hello\n", ""),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(content: bytes, words: str, refusal: Refusal, tmp_path: Path) -> None:
    path, before = tmp_path / "bad.extxyz", count()
    path.write_bytes(content)
    sentence = refusal("dataset", "import", path)
    assert "bad.extxyz" in sentence
    assert words in sentence
    assert count() == before


def test_wrong_paths(refusal: Refusal, tmp_path: Path) -> None:
    assert refusal("dataset", "import", tmp_path / "nowhere.xyz").endswith("nowhere.xyz: there is no such file.")
    assert refusal("dataset", "import", tmp_path).endswith("this is a folder; name the files in it.")
    assert "has an energy" in refusal("dataset", "import", slab())


def test_a_named_key_that_no_frame_has(refusal: Refusal, tmp_path: Path) -> None:
    path = tmp_path / "a.xyz"
    path.write_text(XYZ)
    assert "nothing_of_the_kind" in refusal("dataset", "import", path, "--energy-key", "nothing_of_the_kind")


def test_show_takes_frames_alone(run: Run) -> None:
    frames, other = FramesData(labelled(acetylene())).store(), orm.Int(3).store()
    assert run("dataset", "show", frames.pk).exit_code == 0
    assert run("dataset", "show", other.pk).exit_code != 0
    assert run("dataset", "show", 10**9).exit_code != 0


def test_content_that_is_stored_is_not_stored_again(run: Run, tmp_path: Path) -> None:
    one, other = tmp_path / "one.xyz", tmp_path / "other.xyz"
    for path in (one, other):
        path.write_text(XYZ.replace("-31.7", "-31.875"))
    assert "FramesData<" in run("dataset", "import", one).output
    before = count()
    assert "the same content is stored already: FramesData<" in run("dataset", "import", other).output
    assert count() == before


def test_check_finds_what_stands_in_two_sets(run: Run, refusal: Refusal) -> None:
    frames = labelled(acetylene(), 6)
    moved = frames.positions + np.repeat(np.arange(6), len(acetylene()))[:, None] * [0.0, 0.0, 0.1]
    moved[:: len(acetylene()), 2] += np.arange(6) * 0.01
    frames = replace(frames, positions=moved)
    one, two = (FramesData(frames.select(index)).store() for index in ([0, 1, 2], [3, 4, 5]))
    both = FramesData(frames.select([2, 5])).store()
    assert "no frame stands in two sets" in run("dataset", "check", one.pk, two.pk).output
    result = run("dataset", "check", one.pk, two.pk, both.pk)
    assert result.exit_code != 0
    assert f"frame 2 of <{one.pk}> is frame 0 of <{both.pk}>" in result.output
    assert "2 frames and 0 runs stand in two sets." in result.output
    assert "give at least two sets" in refusal("dataset", "check", one.pk)


def test_the_licence_is_kept_where_aiida_looks_for_it(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.extxyz"
    path.write_text(XYZ.replace("-31.7", "-31.6"))
    found = re.search(r"FramesData<(\d+)>", run("dataset", "import", path, "--licence", "CC-BY-4.0").output)
    assert found
    assert orm.load_node(int(found[1])).source["license"] == "CC-BY-4.0"

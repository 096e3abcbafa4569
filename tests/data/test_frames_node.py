from __future__ import annotations

import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from aiida import orm

from aiida_mlgun.contract import files
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.science.frames import Frames, canonical_hash

XYZ = (
    '2\nLattice="8 0 0 0 8 0 0 0 8" Properties=species:S:1:pos:R:3:REF_forces:R:3 REF_energy=-31.7 config_type=gun '
    'level=PBE run_id=r0 pbc="T T T"\nH 0 0 0 0.1 0 0\nC 1.1 0 0 -0.1 0 0\n'
)
H_ATOM = "1\nProperties=species:S:1:pos:R:3:REF_forces:R:3 REF_energy=-13.6 config_type=IsolatedAtom\nH 0 0 0 0 0 0\n"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    path = tmp_path / "raw.extxyz"
    path.write_text(XYZ * 3 + H_ATOM)
    return path


def test_attributes_answer_what_one_asks(raw: Path) -> None:
    node = FramesData.from_files(raw).store()
    get = node.base.attributes.get
    assert (get("n_frames"), get("n_isolated"), get("elements")) == (4, 1, ["H", "C"])
    assert (get("strata"), get("levels"), get("n_runs")) == ({"gun": 3}, {"PBE": 3}, 1)
    assert get("has") == ["energy", "forces"]
    assert node.e0s == {"H": -13.6}
    assert get("source")["files"][0]["keys"] == {"energy": "REF_energy", "forces": "REF_forces", "stress": None}
    found = orm.QueryBuilder().append(FramesData, filters=FramesData.fields.n_frames == 4).all(flat=True)
    assert node.pk in [n.pk for n in found]


def test_equal_content_has_an_equal_hash_whatever_the_file(raw: Path, tmp_path: Path) -> None:
    packed = [tmp_path / "other.extxyz.gz", tmp_path / "other.extxyz.xz"]
    packed[0].write_bytes(gzip.compress(raw.read_bytes()))
    packed[1].write_bytes(lzma.compress(raw.read_bytes()))
    nodes = [FramesData.from_files(path).store() for path in (raw, *packed)]
    assert len({node.content_hash for node in nodes}) == 1
    assert len({node.base.caching.compute_hash() for node in nodes}) == 1


def test_extxyz_out_and_in_again(raw: Path, tmp_path: Path) -> None:
    node = FramesData.from_files(raw)
    out = io.StringIO()
    node.to_extxyz(out)
    path = tmp_path / "again.extxyz"
    path.write_text(out.getvalue())
    again = FramesData.from_files(path).frames()
    assert np.allclose(again.positions, node.frames().positions, atol=1e-8)
    assert again.energy.tolist() == node.frames().energy.tolist()
    assert canonical_hash(again.with_tag("source", [""] * 4)) == canonical_hash(again)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the file is empty"),
        (XYZ.replace("REF_energy=-31.7 ", "").encode(), "no frame has an energy. Name its key with --energy-key"),
        (XYZ.replace("REF_forces", "F").encode(), "no frame has forces, and dynamics cannot be learnt without"),
        (b"\xff\xfe\x00\x01", "no text file"),
    ],
)
def test_bad_files_are_refused_with_a_sentence(content: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.extxyz"
    path.write_bytes(content)
    with pytest.raises(RefusedError, match=f"bad.extxyz.*{sentence}"):
        FramesData.from_files(path)


def test_wrong_paths_and_damaged_archives_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="there is no such file"):
        FramesData.from_files(tmp_path / "nowhere.xyz")
    with pytest.raises(RefusedError, match="this is a folder"):
        FramesData.from_files(tmp_path)
    broken = tmp_path / "broken.xyz.xz"
    broken.write_bytes(lzma.compress(XYZ.encode())[:-20])
    with pytest.raises(RefusedError, match="damaged"):
        FramesData.from_files(broken)


def test_an_empty_node_cannot_be_stored() -> None:
    from aiida.common.exceptions import ValidationError

    with pytest.raises(ValidationError, match=r"frames\.npz"):
        FramesData().store()


def test_equal_content_under_another_name_is_one_object(tmp_path: Path, make_frames: Callable[..., Frames]) -> None:
    frames = make_frames(3, run="a")
    one, two = (FramesData(frames.with_tag("source", [name] * 3)).store() for name in ("a.xyz", "b.xyz"))
    keys = [node.base.repository.metadata["o"][files.FRAMES]["k"] for node in (one, two)]
    assert keys[0] == keys[1]
    assert one.content_hash == two.content_hash
    assert two.frames().tag("source").tolist() == ["b.xyz"] * 3
    assert two.twins() == [one.pk]

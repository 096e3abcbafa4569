from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aiida_mlgun.contract import files
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.remote.io import Progress, read_frames, write_arrays, write_frames, write_json
from aiida_mlgun.science.frames import Frames, canonical_hash, to_arrays


def test_frames_come_back_and_equal_frames_are_equal_bytes(tmp_path: Path, make_frames: Callable[..., Frames]) -> None:
    frames = make_frames(4, run="a")
    for name in ("a.npz", "b.npz"):
        write_frames(tmp_path / name, frames)
    assert canonical_hash(read_frames(tmp_path / "a.npz")) == canonical_hash(frames)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"a.npz", "b.npz"}


def test_no_frames_at_all_come_back_too(tmp_path: Path, make_frames: Callable[..., Frames]) -> None:
    write_frames(tmp_path / "none.npz", make_frames(2).select([]))
    assert len(read_frames(tmp_path / "none.npz")) == 0


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"the file train\.npz is missing from the job's folder"):
        read_frames(tmp_path / files.TRAIN)


def test_what_is_no_frames_is_named(tmp_path: Path, make_frames: Callable[..., Frames]) -> None:
    path = tmp_path / files.TRAIN
    write_frames(path, make_frames(4))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(RefusedError, match=r"train\.npz: this is not a file of arrays"):
        read_frames(path)
    write_arrays(path, {"positions": np.zeros((2, 3))})
    with pytest.raises(RefusedError, match=r"train\.npz: the frames lack the array 'offsets'"):
        read_frames(path)
    write_arrays(path, to_arrays(make_frames(4)) | {"energy": np.zeros(3)})
    with pytest.raises(RefusedError, match=r"train\.npz: the array 'energy' has shape \(3,\), \(4,\) is needed"):
        read_frames(path)


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    content = io.BytesIO()
    np.savez(content, offsets=np.array([{}], dtype=object))
    (tmp_path / files.TRAIN).write_bytes(content.getvalue())
    with pytest.raises(RefusedError, match="not a file of arrays"):
        read_frames(tmp_path / files.TRAIN)
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        write_arrays(tmp_path / "other.npz", {"a": np.array([{}], dtype=object)})
    assert not (tmp_path / "other.npz").exists()


def test_json_is_sorted_and_never_holds_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1, "a": [1.5, None]})
    assert (tmp_path / "a.json").read_text().index('"a"') < (tmp_path / "a.json").read_text().index('"b"')
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text()) == {"b": 1, "a": [1.5, None]}  # the old file stands


def test_progress_is_written_now_and_then_and_at_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(tmp_path, 3, "steps", every=3600.0)
    progress.report(1)
    assert not (tmp_path / files.PROGRESS).exists()
    progress.report(3, rate=2.5)
    told = json.loads((tmp_path / files.PROGRESS).read_text())
    assert (told["done"], told["total"], told["unit"], told["rate"]) == (3, 3, "steps", 2.5)
    assert told["eta_s"] == 0
    assert capsys.readouterr().out.startswith("3/3 steps")


def test_progress_tells_what_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(tmp_path, 4, "shots", every=0.0)
    progress.start -= 10.0
    progress.report(0, "about to begin")
    assert json.loads((tmp_path / files.PROGRESS).read_text())["eta_s"] is None
    progress.report(1)
    assert json.loads((tmp_path / files.PROGRESS).read_text())["eta_s"] == pytest.approx(30.0, abs=1.0)
    assert capsys.readouterr().out.splitlines()[0] == "about to begin"


def test_progress_towards_an_unknown_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(tmp_path, None, "frames read", every=0.0)
    progress.report(256)
    told = json.loads((tmp_path / files.PROGRESS).read_text())
    assert (told["done"], told["total"], told["eta_s"]) == (256, None, None)
    assert capsys.readouterr().out.startswith("256 frames read")

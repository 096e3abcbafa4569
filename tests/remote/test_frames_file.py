from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from aiida_mlgun.remote.frames_file import FramesFile
from aiida_mlgun.remote.io import read_frames
from aiida_mlgun.science.frames import Frames, canonical_hash, concatenate, to_arrays
from aiida_mlgun.science.npz import pack

MakeFrames = Callable[..., Frames]


def test_it_grows_to_the_same_bytes_as_all_frames_at_once(tmp_path: Path, make_frames: MakeFrames) -> None:
    one = make_frames(3, run="a", stratum="gun")
    two = make_frames(2, Atoms("CO", [(0, 0, 0), (1.1, 0, 0)], cell=[9, 9, 9]), run="a longer name")
    two = replace(two, velocities=np.ones((4, 3)))
    target = FramesFile(tmp_path / "x.npz", ["energy", "forces", "velocities"], ["run", "stratum"])
    for part in (one, two):
        target.append(part)
    assert len(target) == 5
    target.close()
    both = concatenate([one, two])
    assert (tmp_path / "x.npz").read_bytes() == pack(to_arrays(both), compress=False)
    again = read_frames(tmp_path / "x.npz")
    assert canonical_hash(again) == canonical_hash(both)
    assert np.isnan(again.velocities[:6]).all() and (again.velocities[6:] == 1).all()
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]


def test_nothing_appears_without_frames_or_when_given_up(tmp_path: Path, make_frames: MakeFrames) -> None:
    FramesFile(tmp_path / "x.npz", ["energy"], []).close()
    target = FramesFile(tmp_path / "y.npz", ["energy"], [])
    target.append(make_frames(2))
    target.discard()
    assert list(tmp_path.iterdir()) == []


def test_in_a_with_it_appears_unless_something_went_wrong(tmp_path: Path, make_frames: MakeFrames) -> None:
    with FramesFile(tmp_path / "x.npz", ["energy", "forces"], []) as target:
        target.append(make_frames(2))
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]
    with pytest.raises(KeyboardInterrupt), FramesFile(tmp_path / "y.npz", ["energy"], []) as target:
        target.append(make_frames(2))
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]

"""The shipped frames with planted faults, found one by one; empty ends; splits."""

from __future__ import annotations

import collections
import io
import json
import lzma
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from aiida_mlgun import assets
from aiida_mlgun.contract import files
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.jobs import CurateJob
from aiida_mlgun.remote import curate
from aiida_mlgun.remote.io import read_frames, write_frames
from aiida_mlgun.science import extxyz
from aiida_mlgun.science.frames import Frames, canonical_hash, concatenate, from_atoms


def shipped(name: str) -> tuple[Frames, list[str]]:
    """The frames of a shipped set, and which fault each was given."""
    text = lzma.decompress(assets.dataset(name).read_bytes()).decode()
    faults = [found[1] for line in text.splitlines() if (found := re.search(r"bad_kind=(\w+)", line))]
    return extxyz.read_frames(io.StringIO(text), len(text), name)[0], faults


@pytest.fixture(scope="module")
def faulty() -> tuple[Frames, int, list[str]]:
    """The two runs from which the faulty frames were made and three isolated atoms, then the faulty frames."""
    good, _ = shipped("si001_c2hx_gfn1")
    good = good.select(np.isin(good.tag("run"), ["gun_C2H2_02", "gun_C2H4_07"]) | good.is_isolated)
    bad, faults = shipped("si001_c2hx_gfn1_bad")
    return concatenate([good, bad]), len(good), faults


def dropped(folder: Path, first_bad: int, faults: list[str]) -> dict[str, dict[str, int]]:
    """Filter → fault → how many frames with it the filter dropped; ``good`` for frames without a fault."""
    steps = json.loads((folder / files.CURATION).read_text())["steps"]
    named = lambda i: faults[i - first_bad] if i >= first_bad else "good"  # noqa: E731
    return {s["filter"]: dict(collections.Counter(map(named, s["frames"]))) for s in steps if s["frames"]}


def test_the_planted_faults_are_found_and_nothing_else(tmp_path: Path, faulty: tuple[Frames, int, list[str]]) -> None:
    frames, first_bad, faults = faulty
    write_frames(tmp_path / files.FRAMES, frames)
    result = curate.run(CurateJob(), tmp_path)
    assert dropped(tmp_path, first_bad, faults) == {
        "without_labels": {"nan_force": 1, "missing_energy": 1},
        "unconverged": {"scf_loose": 3},
        "duplicates": {"duplicate": 4, "wrong_units": 1},  # the one in other units repeats a frame's positions
        "bond_fission": {"CH_fission": 5, "huge_force": 2, "exploded": 1},  # the sixth, 1.6 Å, is a stretched bond
        "above_force": {"huge_force": 2},
    }
    assert result.numbers["n_raw"] == 155 + 22
    assert result.numbers["dropped_bond_fission"] == 8
    assert result.numbers["n_train"] + result.numbers["n_validation"] == 177 - 3 - 20
    report = json.loads((tmp_path / files.CURATION).read_text())
    assert report["n_isolated"] == 3
    assert report["e0s"] == pytest.approx({"C": -47.329357, "H": -10.923452, "Si": -44.176297}, abs=1e-6)
    assert report["strata"] == {"bad": 1, "gun": 153}


def test_an_energy_in_other_units_is_an_outlier(tmp_path: Path, faulty: tuple[Frames, int, list[str]]) -> None:
    frames, first_bad, faults = faulty
    write_frames(tmp_path / files.FRAMES, frames)
    curate.run(CurateJob(drop_duplicates=False), tmp_path)
    found = dropped(tmp_path, first_bad, faults)
    assert found["energy_outliers"] == {"wrong_units": 1}
    assert "duplicates" not in found


def test_filters_that_are_off_drop_nothing(tmp_path: Path, faulty: tuple[Frames, int, list[str]]) -> None:
    frames, first_bad, faults = faulty
    write_frames(tmp_path / files.FRAMES, frames)
    job = CurateJob(
        drop_duplicates=False,
        drop_unconverged=False,
        bond_fission=(),
        max_force=None,
        min_distance=0.0,
        energy_outlier=None,
    )
    curate.run(job, tmp_path)
    assert dropped(tmp_path, first_bad, faults) == {"without_labels": {"nan_force": 1, "missing_energy": 1}}


def test_equal_jobs_give_equal_bytes_and_another_seed_another_split(
    tmp_path: Path, make_frames: Callable[..., Frames]
) -> None:
    seen = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        write_frames(tmp_path / name / files.FRAMES, make_frames(40))
        curate.run(CurateJob(seed=seed, validation=0.25), tmp_path / name)
        seen.append((tmp_path / name / files.TRAIN).read_bytes())
    assert seen[0] == seen[1] != seen[2]


def test_sides_are_disjoint_and_isolated_atoms_train(tmp_path: Path, make_frames: Callable[..., Frames]) -> None:
    lone = from_atoms([Atoms("H", cell=[8, 8, 8], pbc=True)], {"stratum": ["IsolatedAtom"]})
    lone = replace(lone, energy=np.array([-1.5]), forces=np.zeros((1, 3)))
    write_frames(tmp_path / files.FRAMES, concatenate([lone, make_frames(40)]))
    result = curate.run(CurateJob(keep_every=2, validation=5, test=0.1), tmp_path)
    sides = [read_frames(tmp_path / name) for name in (files.TRAIN, files.VALIDATION, files.TEST)]
    assert [len(side) for side in sides] == [1 + 13, 5, 2]
    assert (result.numbers["n_train"], result.numbers["dropped_keep_every"]) == (13, 20)
    assert [int(side.is_isolated.sum()) for side in sides] == [1, 0, 0]
    each = [canonical_hash(side.select([i])) for side in sides for i in range(len(side))]
    assert len(set(each)) == 21


def test_an_isolated_atom_without_an_energy_is_no_reference(tmp_path: Path, make_frames: Callable[..., Frames]) -> None:
    lone = from_atoms([Atoms("H", cell=[8, 8, 8], pbc=True)], {"stratum": ["IsolatedAtom"]})
    write_frames(tmp_path / files.FRAMES, concatenate([lone, make_frames(10)]))
    assert curate.run(CurateJob(), tmp_path).status == "ok"
    assert json.loads((tmp_path / files.CURATION).read_text())["e0s"] == {}


def test_no_run_stands_on_two_sides(tmp_path: Path, make_frames: Callable[..., Frames]) -> None:
    runs = [make_frames(4, seed=i, run=f"run{i}") for i in range(6)]
    write_frames(tmp_path / files.FRAMES, concatenate(runs))
    curate.run(CurateJob(split="by_run", validation=0.2, test=0.2), tmp_path)
    sides = [set(read_frames(tmp_path / name).tag("run").tolist()) for name in curate.SIDES.values()]
    assert [len(side) for side in sides] == [2, 2, 2]
    assert len(set.union(*sides)) == 6


def test_the_frames_own_split_is_taken(tmp_path: Path, make_frames: Callable[..., Frames]) -> None:
    frames = make_frames(4).with_tag("split", ["train", "valid", "test", "train"])
    write_frames(tmp_path / files.FRAMES, frames)
    numbers = curate.run(CurateJob(split="tag"), tmp_path).numbers
    assert (numbers["n_train"], numbers["n_validation"], numbers["n_test"]) == (2, 1, 1)
    write_frames(tmp_path / files.FRAMES, frames.with_tag("split", ["test"] * 4))
    with pytest.raises(RefusedError, match="no frame to train on") as caught:
        curate.run(CurateJob(split="tag"), tmp_path)
    assert caught.value.status == "nothing_left"


def test_nothing_left_names_the_filter_that_dropped_most(tmp_path: Path, make_frames: Callable[..., Frames]) -> None:
    frames = make_frames(5)
    write_frames(tmp_path / files.FRAMES, concatenate([frames, frames.select([0])]))
    with pytest.raises(RefusedError, match=r"none of 6 frames is left; too_close dropped 5\.") as caught:
        curate.run(CurateJob(min_distance=2.0), tmp_path)
    assert caught.value.status == "nothing_left"
    assert not (tmp_path / files.TRAIN).exists()

"""The shipped frames with planted faults, found one by one; empty ends; splits."""

from __future__ import annotations

import collections
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
from aiida_mlgun.contract.curating import CurateJob
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.reading.extxyz import ExtxyzSource
from aiida_mlgun.remote import curate
from aiida_mlgun.remote.io import read_frames, write_frames
from aiida_mlgun.science.frames import Frames, canonical_hash, concatenate, from_atoms
from aiida_mlgun.science.npz import unpack


def shipped(name: str) -> tuple[Frames, list[str]]:
    """The frames of a shipped set, and which fault each was given."""
    path = assets.dataset(name)
    text = lzma.decompress(path.read_bytes()).decode()
    faults = [found[1] for line in text.splitlines() if (found := re.search(r"bad_kind=(\w+)", line))]
    return concatenate(list(ExtxyzSource(path).chunks())), faults


@pytest.fixture(scope="module")
def faulty() -> tuple[Frames, int, list[str]]:
    """The two runs from which the faulty frames were made and three isolated atoms, then the faulty frames."""
    good, _ = shipped("si001_c2hx_gfn1")
    good = good.select(np.isin(good.tag("run"), ["gun_C2H2_02", "gun_C2H4_07"]) | good.is_isolated)
    bad, faults = shipped("si001_c2hx_gfn1_bad")
    return concatenate([good, bad]), len(good), faults


def dropped(folder: Path, first_bad: int, faults: list[str]) -> dict[str, dict[str, int]]:
    """Filter → fault → how many frames with it the filter dropped; ``good`` for frames without a fault."""
    fates = unpack((folder / files.FATES).read_bytes())
    names = [step["filter"] for step in json.loads((folder / files.CURATION).read_text())["steps"]]
    named = lambda i: faults[i - first_bad] if i >= first_bad else "good"  # noqa: E731
    found = {name: np.flatnonzero(fates["names"][fates["fate"]] == name).tolist() for name in names}
    return {name: dict(collections.Counter(map(named, numbers))) for name, numbers in found.items() if numbers}


def test_the_planted_faults_are_found_and_nothing_else(tmp_path: Path, faulty: tuple[Frames, int, list[str]]) -> None:
    frames, first_bad, faults = faulty
    write_frames(tmp_path / files.FRAMES, frames)
    result = curate.run(CurateJob(), tmp_path)
    assert dropped(tmp_path, first_bad, faults) == {
        "without_labels": {"nan_force": 1, "missing_energy": 1},
        "unconverged": {"scf_loose": 3},
        "bond_fission": {"CH_fission": 6, "huge_force": 2, "exploded": 1},
        "above_force": {"huge_force": 2},
        "energy_outliers": {"wrong_units": 1},
        "duplicates": {"duplicate": 4},
        "near_duplicates": {"near_duplicate": 1},
    }
    assert result.numbers["n_raw"] == 155 + 22
    assert result.numbers["dropped_bond_fission"] == 9
    assert result.numbers["n_train"] + result.numbers["n_validation"] == 177 - 3 - 22
    report = json.loads((tmp_path / files.CURATION).read_text())
    assert report["n_isolated"] == 3
    assert report["e0s"]["values"] == pytest.approx({"C": -47.329357, "H": -10.923452, "Si": -44.176297}, abs=1e-6)
    strata = {name: (row["raw"], row["kept"]) for name, row in report["strata"].items()}
    assert strata == {"bad": (14, 0), "gun": (160, 152)}
    fission = next(step for step in report["steps"] if step["filter"] == "bond_fission")
    assert fission["parameters"] == {"pairs": [["C", "H"]], "stretch": 1.4, "drops": "rest_of_run"}
    assert len(fission["first"]) == 9
    assert report["leaks"]["frames"] == 0
    assert sum(report["histograms"]["max_force"]["kept"]) == 152


def test_of_two_geometries_with_contradicting_energies_both_fall(
    tmp_path: Path, faulty: tuple[Frames, int, list[str]]
) -> None:
    frames, first_bad, faults = faulty
    write_frames(tmp_path / files.FRAMES, frames)
    curate.run(CurateJob(energy_outlier=None), tmp_path)
    found = dropped(tmp_path, first_bad, faults)
    assert found["conflicting_labels"] == {"wrong_units": 1, "good": 1}


def test_filters_that_are_off_drop_nothing(tmp_path: Path, faulty: tuple[Frames, int, list[str]]) -> None:
    frames, first_bad, faults = faulty
    twice = [first_bad + i for i, fault in enumerate(faults) if fault in ("duplicate", "wrong_units")]
    once = np.setdiff1d(np.arange(len(frames)), twice)  # a frame on two sides would be a leak
    write_frames(tmp_path / files.FRAMES, frames.select(once))
    faults = [fault for fault in faults if fault not in ("duplicate", "wrong_units")]
    job = CurateJob(
        drop_duplicates=False,
        drop_unconverged=False,
        bond_fission=(),
        max_force=None,
        min_distance=0.0,
        max_stray=None,
        energy_outlier=None,
        near_duplicate=None,
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
    assert json.loads((tmp_path / files.CURATION).read_text())["e0s"]["values"] == {}


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
    with pytest.raises(RefusedError, match=r"none of 6 frames is left; too_close dropped 6\.") as caught:
        curate.run(CurateJob(min_distance=2.0), tmp_path)
    assert caught.value.status == "nothing_left"
    assert not (tmp_path / files.TRAIN).exists()


def test_a_raw_path_gives_what_the_same_frames_in_a_node_give(tmp_path: Path) -> None:
    path = assets.dataset("si001_c2hx_gfn1")
    report = []
    for name, raw in (("path", (str(path),)), ("node", ())):
        (tmp_path / name).mkdir()
        if not raw:
            write_frames(tmp_path / name / files.FRAMES, shipped("si001_c2hx_gfn1")[0])
        job = CurateJob(raw=raw, split="by_run", test=0.2, keep_every=3, subsets=(10, 40), pool=50, no_shared_runs=True)
        result = curate.run(job, tmp_path / name)
        report.append(json.loads((tmp_path / name / files.CURATION).read_text()))
        assert "train_000010.npz" in result.outputs
    sets = (files.TRAIN, files.VALIDATION, files.TEST, files.POOL, "train_000010.npz", "train_000040.npz")
    for one in sets:
        assert (tmp_path / "path" / one).read_bytes() == (tmp_path / "node" / one).read_bytes()
    assert report[0].pop("files")[0] | {"sha256": ""} == {
        "name": path.name,
        "sha256": "",
        "format": "extxyz",
        "n_frames": 704,
        "keys": {"energy": "REF_energy", "forces": "REF_forces", "stress": None},
    }
    assert report[1].pop("files") == []
    assert report[0] == report[1]
    subset, whole = (read_frames(tmp_path / "path" / name) for name in ("train_000010.npz", files.TRAIN))
    each = {canonical_hash(whole.select([i])) for i in range(len(whole))}
    assert {canonical_hash(subset.select([i])) for i in range(len(subset))} < each
    assert (int((~subset.is_isolated).sum()), int(subset.is_isolated.sum())) == (10, 3)
    assert len(read_frames(tmp_path / "path" / files.POOL)) == 50


def test_raw_files_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"/nowhere/x\.extxyz: there is no such file on the compute machine"):
        curate.run(CurateJob(raw=("/nowhere/x.extxyz",)), tmp_path)


def test_the_papers_numbers(tmp_path: Path, make_frames: Callable[..., Frames]) -> None:
    write_frames(tmp_path / files.FRAMES, make_frames(2500))
    job = CurateJob(keep_every=25, validation=0.05, test=80, test_outside=True, near_duplicate=None, pool=100)
    numbers = curate.run(job, tmp_path).numbers
    assert (numbers["n_train"], numbers["n_validation"], numbers["n_test"]) == (95, 5, 80)
    assert numbers["dropped_keep_every"] == 2500 - 180
    with pytest.raises(RefusedError, match="3000 test frames are asked for outside the training frames") as caught:
        curate.run(CurateJob(keep_every=25, test=3000, test_outside=True), tmp_path)
    assert caught.value.status == "nothing_left"


def test_frames_of_two_levels_are_refused_unless_allowed(tmp_path: Path, make_frames: Callable[..., Frames]) -> None:
    both = concatenate([make_frames(9, level="PBE"), make_frames(9, seed=1, level="GFN1-xTB")])
    write_frames(tmp_path / files.FRAMES, both)
    with pytest.raises(RefusedError, match=r"2 levels of theory \(GFN1-xTB; PBE\)") as caught:
        curate.run(CurateJob(), tmp_path)
    assert caught.value.status == "mixed_levels"
    assert curate.run(CurateJob(allow_mixed_levels=True), tmp_path).status == "ok"


def test_a_split_that_leaks_is_refused(tmp_path: Path, make_frames: Callable[..., Frames]) -> None:
    frames = make_frames(8, run="a").with_tag("split", ["train"] * 4 + ["test"] * 4)
    job = CurateJob(split="tag", drop_duplicates=False, near_duplicate=None)
    write_frames(tmp_path / files.FRAMES, frames.select([0, 1, 2, 3, 4, 5, 6, 7]))
    assert curate.run(job, tmp_path).numbers["n_test"] == 4
    assert json.loads((tmp_path / files.CURATION).read_text())["leaks"] == {"frames": 0, "runs": 1}
    repeated = concatenate([frames.select([0, 1, 2]), frames.select([1, 5]).with_tag("split", ["test", "test"])])
    write_frames(tmp_path / files.FRAMES, repeated)
    with pytest.raises(RefusedError, match=r"the split leaks: frame 1 of train is frame 0 of test\.") as caught:
        curate.run(job, tmp_path)
    assert caught.value.status == "split_leaks"
    write_frames(tmp_path / files.FRAMES, frames)
    with pytest.raises(RefusedError, match="the run 'a' stands in train and in test"):
        curate.run(replace(job, no_shared_runs=True), tmp_path)

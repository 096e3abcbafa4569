"""The verb ``describe`` on the shipped model and the shipped frames: real descriptors, real coverage."""

from __future__ import annotations

import io
import json
import lzma
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from aiida_mlgun.assets import COMPACT_MODEL, dataset, shipped_models
from aiida_mlgun.contract import files
from aiida_mlgun.contract.describing import DescribeJob
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.jobs import to_json
from aiida_mlgun.remote import describe
from aiida_mlgun.remote.io import write_frames
from aiida_mlgun.remote.mace import descriptors, load_model
from aiida_mlgun.remote.mace.store import stored_e0s
from aiida_mlgun.remote.main import main
from aiida_mlgun.science.frames import Frames, concatenate, from_atoms, isolated_energies
from aiida_mlgun.science.npz import unpack

JOB = DescribeJob(device="cpu", threads=1)


@pytest.fixture(scope="module")
def shipped() -> Frames:
    """All 704 GFN1-xTB frames of Si(001) and C2Hx, three of them isolated atoms, with their energies."""
    text = lzma.decompress(dataset("si001_c2hx_gfn1").read_bytes()).decode()
    images = ase.io.read(io.StringIO(text), ":", format="extxyz")
    assert isinstance(images, list)
    frames = from_atoms(images, {"stratum": [atoms.info["config_type"] for atoms in images]})
    return replace(frames, energy=np.array([atoms.info["REF_energy"] for atoms in images]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(shipped_models()[COMPACT_MODEL], tmp_path / files.MODEL)
    return tmp_path


def run(folder: Path, job: DescribeJob, frames: Frames, pool: Frames | None = None) -> tuple[Any, dict[str, Any], Any]:
    """Numbers of the manifest, arrays, ``coverage.json``."""
    write_frames(folder / files.FRAMES, frames)
    if pool is not None:
        write_frames(folder / files.POOL, pool)
        job = replace(job, has_pool=True)
    result = describe.run(job, folder)
    assert result.outputs == (files.DESCRIPTORS, files.COVERAGE)
    arrays = unpack((folder / files.DESCRIPTORS).read_bytes())
    return result.numbers, arrays, json.loads((folder / files.COVERAGE).read_text())


def test_farthest_points_reach_the_edges_that_random_frames_miss(folder: Path, shipped: Frames) -> None:
    """Fifty of 701: no frame is far from a farthest point, though random ones lie where most frames are."""
    numbers, arrays, table = run(folder, replace(JOB, select="farthest", n_select=50), shipped)
    assert (table["n_frames"], table["n_pool"], table["dimension"], table["features"]) == (701, 701, 32, "norms")
    assert table["selection"] == {"method": "farthest", "n": 50}
    covered = table["coverage"]
    assert covered["max_distance"] < 0.25 * numbers["random_max_distance"]
    assert covered["mean_distance"] < numbers["random_mean_distance"]
    assert covered["max_distance"] <= np.nanmin(arrays["distance"]) + 1e-9  # the greedy rule's own bound
    assert 0.35 < covered["fraction"] < covered["random_fraction"] < 0.75
    assert covered["random_fraction"] == numbers["random_fraction"]
    selected = arrays["selected"]
    assert len(set(selected.tolist())) == 50 and not shipped.is_isolated[selected].any()
    assert (np.diff(arrays["distance"][1:]) <= 1e-9).all() and np.isnan(arrays["distance"][0])
    assert (arrays["pool_distance"][selected] < 1e-5).all()
    assert 0.9 < sum(table["explained_variance"]) < 1
    strata = numbers["strata"]
    assert {name: row["n_pool"] for name, row in strata.items()} == {"gun": 608, "molecule": 52, "slab": 41}
    total = sum(row["n_pool"] * row["fraction"] for row in strata.values())
    assert total / 701 == pytest.approx(covered["fraction"])


@pytest.mark.parametrize("method", ["farthest", "stratified"])
def test_a_hundred_chosen_cover_more_than_a_hundred_random(folder: Path, shipped: Frames, method: Any) -> None:
    _, arrays, table = run(folder, replace(JOB, select=method, n_select=100), shipped)
    covered = table["coverage"]
    assert covered["fraction"] > 0.87
    assert covered["fraction"] > covered["random_fraction"] + 0.05
    assert len(set(arrays["selected"].tolist())) == 100


@pytest.mark.parametrize("method", ["farthest", "stratified"])
def test_the_same_job_gives_the_same_bytes(folder: Path, shipped: Frames, method: Any) -> None:
    written = []
    for _ in range(2):
        run(folder, replace(JOB, select=method, n_select=9), shipped.select(range(3, 60)))
        written.append((folder / files.DESCRIPTORS).read_bytes() + (folder / files.COVERAGE).read_bytes())
    assert written[0] == written[1]


def test_thinned_frames_against_all_of_them(folder: Path, shipped: Frames) -> None:
    """[W] Fig. 3: the frames are a part of the pool; the part's own places are the pool's."""
    index = np.arange(0, len(shipped), 5)
    numbers, arrays, table = run(folder, replace(JOB, keep_descriptors=True), shipped.select(index), shipped)
    assert numbers["e0s"] == "isolated"  # of the pool
    assert table["selection"] is None and len(arrays["selected"]) == len(arrays["distance"]) == 0
    assert (table["n_frames"], table["n_pool"]) == (int((~shipped.is_isolated[index]).sum()), 701)
    assert 0.7 < table["coverage"]["fraction"] < 1
    np.testing.assert_allclose(arrays["pca"], arrays["pool_pca"][index], atol=1e-3)
    np.testing.assert_array_equal(arrays["energy_per_atom"], arrays["pool_energy_per_atom"][index])
    np.testing.assert_array_equal(np.isnan(arrays["pca"][:, 0]), shipped.is_isolated[index])
    assert arrays["descriptors"].shape == (len(index), 32) and arrays["descriptors"].dtype == np.float32
    model = load_model(folder / files.MODEL, "cpu", "float32")
    last, _ = descriptors(model, shipped.select(index[-1:]), "norms", 1, "cpu")
    np.testing.assert_allclose(arrays["descriptors"][-1], last[0], atol=1e-4)


def test_energies_count_from_isolated_atoms(folder: Path, shipped: Frames) -> None:
    """From those among the frames, which are of the same level; from the model's where one is missing."""
    known = isolated_energies(shipped)
    assert set(known) == {"H", "C", "Si"}
    lone = np.flatnonzero(shipped.is_isolated)
    some = np.arange(100, 700, 60)
    held = stored_e0s(load_model(folder / files.MODEL, "cpu", "float64"))
    for index, e0s, source in ((np.r_[lone, some], known, "isolated"), (np.r_[lone[1:], some], held, "model")):
        frames = shipped.select(index)
        numbers, arrays, _ = run(folder, JOB, frames)
        assert numbers["e0s"] == source
        for i, atoms in enumerate(frames):
            alone = sum(e0s[symbol] for symbol in atoms.get_chemical_symbols())
            wanted = np.nan if frames.is_isolated[i] else (frames.energy[i] - alone) / len(atoms)  # type: ignore[index]
            assert arrays["energy_per_atom"][i] == pytest.approx(wanted, nan_ok=True)
            assert source == "model" or frames.is_isolated[i] or -6 < wanted < -2  # eV, what bonds are worth
    _, arrays, _ = run(folder, JOB, replace(frames, energy=None))
    assert np.isnan(arrays["energy_per_atom"]).all()


def test_all_frames_cover_themselves(folder: Path, shipped: Frames) -> None:
    numbers, _, table = run(folder, JOB, shipped.select(range(0, 704, 7)))
    assert table["coverage"]["fraction"] == table["coverage"]["random_fraction"] == 1.0
    assert numbers["n_selected"] == 0 and numbers["batch_size"] == 32 and numbers["seconds_per_frame"] > 0
    assert json.loads((folder / files.PROGRESS).read_text())["done"] == table["n_frames"]


LONE = from_atoms([Atoms("H")], {"stratum": ["IsolatedAtom"]})


@pytest.mark.parametrize(
    ("job", "frames", "status", "sentence"),
    [
        (JOB, from_atoms([molecule("HF")] * 2), "element_not_covered", "F stands in the frames"),
        (JOB, LONE, "nothing_left", "frames.npz holds no frame besides isolated atoms"),
        (JOB, from_atoms([molecule("CH4")]), "nothing_left", "too few to compare"),
        (
            replace(JOB, select="farthest", n_select=3),
            concatenate([LONE, from_atoms([molecule("CH4")] * 2)]),
            "input_refused",
            "n_select is 3, but frames.npz holds 2 to choose from",
        ),
        (replace(JOB, has_pool=True), from_atoms([molecule("CH4")] * 2), "input_refused", "pool.npz is missing"),
    ],
)
def test_refusals(folder: Path, job: DescribeJob, frames: Frames, status: str, sentence: str) -> None:
    write_frames(folder / files.FRAMES, frames)
    with pytest.raises(RefusedError, match=sentence) as caught:
        describe.run(job, folder)
    assert caught.value.status == status


def test_by_hand(folder: Path, shipped: Frames) -> None:
    write_frames(folder / files.FRAMES, shipped.select(range(3, 40)))
    (folder / files.JOB).write_text(to_json(replace(JOB, select="stratified", n_select=8, features="invariant")))
    assert main(["describe", str(folder / files.JOB)]) == 0
    manifest = json.loads((folder / files.MANIFEST).read_text())
    assert (manifest["status"], manifest["verb"], set(manifest["outputs"])) == (
        "ok",
        "describe",
        {files.DESCRIPTORS, files.COVERAGE},
    )
    assert manifest["numbers"]["n_selected"] == 8

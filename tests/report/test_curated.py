"""What a report reads of a curation, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms

from aiida_mlgun.contract import files
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.jobs import CurateJob
from aiida_mlgun.remote import curate
from aiida_mlgun.remote.io import write_frames
from aiida_mlgun.report.curated import Coverage, Curation, Step
from aiida_mlgun.report.curated_answer import curation_sentence
from aiida_mlgun.report.curated_rows import stratum_rows
from aiida_mlgun.report.inputs import Report
from aiida_mlgun.report.page import write
from aiida_mlgun.science.frames import concatenate

from .accounts import account, map_of


def test_numbers_add_up() -> None:
    one = Curation.of("a", account())
    assert (one.n_dropped, one.n_thinned, one.n_left, one.n_split, one.force_limit) == (51, 0, 650, 650, 50.0)
    assert one.strata["molecule"].energy_per_atom is None and one.strata["gun"].max_force == (0.2, 2.2, 41.0)
    assert Curation("x", 9, 1, steps=(Step("keep_every", {}, 6),), counts={"train": 2}).n_left == 2


def test_the_account_of_a_real_job_is_understood(make_frames: Callable[..., Any], tmp_path: Path) -> None:
    pairs = [make_frames(20, run=f"r{k}", stratum=s, seed=k) for k, s in enumerate(("a", "a", "b", "b"))]
    water = Atoms("OH2", [(0, 0, 0), (0.97, 0, 0), (-0.24, 0.94, 0)], cell=[8, 8, 8], pbc=True)
    frames = concatenate([*pairs, make_frames(10, water, run="r4", stratum="water", seed=9)])
    assert frames.forces is not None
    frames.forces[4, 1] = 90.0
    write_frames(tmp_path / files.FRAMES, frames)
    job = CurateJob(split="by_run", validation=0.2, test=0.2, e0s="least_squares", bond_fission=(), energy_outlier=None)
    curate.run(job, tmp_path)
    one = Curation.of("job", json.loads((tmp_path / files.CURATION).read_text()))
    assert (one.n_raw, one.n_left, one.force_limit) == (90, one.n_split, 50.0)
    assert [(step.dropped, step.first) for step in one.steps if step.filter == "above_force"] == [(1, (2,))]
    rows = {row["stratum"]: row for row in stratum_rows(one)}
    assert (rows["a"]["raw"], rows["water"]["formulas"], rows["all"]["kept"]) == (40, "H₂O", 89)
    assert one.e0s is not None and set(one.e0s.values) == {"H", "O"}
    assert "1 dropped by 1 filter; no frame and no run stands on two sides." in curation_sentence(one)
    write(Report("t", "", curations=[one]), tmp_path / "page")
    assert (tmp_path / "page" / "figures" / "histograms.png").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"strata": {"gun": 551}}, r"mine\.strata\.gun: a mapping is needed, not int"),
        ({"steps": [{"filter": "x", "frames": []}]}, r"unknown key 'frames'"),
        ({"n_raw": None}, "n_raw"),
    ],
)
def test_another_account_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        Curation.of("mine", account() | change)


def test_the_subset_is_what_was_selected() -> None:
    facts, arrays = map_of(60, 20)
    chosen = Coverage.of(facts, arrays)
    np.testing.assert_array_equal(chosen.subset_pca, arrays["pca"][arrays["selected"]])
    np.testing.assert_array_equal(chosen.subset_energy, arrays["energy_per_atom"][arrays["selected"]])
    every = Coverage.of(facts | {"selection": None}, {name: arrays[name] for name in ("pca", "pool_pca")})
    assert every.subset_pca.shape == (60, 2) and np.isnan(every.pool_energy).all()
    with pytest.raises(RefusedError, match="'pool_pca'"):
        Coverage.of(facts, {"pca": arrays["pca"]})

"""Which data made this outcome: from a shot up to files and licences."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiida import orm

from aiida_mlgun import trace
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.data.shots import ShotsData
from aiida_mlgun.queries.describing import licence
from aiida_mlgun.queries.trace import behind
from tests.campaigns import Stored, campaign, give, process, reclassify
from tests.nodes import acetylene, chemistry, labelled, shot_arrays


@pytest.fixture(scope="module")
def stored(aiida_profile: Any) -> Stored:
    aiida_profile.reset_storage()
    return campaign([{"shots": (0, 1, 2)}], seal=False)


def path(entry: dict[str, Any], *roles: str) -> dict[str, Any]:
    """The entry that these roles lead to."""
    for role in roles:
        (entry,) = [child for child in entry["from"] if child["role"] == role]
    return entry


def test_the_tree_leads_to_job_states_model_training_and_files(stored: Stored) -> None:
    found = trace(stored.batches[0])
    job = path(found.tree, "made by")
    assert (job["kind"], job["pk"]) == ("ShootCalculation", stored.batches[0].creator.pk)
    assert [child["role"] for child in job["from"]] == ["model", "molecule_states", "slab_states"]
    assert job["facts"]["settings"]["parameters"]["seed"] == 24
    assert job["facts"]["called_by"][-1] == f"GunWorkChain<{stored.gun.pk}>"
    training = path(job, "model", "made by")
    assert (training["kind"], path(training, "model")["label"]) == ("TrainCalculation", "")
    assert path(training, "model")["licence"] == "MIT"
    raw = path(training, "train", "made by", "frames")
    assert (raw["pk"], raw["licence"], raw["files"][0]["n_frames"]) == (stored.raw.pk, "CC-BY-4.0", 5)
    assert path(job, "molecule_states", "made by", "slab")["label"] == "Si(001)"
    json.dumps(found.tree)


def test_the_origins_are_files_models_and_structures_each_once(stored: Stored) -> None:
    rows = {row["what"]: row for row in trace(stored.batches[0]).origins()}
    assert set(rows) == {"fine.extxyz", "parent", "Si(001)", "C2H2"}
    assert rows["fine.extxyz"]["n_frames"] == 5 and rows["fine.extxyz"]["licence"] == "CC-BY-4.0"
    assert rows["fine.extxyz"]["sha256"] == "ab" * 32
    assert rows["parent"]["licence"] == "MIT" and rows["Si(001)"]["licence"] is None


def test_the_lines_name_every_node_and_tell_it_once(stored: Stored) -> None:
    lines = trace(stored.batches[0], 1).lines()
    assert lines[0].startswith(f"ShotsData<{stored.batches[0].pk}> 3 shots: intact 1, on_top CC 2")
    assert lines[1] == (
        "├─ shot 1: on_top CC (bonds Si0-C0); contact 8.0 fs, bond 12.0 fs, end 20.0 fs; slab state 0, molecule "
        "state 1; seed 901"
    )
    assert sum(f"TrainCalculation<{stored.model.creator.pk}>" in line for line in lines) == 1
    assert any(line.endswith("model: ModelData<" + f"{stored.model.pk}> (above)") for line in lines)
    assert any("file fine.extxyz, 5 frames, sha256 abab" in line for line in lines)


def test_a_shot_has_its_row_and_a_missing_one_is_refused(stored: Stored) -> None:
    row = trace(stored.batches[0], 2).tree["facts"]["shot"]
    assert (row["outcome"], row["seed"], row["bond_fs"]) == ("intact", 902, 12.0)
    assert row["force_spread_max"] is None
    with pytest.raises(RefusedError, match="shot 7 is not in this batch, which holds 0 to 2"):
        trace(stored.batches[0], 7)


def test_a_later_judgement_leads_to_the_first(stored: Stored) -> None:
    judged = reclassify(stored.batches[0], orm.Dict(chemistry()))
    tree = trace(judged).tree
    assert path(tree, "made by", "shots")["pk"] == stored.batches[0].pk
    assert path(tree, "made by", "shots", "made by", "model")["pk"] == stored.model.pk


def test_shots_without_a_history_are_their_own_origin(stored: Stored) -> None:
    found = trace(ShotsData(shot_arrays((9,))).store())
    assert found.tree["from"] == [] and [row["kind"] for row in found.origins()] == ["ShotsData"]


def test_files_that_stayed_on_the_compute_machine_are_told_by_the_curation(stored: Stored) -> None:
    computer = orm.Computer("far", "far.example.org", "", "core.local", "core.direct").store()
    inputs = {"raw": orm.RemoteData(remote_path="/raw", computer=computer)}
    job = process(orm.CalcJobNode, "CurateCalculation", inputs)
    frames = FramesData(labelled(acetylene(), n=2))
    files = [{"name": "big.extxyz", "sha256": "cd" * 32, "n_frames": 327000, "keys": {}}]
    give(job, train=frames, report=orm.Dict({"files": files}))
    rows = {row["what"]: row for row in behind(frames).origins()}
    assert rows["big.extxyz"]["n_frames"] == 327000


def test_many_inputs_of_one_kind_are_counted(stored: Stored) -> None:
    inputs = {f"set_{i:02d}": FramesData(labelled(acetylene(), n=1)) for i in range(10)}
    job = process(orm.CalcFunctionNode, "merge_raw", inputs)
    merged = FramesData(labelled(acetylene(), n=2))
    give(job, result=merged)
    found = behind(merged)
    assert any(line.strip() == "└─ … and 2 more FramesData" for line in found.lines())
    assert len(found.origins()) == 10


def test_a_licence_is_what_the_node_states() -> None:
    frames = labelled(acetylene(), n=1)
    assert licence(FramesData(frames, {"license": "CC0-1.0"})) == "CC0-1.0"
    assert licence(FramesData(frames)) is None and licence(orm.Int(1)) is None

"""The files of each verb become its nodes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aiida import orm
from ase import Atoms

from aiida_mlgun.contract import files
from aiida_mlgun.contract.status import BY_NAME
from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.data.model import ModelData
from aiida_mlgun.science.frames import Frames, to_arrays
from aiida_mlgun.science.npz import pack
from tests.nodes import acetylene, kept_paths, labelled, model_contents, shot_arrays, slab_atoms, states
from tests.parsers.conftest import Parsed, ok

Parse = Callable[..., Parsed]
ERRORS = {"all": {"rmse_energy": 0.01, "rmse_forces": 0.1}}
MODEL = {f"{files.MODEL}/{name}": content for name, content in model_contents().items()}


def packed(frames: Frames) -> bytes:
    return pack(to_arrays(frames))


def get(found: Parsed, name: str) -> Any:
    return found.outputs[name]


@pytest.mark.parametrize("test", [0, 2])
def test_curate(test: int, parse: Parse) -> None:
    raw = FramesData(labelled(acetylene(), 8))
    report = {"counts": {"train": 5, "validation": 1, "test": test}, "steps": []}
    outputs = {
        files.TRAIN: packed(labelled(acetylene(), 5)),
        files.VALIDATION: packed(labelled(acetylene(), 1)),
        files.CURATION: json.dumps(report).encode(),
        files.FATES: pack({"fate": np.arange(8), "names": np.array(["left"])}),
        "train_000002.npz": packed(labelled(acetylene(), 2)),
    }
    if test:
        outputs[files.TEST] = packed(labelled(acetylene(), test))
    found = parse("curate", ok("curate", outputs), {"frames": raw})
    assert found.code is None
    assert set(found.outputs) == {
        "results",
        "train",
        "validation",
        "report",
        "fates",
        "subsets.train_000002",
        *(["test"] if test else []),
    }
    assert (len(get(found, "train")), len(get(found, "validation"))) == (5, 1)
    assert get(found, "train").base.attributes.get("source") == {"curated_from": raw.uuid, "side": "train"}
    assert get(found, "report").get_dict() == report
    assert get(found, "fates").get_array("fate").tolist() == list(range(8))
    assert len(get(found, "subsets.train_000002")) == 2


def train_outputs() -> dict[str, bytes]:
    training = {"history": {"epoch": [0]}, "errors": {"validation": ERRORS}, "e0s": {"H": -13.6}}
    return {**MODEL, files.TRAINING: json.dumps(training).encode()}


def test_train_writes_the_lineage_and_keeps_the_parents_licence(parse: Parse) -> None:
    above = {"name": "first", "content_hash": "0" * 64}
    parent = ModelData(model_contents(), {"name": "parent", "licence": "ASL", "lineage": [above]})
    train = FramesData(labelled(acetylene(), level="PBE-D3"))
    parameters = orm.Dict({"name": "second", "stage": {"epochs": 3}})
    found = parse("train", ok("train", train_outputs()), {"train": train, "model": parent, "parameters": parameters})
    assert found.code is None
    model = get(found, "model")
    attributes = model.base.attributes
    assert (model.name, attributes.get("level"), attributes.get("licence")) == ("second", "PBE-D3", "ASL")
    assert attributes.get("trust") == "safe"
    assert model.card["lineage"] == [above, {"name": "parent", "content_hash": parent.content_hash}]
    assert model.card["stage"] == {"epochs": 3}
    assert model.card["errors"] == {"validation": ERRORS["all"]}
    assert get(found, "training")["e0s"] == {"H": -13.6}


def test_train_from_scratch_has_no_lineage(parse: Parse) -> None:
    train = FramesData(labelled(Atoms("H2", [(0, 0, 0), (0.75, 0, 0)]), level=""))
    given = {"train": train, "parameters": orm.Dict({"architecture": {}})}
    model = get(parse("train", ok("train", train_outputs()), given), "model")
    assert (model.name, model.card["lineage"], model.card["level"]) == ("model", [], "unknown")
    assert model.card["licence"] == "as its training data"


def test_train_names_its_data_and_that_it_was_resumed(parse: Parse) -> None:
    sets = {name: FramesData(labelled(acetylene(), n)) for name, n in (("train", 5), ("validation", 2), ("replay", 3))}
    given = {**sets, "parameters": orm.Dict({}), "checkpoint": orm.FolderData()}
    card = get(parse("train", ok("train", train_outputs()), given), "model").card
    assert card["resumed"] is True
    assert {name: entry["n_frames"] for name, entry in card["data"].items()} == {
        "train": 5,
        "validation": 2,
        "replay": 3,
    }
    assert card["data"]["train"]["content_hash"] == sets["train"].content_hash
    assert card["data"]["replay"]["levels"] == {"PBE": 3}


CHECKPOINT = {f"{files.CHECKPOINT}/{name}": b"x" for name in ("start.pt", "state-000003.json", "state-000012.json")}


@pytest.mark.parametrize("status", ["wall_time", "terminated", "loss_diverged", "out_of_memory", None])
def test_train_that_was_cut_off_leaves_its_checkpoint(status: str | None, parse: Parse) -> None:
    manifest = ok("train", {}, status=status, detail="d.") if status else {}
    half_written = {f"{files.CHECKPOINT}/state-000013.json.part": b"{"}
    found = parse("train", {**manifest, **CHECKPOINT, **half_written}, {"parameters": orm.Dict({})})
    assert found.code == BY_NAME[status or "manifest_missing"].code
    checkpoint = get(found, "checkpoint")
    assert checkpoint.base.attributes.get("epoch") == 12
    names = sorted(checkpoint.base.repository.list_object_names())
    assert names == ["start.pt", "state-000003.json", "state-000012.json"]


def test_train_killed_by_the_scheduler_leaves_its_checkpoint(parse: Parse) -> None:
    found = parse("train", CHECKPOINT, {"parameters": orm.Dict({})}, 120)
    assert (found.code, list(found.outputs)) == (None, ["checkpoint"])  # the verdict 120 stands


def test_train_without_a_whole_generation_leaves_none(parse: Parse) -> None:
    contents = {f"{files.CHECKPOINT}/start.pt": b"x"}
    assert "checkpoint" not in parse("train", contents, {"parameters": orm.Dict({})}).outputs
    assert "checkpoint" not in parse("train", ok("train", {}, status="unexpected", detail="d."), {}).outputs


@pytest.mark.parametrize(
    ("source", "trust"), [({}, "user"), ({"path": "/far/a.model"}, "user"), ({"official": "small"}, "pinned")]
)
def test_convert(source: dict[str, str], trust: str, parse: Parse) -> None:
    # a job from an archive or an older version may hold a card that says its own trust
    given = {"parameters": orm.Dict({"sha256": "a" * 64, **source}), "card": orm.Dict({"trust": "safe"})}
    found = parse("convert", ok("convert", MODEL), given)
    assert found.code is None
    model = get(found, "model")
    assert model.base.attributes.get("trust") == trust
    assert model.card["sha256"] == "a" * 64
    assert model.content_hash == ModelData(model_contents()).content_hash


def test_convert_without_a_card(parse: Parse) -> None:
    found = parse("convert", ok("convert", MODEL), {"parameters": orm.Dict({"sha256": "b" * 64})})
    assert get(found, "model").base.attributes.get("trust") == "user"


def test_evaluate(parse: Parse) -> None:
    energy, forces = np.arange(2.0), np.ones((8, 3))
    outputs = {
        files.PREDICTIONS: pack({"energy": energy, "forces": forces}),
        files.ERRORS: json.dumps(ERRORS).encode(),
    }
    found = parse("evaluate", ok("evaluate", outputs))
    assert found.code is None
    assert get(found, "errors").get_dict() == ERRORS
    assert np.array_equal(get(found, "predictions").get_array("energy"), energy)
    assert get(found, "predictions").get_array("forces").shape == (8, 3)


def test_describe(parse: Parse) -> None:
    table = {"n_frames": 3, "coverage": {"fraction": 0.9, "radius": 0.4}, "selection": None}
    arrays = {"pca": np.arange(6.0).reshape(3, 2), "selected": np.empty(0, dtype=np.int64)}
    arrays["descriptors"] = np.ones((3, 5), dtype=np.float32)
    outputs = {files.DESCRIPTORS: pack(arrays), files.COVERAGE: json.dumps(table).encode()}
    found = parse("describe", ok("describe", outputs))
    assert found.code is None
    assert get(found, "coverage").get_dict() == table
    descriptors = get(found, "descriptors")
    assert set(descriptors.get_arraynames()) == set(arrays)
    for name, array in arrays.items():
        assert np.array_equal(descriptors.get_array(name), array)
        assert descriptors.get_array(name).dtype == array.dtype


def test_equilibrate(parse: Parse) -> None:
    slab, molecule = orm.StructureData(ase=slab_atoms()), orm.StructureData(ase=acetylene())
    outputs = {
        files.SLAB_STATES: packed(states(slab_atoms(), 3)),
        files.MOLECULE_STATES: packed(states(acetylene(), 3)),
        files.EQUILIBRATION: json.dumps({"temperature": 301.0}).encode(),
    }
    found = parse("equilibrate", ok("equilibrate", outputs), {"slab": slab, "molecule": molecule})
    assert found.code is None
    for name, source in (("slab_states", slab), ("molecule_states", molecule)):
        node = get(found, name)
        assert (len(node), node.base.attributes.get("has")) == (3, ["velocities"])
        assert node.base.attributes.get("source") == {"equilibrated": source.uuid}
    assert get(found, "report")["temperature"] == 301.0


@pytest.mark.parametrize("kept", [False, True])
def test_shoot(kept: bool, parse: Parse) -> None:
    outputs = {files.SHOTS: pack(shot_arrays())}
    if kept:
        outputs[files.TRAJECTORIES] = pack(kept_paths())
    found = parse("shoot", ok("shoot", outputs))
    assert found.code is None
    shots = get(found, "shots")
    assert (shots.counts, bool(shots.trajectories())) == ({"intact": 1, "on_top CC": 2}, kept)


def test_finished_shots_outlive_the_wall_time(parse: Parse) -> None:
    outputs = {files.SHOTS: pack(shot_arrays((0, 1)))}
    found = parse("shoot", ok("shoot", outputs, status="wall_time", detail="2 of 9 shots."), scheduler=120)
    assert found.code == BY_NAME["wall_time"].code
    assert len(get(found, "shots")) == 2


def test_a_batch_of_exploded_shots_is_still_a_node(parse: Parse) -> None:
    outputs = {files.SHOTS: pack(shot_arrays((0, 1), "explosion", drift=float("nan")))}
    found = parse("shoot", ok("shoot", outputs))
    assert found.code is None
    assert get(found, "shots").counts == {"explosion": 1, "intact": 1}


def test_frames_that_do_not_fit_are_refused(parse: Parse) -> None:
    arrays = to_arrays(states(acetylene()))
    arrays["positions"] = arrays["positions"][:-1]
    outputs = {
        files.SLAB_STATES: pack(arrays),
        files.MOLECULE_STATES: packed(states(acetylene())),
        files.EQUILIBRATION: b"{}",
    }
    slab = orm.StructureData(ase=slab_atoms())
    found = parse("equilibrate", ok("equilibrate", outputs), {"slab": slab, "molecule": slab})
    assert found.code == BY_NAME["checksum_mismatch"].code
    assert "'positions' has shape" in (found.message or "")


def test_probe(parse: Parse) -> None:
    machine = {"device": "cuda", "gpus": [{"name": "H200", "memory_gib": 139.8}], "versions": {"torch": "2.13.0"}}
    found = parse("probe", ok("probe", {files.MACHINE: json.dumps(machine).encode()}))
    assert found.code is None
    assert set(found.outputs) == {"results", "machine", "environment"}
    assert get(found, "machine").get_dict() == machine
    assert get(found, "environment").get_dict() == {"torch": "2.13.0"}

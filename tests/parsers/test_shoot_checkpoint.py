"""What is kept of a batch of shots that was cut off."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from aiida_mlgun.contract import files
from aiida_mlgun.contract.generations import ShootGeneration, seal
from aiida_mlgun.contract.status import BY_NAME
from aiida_mlgun.science.npz import pack
from aiida_mlgun.science.shot_merge import as_shard
from tests.nodes import kept_paths, shot_arrays
from tests.parsers.conftest import Parsed, ok

Parse = Callable[..., Parsed]


def checkpoint(*shards: tuple[int, ...], number: int = 3, paths: bool = False) -> dict[str, bytes]:
    """The files of a generation whose shards hold these shots."""
    contents = {
        f"shard-{i:06d}.npz": pack(as_shard(shot_arrays(shots), kept_paths(shots if paths else ())))
        for i, shots in enumerate(shards)
    }
    names = tuple(contents)
    state = f"state-{number:06d}.npz"
    contents[state] = b"state"
    told = ShootGeneration(
        number, sum(map(len, shards)), 100 * number, 9.0, 3, None, "torch", {}, {"job": "ab"}, state, names,
        {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    )  # fmt: skip
    contents[f"state-{number:06d}.json"] = seal(told)
    return {f"{files.CHECKPOINT}/{name}": content for name, content in contents.items()}


@pytest.mark.parametrize("status", ["wall_time", "terminated", "out_of_memory", "unexpected", None])
def test_a_run_that_was_cut_off_leaves_its_checkpoint_and_its_shots(status: str | None, parse: Parse) -> None:
    """Also when nothing else came back: the shots are then those of the checkpoint."""
    manifest = ok("shoot", {}, status=status, detail="d.") if status else {}
    half = {f"{files.CHECKPOINT}/state-000004.json.part": b"{"}
    found = parse("shoot", {**manifest, **checkpoint((4, 1), (0,)), **half})
    assert found.code == BY_NAME[status or "manifest_missing"].code
    kept: Any = found.outputs["checkpoint"]
    attributes = kept.base.attributes.all
    assert {name: attributes[name] for name in ("shots", "steps", "batch_size", "job")} == {
        "shots": 3, "steps": 300, "batch_size": 3, "job": "ab"
    }  # fmt: skip
    names = ["shard-000000.npz", "shard-000001.npz", "state-000003.json", "state-000003.npz"]
    assert sorted(kept.base.repository.list_object_names()) == names
    shots: Any = found.outputs["shots"]
    assert shots.base.attributes.get("shots") == [0, 1, 4]
    assert shots.trajectories() == {}


def test_kept_paths_come_out_of_a_checkpoint_too(parse: Parse) -> None:
    shots: Any = parse("shoot", checkpoint((4, 1), (0,), paths=True)).outputs["shots"]
    assert shots.trajectory(4) is not None


def test_the_table_of_the_run_itself_is_preferred(parse: Parse) -> None:
    outputs = {files.SHOTS: pack(shot_arrays((0, 1, 2, 3))), **checkpoint((0, 1))}
    found = parse("shoot", ok("shoot", outputs, status="wall_time", detail="d."))
    assert len(found.outputs["shots"]) == 4  # type: ignore[arg-type]
    assert "checkpoint" in found.outputs


def test_a_good_end_needs_no_checkpoint(parse: Parse) -> None:
    contents = {**ok("shoot", {files.SHOTS: pack(shot_arrays())}), **checkpoint((0, 1))}
    assert "checkpoint" not in parse("shoot", contents).outputs


def test_a_damaged_document_is_passed_over_for_the_one_before(parse: Parse) -> None:
    contents = checkpoint((0, 1)) | {f"{files.CHECKPOINT}/state-000004.json": b"{"}
    kept: Any = parse("shoot", contents).outputs["checkpoint"]
    assert kept.base.attributes.get("steps") == 300
    assert parse("shoot", {f"{files.CHECKPOINT}/state-000004.json": b"{"}).outputs == {}


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_shots_from_a_damaged_shard_are_not_told(damage: str, parse: Parse) -> None:
    contents = checkpoint((0, 1))
    shard = f"{files.CHECKPOINT}/shard-000000.npz"
    if damage == "cut":
        contents[shard] = contents[shard][:-50]
    else:
        del contents[shard]
    found = parse("shoot", contents)
    assert "shots" not in found.outputs and found.code == BY_NAME["manifest_missing"].code


def test_before_the_first_shot_is_over_there_is_no_table(parse: Parse) -> None:
    found = parse("shoot", checkpoint(), scheduler=120)
    assert (found.code, list(found.outputs)) == (None, ["checkpoint"])  # the verdict 120 stands

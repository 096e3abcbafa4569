"""A batch of shots that is cut off goes on where it stood: to the last bit what it would have been without the cut."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from aiida_mlgun import assets
from aiida_mlgun.contract import files
from aiida_mlgun.contract.errors import RefusedError, RunFailedError
from aiida_mlgun.contract.generations import PHYSICS
from aiida_mlgun.contract.jobs import ShootJob
from aiida_mlgun.contract.resuming import fingerprint
from aiida_mlgun.contract.shooting import Aim, Decision, Dynamics, Output, Velocity
from aiida_mlgun.remote import shoot
from aiida_mlgun.remote.device import machine
from aiida_mlgun.remote.engine.stop import Stop
from aiida_mlgun.remote.io import write_frames
from aiida_mlgun.remote.mace import load_model

from .shots import clean_slab, shots_of, small_job, states, write_starts

Folder = Callable[[str], Path]
Undisturbed = Callable[[ShootJob], tuple[bytes, bytes]]
LATE = 10_000


class Countdown(Stop):
    """Has a reason to stop when it is asked for the last time of ``asks``."""

    asks = LATE

    def __call__(self) -> str | None:
        Countdown.asks -= 1
        return "wall_time" if Countdown.asks < 0 else None


@pytest.fixture(autouse=True, scope="module")
def loaded() -> None:
    """Every job loads a model and probes it; TorchScript then keeps to other last digits than before in a process."""
    load_model(assets.shipped_models()[assets.COMPACT_MODEL], "cpu", "float64")


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(shoot, "Stop", Countdown)
    Countdown.asks = LATE
    yield


@pytest.fixture
def new_folder(tmp_path: Path, small_mace: Callable[[str], torch.nn.Module], monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A job's folder with start states; the small model is at hand without a file."""
    monkeypatch.setattr(shoot, "load_model", lambda folder, device, dtype: small_mace(dtype))

    def make(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        write_starts(folder)
        return folder

    return make


@pytest.fixture(scope="module")
def known() -> dict[str, tuple[bytes, bytes]]:
    """Tables of runs that were not disturbed, by their job's fingerprint."""
    return {}


@pytest.fixture
def undisturbed(known: dict[str, tuple[bytes, bytes]], new_folder: Folder) -> Undisturbed:
    """The tables of a job that nothing happened to."""

    def find(work: ShootJob) -> tuple[bytes, bytes]:
        name = f"{fingerprint(work)}-{work.dynamics.batch_size}"
        if name not in known:
            folder = new_folder("undisturbed")
            assert fly(work, folder) == "ok"
            known[name] = tables(folder)
        return known[name]

    return find


def job(**dynamics: object) -> ShootJob:
    """Five fast shots, neighbour lists remade every few steps."""
    settings = {"evaluator": "torch", "max_steps": 26, "check_every": 4, "batch_size": 3, "threads": 1, "skin": 0.1}
    return small_job(
        aim=Aim(height=4.0),
        velocity=Velocity(recipe="beam", kinetic_energy=20.0),
        dynamics=Dynamics(**(settings | dynamics)),  # type: ignore[arg-type]
        decision=Decision(early=False, max_drift=1e9, max_unresolved=1.0),
        output=Output(trajectories=("*",), frame_every_fs=4.0, path_every_fs=2.0),
    )


def fly(work: ShootJob, folder: Path, asks: int = LATE) -> str:
    """Run until ``stop`` has been asked so often; the status."""
    Countdown.asks = asks
    return shoot.run(work, folder).status


def tables(folder: Path) -> tuple[bytes, bytes]:
    return (folder / files.SHOTS).read_bytes(), (folder / files.TRAJECTORIES).read_bytes()


KINDS = [
    {"precision": "float64", "own_graphs": True},
    {"precision": "float64", "own_graphs": False},
    {"precision": "mixed", "own_graphs": True},
    {"precision": "mixed", "own_graphs": False},
    {"precision": "float64", "evaluator": "symmetrix"},
    {"precision": "mixed", "evaluator": "symmetrix"},
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(map(str, kind.values())))
def test_a_run_that_was_cut_off_equals_one_that_was_not(
    kind: dict[str, object], new_folder: Folder, undisturbed: Undisturbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut in the first segment, in the middle of others, at an edge, twice at the same place."""
    if "evaluator" in kind:  # the small model is not one that symmetrix can do
        shipped = assets.shipped_models()[assets.COMPACT_MODEL]
        monkeypatch.setattr(shoot, "load_model", lambda folder, device, dtype: load_model(shipped, device, dtype))
    work, cut = job(**kind), new_folder("cut")
    again = replace(work, resume=True)
    assert fly(work, cut, asks=7) == "wall_time"
    for asks in (4, 0, 13, 2):
        before = (cut / files.SHOTS).read_bytes()
        assert fly(again, cut, asks=asks) == "wall_time"
        assert asks > 3 or (cut / files.SHOTS).read_bytes() == before
    assert fly(again, cut) == "ok"
    assert tables(cut) == undisturbed(work)
    table = shots_of(cut)
    np.testing.assert_array_equal(table["shot"], range(5))
    assert set(table["n_steps"]) == {26}


def test_checkpoints_in_flight_change_nothing(new_folder: Folder, undisturbed: Undisturbed) -> None:
    folder = new_folder("often")
    result = shoot.run(replace(job(), checkpoint_every_s=1e-9), folder)
    assert tables(folder) == undisturbed(job())
    assert len(list((folder / files.CHECKPOINT).glob("*.json"))) == 2
    assert result.leftovers == (files.CHECKPOINT,)  # ``main`` takes it away when the manifest stands


def test_a_job_that_the_scheduler_begins_anew_finds_its_own_checkpoint(new_folder: Folder) -> None:
    folder = new_folder("job")
    assert fly(job(), folder, asks=20) == "wall_time"
    Countdown.asks = LATE
    result = shoot.run(job(), folder)
    assert (result.status, result.numbers["resumed"]["changed"]) == ("ok", [])
    assert result.numbers["resumed"]["steps"] > 0


def test_another_cpu_and_other_kernels_are_named(new_folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flags that another node's compiler would add make another kernel, whose last digits may differ."""
    shipped = assets.shipped_models()[assets.COMPACT_MODEL]
    monkeypatch.setattr(shoot, "load_model", lambda folder, device, dtype: load_model(shipped, device, dtype))
    folder, work = new_folder("job"), job(evaluator="symmetrix")
    assert fly(work, folder, asks=20) == "wall_time"
    monkeypatch.setenv("CXX", "c++ -DANOTHER_NODE")
    here = machine()
    monkeypatch.setattr(shoot, "machine", lambda: here | {"processor": "of another node"})
    assert here["processor"].strip() and here["threads"] == "1"
    Countdown.asks = LATE
    result = shoot.run(work, folder)
    assert (result.status, result.numbers["resumed"]["changed"]) == ("ok", ["kernels", "processor"])
    assert len(result.numbers["evaluators"]["kernels"]) == 2
    assert result.numbers["machine"]["processor"] == "of another node"


def test_another_jobs_checkpoint_is_refused_by_name(new_folder: Folder) -> None:
    folder = new_folder("job")
    assert fly(job(), folder, asks=10) == "wall_time"
    with pytest.raises(RefusedError, match="of another job: its parameters differ"):
        fly(replace(job(), seed=12, resume=True), folder)
    write_frames(folder / files.SLAB_STATES, states(clean_slab(), 2, 0.01, 5))
    with pytest.raises(RefusedError, match=f"its {files.SLAB_STATES} differ"):
        fly(replace(job(), resume=True), folder)
    assert fly(job(), folder) == "ok"  # not demanded: begun anew
    assert not list((folder / files.CHECKPOINT).iterdir())


@pytest.mark.parametrize("what", ["batch_size", "time", "device"])
def test_what_decides_no_numbers_may_change(what: str, new_folder: Folder) -> None:
    folder = new_folder("job")
    assert fly(job(), folder, asks=10) == "wall_time"
    later = {
        "batch_size": job(batch_size=1),
        "time": replace(job(), max_seconds=1e5, checkpoint_every_s=7.0),
        "device": replace(job(), device="auto"),
    }[what]
    assert fly(replace(later, resume=True), folder) == "ok"
    np.testing.assert_array_equal(shots_of(folder)["shot"], range(5))


def test_fewer_places_than_shots_in_flight_park_the_rest(new_folder: Folder, undisturbed: Undisturbed) -> None:
    folder = new_folder("job")
    assert fly(job(own_graphs=True), folder, asks=10) == "wall_time"
    assert fly(replace(job(own_graphs=True, batch_size=1), resume=True), folder) == "ok"
    assert tables(folder) == undisturbed(job(own_graphs=True))


@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
@pytest.mark.parametrize("which", ["state-{}.npz", "state-{}.json"])
def test_a_damaged_generation_is_passed_over_for_the_one_before(
    damage: str, which: str, new_folder: Folder, undisturbed: Undisturbed
) -> None:
    folder = new_folder("job")
    assert fly(replace(job(), checkpoint_every_s=1e-9), folder, asks=31) == "wall_time"
    numbers = sorted(path.stem.removeprefix("state-") for path in (folder / files.CHECKPOINT).glob("*.json"))
    _damage(folder / files.CHECKPOINT / which.format(numbers[-1]), damage)
    Countdown.asks = LATE
    result = shoot.run(replace(job(), resume=True), folder)
    assert result.status == "ok" and tables(folder) == undisturbed(job())
    said = result.numbers["resumed"]["said"]
    assert len(said) == (0 if (damage, which) == ("gone", "state-{}.json") else 1)


@pytest.mark.parametrize("what", ["*.json", "shard-000000.npz", "*"])
def test_when_no_generation_is_whole_the_job_says_so(what: str, new_folder: Folder) -> None:
    folder = new_folder("job")
    assert fly(job(), folder, asks=41) == "wall_time"
    for path in (folder / files.CHECKPOINT).glob(what):
        _damage(path, "cut")
    with pytest.raises(RunFailedError, match=r"damaged|cut off") as failed:
        fly(replace(job(), resume=True), folder)
    assert failed.value.status == "checkpoint_unusable"
    with pytest.raises(RunFailedError, match="holds no generation"):
        fly(replace(job(), resume=True), folder)
    assert fly(job(), folder) == "ok"


def test_a_checkpoint_of_other_physics_is_not_gone_on_from(new_folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = new_folder("job")
    assert fly(job(), folder, asks=10) == "wall_time"
    monkeypatch.setattr("aiida_mlgun.remote.engine.checkpoint.PHYSICS", PHYSICS + 1)
    with pytest.raises(RunFailedError, match=f"physics {PHYSICS}, this version computes {PHYSICS + 1}"):
        fly(replace(job(), resume=True), folder)


def test_progress_counts_earlier_runs(new_folder: Folder) -> None:
    folder = new_folder("job")
    assert fly(job(), folder, asks=31) == "wall_time"
    first = shots_of(folder)
    assert len(first["shot"]) == 3
    fly(replace(job(), resume=True), folder)
    progress = json.loads((folder / files.PROGRESS).read_text())
    assert (progress["done"], progress["steps"], progress["eta_s"]) == (5, 5 * 26, 0.0)


def _damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    middle = len(content) // 2
    if how == "gone":
        path.unlink()
    elif how == "cut":
        path.write_bytes(content[:middle])
    else:
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])

"""Real jobs and AiiDA's cache: equal work is done once, and no result is handed out for what it is not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching
from ase.build import molecule
from plumpy import ProcessState

from aiida_mlgun.calculations.base import VerbCalculation
from aiida_mlgun.calculations.curate import CurateCalculation
from aiida_mlgun.calculations.shoot import ShootCalculation
from aiida_mlgun.contract.generations import PHYSICS
from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.data.model import ModelData
from aiida_mlgun.parsers.curate import CurateParser
from aiida_mlgun.remote.environment import packages
from aiida_mlgun.science.frames import Frames
from tests.nodes import chemistry, model_contents, slab_atoms, states

MLGUN = Path(sys.executable).parent / "mlgun"
Job = Callable[..., orm.CalcJobNode]


@pytest.fixture
def code(aiida_code_installed: Callable[..., orm.InstalledCode]) -> orm.InstalledCode:
    return aiida_code_installed(filepath_executable=str(MLGUN))


@pytest.fixture(autouse=True)
def cached(aiida_profile_clean: Any) -> Iterator[None]:
    with enable_caching():
        yield


@pytest.fixture
def curate(code: orm.InstalledCode, make_frames: Callable[..., Frames]) -> Job:
    """``curate(…)``: a finished job on 40 frames of H2, new nodes of equal content each time."""

    def run(
        options: dict[str, Any] | None = None,
        environment: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
        program: orm.InstalledCode = code,
    ) -> orm.CalcJobNode:
        inputs: dict[str, Any] = {
            "code": program,
            "frames": FramesData(make_frames(40, run="a")),
            "parameters": orm.Dict({"test": 0.2, "split": "random", "seed": 7} | (parameters or {})),
            "metadata": {"options": options or {}},
        }
        if environment != {}:
            inputs["environment"] = orm.Dict(environment or packages())
        node = run_get_node(CurateCalculation, **inputs)[1]
        assert isinstance(node, orm.CalcJobNode)
        return node

    return run


def source(job: orm.CalcJobNode) -> str | None:
    return job.base.caching.get_cache_source()


def test_equal_work_is_done_once_whatever_time_and_queue_were_asked_for(curate: Job) -> None:
    first = curate({"max_wallclock_seconds": 600})
    assert first.is_finished_ok, first.exit_message
    assert source(first) is None
    again = curate({"max_wallclock_seconds": 7200, "queue_name": "long", "account": "p1", "qos": "low"})
    assert source(again) == first.uuid
    assert again.outputs.train.content_hash == first.outputs.train.content_hash
    assert source(curate(parameters={"seed": 8})) is None


def test_another_environment_is_other_work(curate: Job) -> None:
    first = curate()
    other = curate(environment=packages() | {"gpu": "another card"})
    assert (first.exit_status, other.exit_status) == (0, 0)
    assert source(other) is None
    assert source(curate(environment=packages() | {"gpu": "another card"})) == other.uuid


def test_without_an_environment_nothing_is_taken_from_the_cache(curate: Job) -> None:
    curate(environment={})
    assert source(curate(environment={})) is None
    assert source(curate()) is None


def test_an_environment_that_has_changed_since_the_probe_ends_by_name_and_is_no_source(curate: Job) -> None:
    old = packages() | {"torch": "1.0.0"}
    job = curate(environment=old)
    assert job.exit_status == 320
    assert f"torch is {packages()['torch']}, and 1.0.0 is what the last probe found." in job.exit_message
    assert job.exit_message.endswith("Probe the code again.")
    again = curate(environment=old)
    assert (again.exit_status, source(again)) == (320, None)


@pytest.mark.parametrize("raised", [CurateCalculation, CurateParser])
def test_a_raised_version_is_other_work(raised: Any, curate: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    first = curate()
    monkeypatch.setattr(raised, "CACHE_VERSION", raised.CACHE_VERSION + 1)
    later = curate()
    assert (first.exit_status, later.exit_status) == (0, 0)
    assert source(later) is None
    monkeypatch.undo()
    assert source(curate()) == first.uuid


def test_the_version_of_the_engine_is_the_version_of_its_jobs() -> None:
    assert ShootCalculation.CACHE_VERSION == PHYSICS
    assert all(isinstance(cls.CACHE_VERSION, int) for cls in VerbCalculation.__subclasses__())


def test_a_refusal_that_a_rerun_would_repeat_is_kept_and_one_that_it_may_cure_is_not(
    curate: Job, aiida_code_installed: Callable[..., orm.InstalledCode], tmp_path: Path
) -> None:
    refused = curate(parameters={"max_force": 1e-9})
    assert refused.exit_status == 213
    assert source(curate(parameters={"max_force": 1e-9})) == refused.uuid
    silent = tmp_path / "mlgun"
    silent.write_text("#!/bin/sh\nexit 1\n")
    silent.chmod(0o755)
    program = aiida_code_installed(label="silent", filepath_executable=str(silent))
    cut_off = curate(program=program)
    assert cut_off.exit_status == 310
    again = curate(program=program)
    assert (again.exit_status, source(again)) == (310, None)


def test_a_probe_is_never_taken_from_the_cache(aiida_localhost: orm.Computer) -> None:
    node = orm.CalcJobNode(computer=aiida_localhost, process_type="aiida.calculations:mlgun.probe")
    node.set_process_state(ProcessState.FINISHED)
    node.set_exit_status(0)
    node.store().seal()
    assert not node.base.caching.is_valid_cache


def test_a_part_of_a_batch_is_never_handed_out_for_the_whole(code: orm.InstalledCode) -> None:
    """The same inputs with time for one look, then with time for all of them."""
    start = {
        "slab_states": FramesData(states(slab_atoms(), 1)),
        "molecule_states": FramesData(states(molecule("C2H2"), 1)),
    }
    parameters = {
        "n_shots": 3,
        "seed": 5,
        "device": "cpu",
        "chemistry": chemistry(),
        "aim": {"height": 7.0},
        "velocity": {"recipe": "beam", "kinetic_energy": 1.0},
        "decision": {"early": False, "max_unresolved": 1.0, "max_drift": 100.0},
        "dynamics": {"max_steps": 20, "check_every": 20, "batch_size": 2, "evaluator": "torch", "threads": 1},
    }

    def shoot(seconds: int) -> orm.CalcJobNode:
        node = run_get_node(
            ShootCalculation,
            code=code,
            model=ModelData(model_contents()),
            environment=orm.Dict(packages()),
            parameters=orm.Dict(parameters),
            metadata={"options": {"max_wallclock_seconds": seconds}},
            **start,
        )[1]
        assert isinstance(node, orm.CalcJobNode)
        return node

    part = shoot(1)
    assert part.exit_status == 410
    assert len(part.outputs.shots) < 3
    whole = shoot(3600)
    assert (whole.exit_status, source(whole), len(whole.outputs.shots)) == (0, None, 3)
    assert source(shoot(60)) == whole.uuid

"""What ``mlgun.shoot`` decides after each end of a job, without running any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiida import orm
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager

from aiida_mlgun.contract.status import BY_NAME, TABLE
from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.data.model import ModelData
from aiida_mlgun.data.shots import ShotsData
from aiida_mlgun.workflows.restart import PATIENCE
from aiida_mlgun.workflows.shoot import FIRST_GUESS, ShootWorkChain
from tests.nodes import acetylene, chemistry, model_contents, shot_arrays, slab_atoms, states

from .ended import code_of, end_job, status

Ended = Callable[..., orm.CalcJobNode]
CUT_OFF = (
    "wall_time", "terminated", "manifest_missing", "ERROR_SCHEDULER_OUT_OF_WALLTIME", "ERROR_SCHEDULER_NODE_FAILURE"
)  # fmt: skip


@pytest.fixture
def inputs(aiida_code_installed: Callable[..., orm.InstalledCode]) -> dict[str, Any]:
    parameters = {"n_shots": 9, "seed": 1, "chemistry": chemistry(), "aim": {"height": 9.0}}
    parameters["velocity"] = {"recipe": "beam", "kinetic_energy": 0.5}
    return {
        "code": aiida_code_installed(filepath_executable="bash"),
        "model": ModelData(model_contents()),
        "slab_states": FramesData(states(slab_atoms())),
        "molecule_states": FramesData(states(acetylene())),
        "parameters": orm.Dict(parameters),
    }


def set_up(inputs: dict[str, Any]) -> ShootWorkChain:
    process = instantiate_process(get_manager().get_runner(), ShootWorkChain, **inputs)
    assert isinstance(process, ShootWorkChain)
    process.setup()
    process.ctx.children = []
    return process


@pytest.fixture
def chain(inputs: dict[str, Any]) -> ShootWorkChain:
    """A chain that has been set up and has started nothing."""
    return set_up(inputs)


@pytest.fixture
def ended(chain: ShootWorkChain, aiida_localhost: orm.Computer) -> Ended:
    """``ended(name, steps, shots)``: the last job ended so; steps in its checkpoint, shots in its table."""

    def add(
        name: str, steps: int | None = None, shots: int = 0, width: int = 4, numbers: dict[str, Any] | None = None
    ) -> orm.CalcJobNode:
        marks = None if steps is None else {"steps": steps, "shots": shots, "batch_size": width}
        outputs: dict[str, Any] = {"shots": ShotsData(shot_arrays(tuple(range(shots))))} if shots else {}
        if numbers is not None:
            outputs["results"] = orm.Dict({"numbers": numbers})
        return end_job(chain, aiida_localhost, 0 if name == "ok" else code_of(name), "m.", marks, **outputs)

    return add


@pytest.mark.parametrize("name", CUT_OFF)
def test_each_kind_of_cut_goes_on_while_it_gets_further(name: str, chain: ShootWorkChain, ended: Ended) -> None:
    for steps, shots in ((300, 0), (600, 1), (900, 1)):
        job = ended(name, steps, shots)
        assert status(chain) == 0
        assert chain.ctx.inputs.checkpoint.uuid == job.outputs.checkpoint.uuid


@pytest.mark.parametrize("name", ["wall_time", "ERROR_SCHEDULER_OUT_OF_WALLTIME"])
def test_time_that_brings_no_step_ends_the_chain_with_its_shots(name: str, chain: ShootWorkChain, ended: Ended) -> None:
    first = ended(name, 300, 2)
    assert status(chain) == 0
    ended(name, 300)
    assert status(chain) not in (None, 0)
    assert chain.outputs["shots"].uuid == first.outputs.shots.uuid


def test_a_lost_job_is_tried_twice_more_and_its_predecessors_shots_are_not_lost(
    chain: ShootWorkChain, ended: Ended
) -> None:
    first = ended("wall_time", 300, 3)
    assert status(chain) == 0
    for _ in range(PATIENCE):
        ended("manifest_missing")
        assert status(chain) == 0
        assert chain.ctx.inputs.checkpoint.uuid == first.outputs.checkpoint.uuid
    ended("manifest_missing")
    assert status(chain) == code_of("manifest_missing")
    for name in ("shots", "checkpoint"):
        assert chain.outputs[name].uuid == first.outputs[name].uuid


def test_an_unusable_checkpoint_is_put_aside_but_not_its_shots(chain: ShootWorkChain, ended: Ended) -> None:
    first = ended("wall_time", 300, 4)
    assert status(chain) == 0
    ended("checkpoint_unusable")
    assert status(chain) == 0
    assert "checkpoint" not in chain.ctx.inputs
    ended("unexpected", None, 1)
    assert status(chain) == code_of("unexpected")
    assert chain.outputs["shots"].uuid == first.outputs.shots.uuid
    assert "checkpoint" not in chain.outputs


@pytest.mark.parametrize("name", ["out_of_memory", "ERROR_SCHEDULER_OUT_OF_MEMORY"])
def test_when_memory_runs_out_half_as_many_fly(name: str, chain: ShootWorkChain, ended: Ended) -> None:
    ended(name)
    assert status(chain) == 0
    assert FIRST_GUESS > 9  # of nine shots no more than nine can have flown side by side
    assert chain.ctx.inputs.parameters["dynamics"]["batch_size"] == 9 // 2
    job = ended(name, 300, 1, width=5)
    assert status(chain) == 0
    assert chain.ctx.inputs.parameters["dynamics"]["batch_size"] == 2
    assert chain.ctx.inputs.checkpoint.uuid == job.outputs.checkpoint.uuid
    assert chain.ctx.inputs.parameters["aim"] == {"height": 9.0}
    ended(name, numbers={"batch_size": 1})
    assert status(chain) == (313 if name == "out_of_memory" else BY_NAME["job_failed"].code)


def test_a_job_that_halved_itself_down_to_one_is_not_tried_again(chain: ShootWorkChain, ended: Ended) -> None:
    ended("out_of_memory", 300, 2, width=4, numbers={"batch_size": 1})
    assert status(chain) == code_of("out_of_memory")
    assert len(chain.outputs["shots"]) == 2


HANDLED = {
    *("wall_time", "terminated", "manifest_missing", "checksum_mismatch", "checkpoint_unusable", "out_of_memory")
}


@pytest.mark.parametrize("row", [row for row in TABLE if row.name not in HANDLED], ids=lambda row: row.name)
def test_whatever_a_rerun_cannot_cure_ends_at_once_by_name(row: Any, chain: ShootWorkChain, ended: Ended) -> None:
    job = ended(row.name, 300, 2)
    found = chain.inspect_process()
    assert found is not None and found.status == row.code
    assert not chain.should_run_process()
    assert chain.outputs["shots"].uuid == job.outputs.shots.uuid


def test_a_good_end_is_the_end(chain: ShootWorkChain, ended: Ended) -> None:
    job = ended("ok", None, 9)
    assert status(chain) is None and not chain.should_run_process()
    chain.results()
    assert chain.outputs["shots"].uuid == job.outputs.shots.uuid


def test_a_given_checkpoint_counts(inputs: dict[str, Any], aiida_localhost: orm.Computer) -> None:
    given = orm.FolderData()
    given.base.attributes.set("steps", 300)
    chain = set_up({**inputs, "checkpoint": given})
    assert chain.ctx.inputs.checkpoint.uuid == given.uuid
    end_job(chain, aiida_localhost, 410, "m.", {"steps": 300})
    assert status(chain) == 410


def test_a_checkpoint_of_other_parameters_is_refused_before_submission(inputs: dict[str, Any]) -> None:
    given = orm.FolderData()
    given.base.attributes.set_many({"steps": 300, "job": "0" * 64})
    with pytest.raises(ValueError, match="the checkpoint is of a job with other parameters"):
        set_up({**inputs, "checkpoint": given})

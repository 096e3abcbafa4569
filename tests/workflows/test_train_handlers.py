"""What ``mlgun.train`` decides after each end of a job, without running any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiida import orm
from aiida.common import AttributeDict
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager

from aiida_mlgun.calculations.train import TrainCalculation
from aiida_mlgun.contract.status import BY_NAME, TABLE
from aiida_mlgun.workflows.restart import PATIENCE
from aiida_mlgun.workflows.train import TrainWorkChain

from .ended import code_of, end_job, status
from .stages import small_stage

Ended = Callable[..., orm.CalcJobNode]
CUT_OFF = ("wall_time", "terminated", "manifest_missing")
SCHEDULER = ("ERROR_SCHEDULER_OUT_OF_WALLTIME", "ERROR_SCHEDULER_NODE_FAILURE")


@pytest.fixture
def chain(aiida_code_installed: Callable[..., orm.InstalledCode]) -> TrainWorkChain:
    """A chain that has been set up and has started nothing."""
    code = aiida_code_installed(filepath_executable="bash")
    process = instantiate_process(get_manager().get_runner(), TrainWorkChain, code=code, **small_stage(lr=0.02))
    assert isinstance(process, TrainWorkChain)
    process.setup()
    process.ctx.children = []
    return process


@pytest.fixture
def ended(chain: TrainWorkChain, aiida_localhost: orm.Computer) -> Ended:
    """``ended(code, epoch)``: the chain's last job ended with this code and, perhaps, a checkpoint; it is inspected."""

    def add(code: int, epoch: int | None = None, message: str = "") -> orm.CalcJobNode:
        return end_job(chain, aiida_localhost, code, message, None if epoch is None else {"epoch": epoch})

    return add


@pytest.mark.parametrize("name", [*CUT_OFF, *SCHEDULER])
def test_each_kind_of_cut_goes_on_while_it_gets_further(name: str, chain: TrainWorkChain, ended: Ended) -> None:
    for epoch in (3, 4, 9):
        job = ended(code_of(name), epoch)
        assert status(chain) == 0
        assert chain.ctx.inputs.checkpoint.uuid == job.outputs.checkpoint.uuid
        assert chain.should_run_process()


@pytest.mark.parametrize("epoch", [None, 3])
def test_time_that_brings_no_epoch_ends_the_chain_at_once(
    epoch: int | None, chain: TrainWorkChain, ended: Ended
) -> None:
    if epoch is not None:
        ended(410, epoch)
        assert status(chain) == 0
    last = ended(410, epoch, "m.")
    assert status(chain) == 410
    assert not chain.should_run_process()
    if epoch is not None:
        assert chain.outputs["checkpoint"].uuid == last.outputs.checkpoint.uuid


@pytest.mark.parametrize("name", ["manifest_missing", "checksum_mismatch"])
def test_a_job_that_vanishes_without_progress_is_tried_twice_more(
    name: str, chain: TrainWorkChain, ended: Ended
) -> None:
    for _ in range(PATIENCE):
        ended(code_of(name))
        assert status(chain) == 0
        assert "checkpoint" not in chain.ctx.inputs
    ended(code_of(name))
    assert status(chain) == code_of(name)


@pytest.mark.parametrize("name", ["terminated", "ERROR_SCHEDULER_NODE_FAILURE"])
def test_a_job_that_was_ended_from_outside_is_tried_as_often_as_may_be(
    name: str, chain: TrainWorkChain, ended: Ended
) -> None:
    """A partition that preempts its jobs: the user's limit is ``max_iterations``."""
    for _ in range(4):
        ended(code_of(name))
        assert status(chain) == 0
    ended(code_of(name))
    assert status(chain) == 401


def test_progress_between_two_losses_starts_the_count_again(chain: TrainWorkChain, ended: Ended) -> None:
    for epoch in (None, 2, 2):
        ended(310, epoch)
        assert status(chain) == 0
    assert chain.ctx.vanished == 1


def test_five_jobs_are_enough(chain: TrainWorkChain, ended: Ended) -> None:
    for epoch in range(1, 5):
        ended(410, epoch)
        assert status(chain) == 0
    last = ended(410, 5)
    assert status(chain) == 401
    assert chain.outputs["checkpoint"].uuid == last.outputs.checkpoint.uuid


def test_a_named_failure_of_the_fifth_job_keeps_its_name(chain: TrainWorkChain, ended: Ended) -> None:
    for epoch in range(1, 5):
        ended(410, epoch)
        assert status(chain) == 0
    ended(513, message="e0s.")
    assert status(chain) == 513


def test_divergence_lowers_lr_once_from_the_start(chain: TrainWorkChain, ended: Ended) -> None:
    ended(410, 3)
    assert status(chain) == 0
    ended(510, 4)
    assert status(chain) == 0
    assert "checkpoint" not in chain.ctx.inputs
    assert chain.ctx.inputs.parameters["stage"]["lr"] == pytest.approx(0.002)
    assert chain.ctx.inputs.parameters["stage"]["epochs"] == 2
    ended(410, 2)  # fewer epochs than before, but from a new start
    assert status(chain) == 0
    ended(510, message="again.")
    assert status(chain) == 510


def test_a_monitors_word_counts_as_divergence_only_when_it_is_about_the_loss(
    chain: TrainWorkChain, ended: Ended
) -> None:
    ended(150, message="the loss is nan in epoch 2.")
    assert status(chain) == 0
    assert chain.ctx.lr_lowered
    ended(150, message="the loss is nan in epoch 1.")
    found = chain.inspect_process()
    assert found is not None
    assert (found.status, found.message[:46]) == (510, "Training diverged: the loss is nan in epoch 1.")


def test_another_monitors_word_is_a_failed_job(chain: TrainWorkChain, ended: Ended) -> None:
    ended(150, message="quota exceeded")
    assert status(chain) == BY_NAME["job_failed"].code
    assert not chain.ctx.lr_lowered


def test_an_unusable_checkpoint_is_put_aside(chain: TrainWorkChain, ended: Ended) -> None:
    ended(410, 7)
    assert status(chain) == 0
    ended(412)
    assert status(chain) == 0
    assert "checkpoint" not in chain.ctx.inputs
    ended(410, 1)
    assert status(chain) == 0


HANDLED = {
    *("wall_time", "terminated", "manifest_missing", "checksum_mismatch", "loss_diverged", "checkpoint_unusable")
}


@pytest.mark.parametrize("row", [row for row in TABLE if row.name not in HANDLED], ids=lambda row: row.name)
def test_whatever_a_rerun_cannot_cure_ends_at_once_by_name(row: Any, chain: TrainWorkChain, ended: Ended) -> None:
    ended(row.code, 3, row.message.format(detail="d."))
    found = chain.inspect_process()
    assert found is not None
    assert found.status == row.code
    assert row.message.format(detail="d.") in found.message
    assert not chain.should_run_process()


def test_a_good_end_is_the_end(chain: TrainWorkChain, ended: Ended) -> None:
    ended(0)
    assert status(chain) is None
    assert not chain.should_run_process()


def test_an_unhandled_failure_is_left_to_what_the_user_asked_for(chain: TrainWorkChain, ended: Ended) -> None:
    chain._parsed_inputs = AttributeDict({**chain.inputs, "on_unhandled_failure": orm.Str("abort")})
    ended(314)
    assert status(chain) == TrainWorkChain.exit_codes.ERROR_UNHANDLED_FAILURE.status


def test_the_first_job_has_the_chains_inputs(chain: TrainWorkChain) -> None:
    given = chain.ctx.inputs
    assert {name: given[name].uuid for name in ("train", "validation", "parameters")} == {
        name: chain.inputs[name].uuid for name in ("train", "validation", "parameters")
    }
    assert "remote_folder" not in given and "test" not in given
    assert given.monitors["loss"]["entry_point"] == "mlgun.training_diverged"
    assert TrainWorkChain._process_class is TrainCalculation

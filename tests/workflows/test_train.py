"""``mlgun.train`` with the real engine and real, tiny trainings: it ends, goes on, retries, or fails by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.workflows.train import TrainWorkChain

from .stages import EXECUTABLE, reports, small_stage


@pytest.fixture
def train(aiida_code_installed: Callable[..., orm.InstalledCode]) -> Callable[..., orm.WorkChainNode]:
    """``train(**inputs)`` → the finished chain; jobs run the ``mlgun`` of this environment on this computer."""
    code = aiida_code_installed(filepath_executable=str(EXECUTABLE))
    return lambda **inputs: run_get_node(TrainWorkChain, code=code, **inputs)[1]


def jobs(chain: orm.WorkChainNode) -> list[orm.CalcJobNode]:
    return sorted(chain.called, key=lambda job: job.pk)


def with_parameters(stage: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**stage, "parameters": orm.Dict({**stage["parameters"].get_dict(), **changes})}


def test_a_stage_trains_and_hands_out_its_jobs_outputs(train: Callable[..., orm.WorkChainNode]) -> None:
    chain = train(**small_stage("first", test=True))
    assert chain.is_finished_ok, reports(chain)
    (job,) = jobs(chain)
    assert chain.outputs.model.uuid == job.outputs.model.uuid
    card = chain.outputs.model.card
    assert (card["name"], card["resumed"], card["lineage"]) == ("first", False, [])
    assert card["data"]["train"]["content_hash"] == chain.inputs.train.content_hash
    assert set(card["data"]) == {"train", "validation", "test"}
    training = chain.outputs.training.get_dict()
    assert training["history"]["epoch"] == [0.0, 1.0]
    assert (training["run"]["resumed_from"], training["run"]["batch_size"]) == (None, 3)
    assert chain.outputs.results["numbers"]["peak_MiB"] > 50
    assert "checkpoint" not in job.outputs
    (monitor,) = [link.node for link in job.base.links.get_incoming().all() if link.link_label == "monitors__loss"]
    assert monitor["entry_point"] == "mlgun.training_diverged"


def test_a_stage_cut_off_by_its_time_goes_on_to_its_end(train: Callable[..., orm.WorkChainNode]) -> None:
    chain = train(**with_parameters(small_stage(epochs=2), max_seconds=1e-3))  # one epoch per job
    assert chain.is_finished_ok, reports(chain)
    first, second = jobs(chain)
    assert (first.exit_status, first.outputs.checkpoint.base.attributes.get("epoch")) == (410, 1)
    assert second.inputs.checkpoint.uuid == first.outputs.checkpoint.uuid
    assert not first.base.caching.is_valid_cache
    assert f"<{first.pk}>: The time ended before the run did" in reports(chain)
    assert "Goes on from its checkpoint after 1 epochs." in reports(chain)
    training = chain.outputs.training.get_dict()
    assert (training["run"]["resumed_from"], training["history"]["epoch"]) == (1, [0.0, 1.0])
    assert chain.outputs.model.card["resumed"] is True


def test_a_diverged_stage_is_tried_once_more_with_a_tenth_of_lr(train: Callable[..., orm.WorkChainNode]) -> None:
    stage = small_stage(lr=0.02)
    frames = stage["train"].frames()
    stage["train"] = FramesData(replace(frames, forces=frames.forces * 1e200))  # finite, and its square is not
    chain = train(**stage)
    first, second = jobs(chain)
    assert [job.exit_status for job in (first, second)] == [510, 510]
    assert second.inputs.parameters["stage"] == {**first.inputs.parameters["stage"], "lr": 0.002}
    assert "checkpoint" not in second.inputs
    assert chain.exit_status == 510
    assert "Training diverged: the loss is nan" in chain.exit_message
    assert "Once more from the stage's start with lr 0.002." in reports(chain)
    assert chain.outputs.results["status"] == "loss_diverged"


def test_the_monitor_kills_a_job_whose_own_watch_failed(
    aiida_code_installed: Callable[..., orm.InstalledCode], tmp_path: Path
) -> None:
    program = tmp_path / "blind"
    program.write_text(
        '#!/bin/sh\nmkdir -p mace/results\necho \'{"loss": NaN, "mode": "opt", "epoch": 0}\' '
        "> mace/results/stage_run-24_train.txt\nsleep 600\n"
    )
    program.chmod(0o755)
    code = aiida_code_installed(label="blind", filepath_executable=str(program))
    monitors = {"loss": orm.Dict({"entry_point": "mlgun.training_diverged"})}
    _, chain = run_get_node(TrainWorkChain, code=code, monitors=monitors, **small_stage())
    first, second = jobs(chain)
    assert [(job.exit_status, job.exit_message) for job in (first, second)] == [
        (150, "the loss is nan in epoch 0.")
    ] * 2
    assert second.inputs.parameters["stage"]["lr"] == pytest.approx(0.001)
    assert chain.exit_status == 510
    assert chain.exit_message.startswith("Training diverged: the loss is nan in epoch 0.")

"""Real small trainings that are stopped, damaged, poisoned and squeezed."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mace.modules.loss import WeightedEnergyForcesLoss
from mace.modules.models import ScaleShiftMACE

from aiida_mlgun.contract.errors import RefusedError, RunFailedError
from aiida_mlgun.contract.generations import seal
from aiida_mlgun.contract.manifest import sha256_file
from aiida_mlgun.contract.training import Stage
from aiida_mlgun.remote.mace.checkpoints import Checkpoints
from aiida_mlgun.remote.mace.running import Ran, run_stage
from aiida_mlgun.remote.mace.trust import open_pickle
from aiida_mlgun.science.frames import Frames

from .small import options, wanted, write_sets

Weights = dict[str, torch.Tensor]


class Trial:
    """A work folder, a checkpoint folder, and what was told."""

    def __init__(self, folder: Path, make_frames: Callable[..., Frames]) -> None:
        self.work, self.checkpoint = write_sets(folder / "mace", make_frames), folder / "checkpoint"
        self.epochs: list[int] = []
        self.lines: list[str] = []
        self.then: Callable[[int], None] = lambda epoch: None

    def train(self, stage: Stage, deadline: float | None = None, **how: Any) -> Ran:
        return run_stage(options(self.work, stage), stage, self.work, self.checkpoint, self.tell, deadline, **how)

    def tell(self, epoch: int, line: str) -> None:
        self.epochs.append(epoch)
        self.lines.append(line)
        self.then(epoch)

    def stop_after(self, stage: Stage, epoch: int) -> None:
        """As a signal does: in the midst of things, after ``epoch`` was told."""

        def stop(told: int) -> None:
            if told == epoch:
                raise KeyboardInterrupt

        self.then = stop
        with pytest.raises(KeyboardInterrupt):
            self.train(stage)
        self.then = lambda epoch: None

    def model(self) -> Weights:
        path = self.work / "stage.model"
        return dict(open_pickle(path, sha256_file(path)).state_dict())

    def curve(self) -> list[tuple[int, float]]:
        lines = (self.work / "results" / "stage_run-24_train.txt").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        return [(row["epoch"], row["loss"]) for row in rows if row["mode"] == "eval" and row["epoch"] is not None]

    def generations(self) -> list[str]:
        return sorted(path.stem for path in self.checkpoint.glob("state-*.json"))


@pytest.fixture
def trial(tmp_path: Path, make_frames: Callable[..., Frames], monkeypatch: pytest.MonkeyPatch) -> Trial:
    monkeypatch.setattr("aiida_mlgun.remote.mace.watching.SHARE", 1e9)  # a generation after each epoch
    return Trial(tmp_path, make_frames)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, make_frames: Callable[..., Frames]) -> Trial:
    """Six epochs with a moving average, without interruption."""
    trial = Trial(tmp_path_factory.mktemp("whole"), make_frames)
    trial.train(wanted(ema_decay=0.9))
    return trial


def same(one: Weights, two: Weights) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


@pytest.fixture
def scaled_loss(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """MACE's loss times ``factor``."""
    told, original = {"factor": 1.0}, WeightedEnergyForcesLoss.forward
    monkeypatch.setattr(
        WeightedEnergyForcesLoss,
        "forward",
        lambda self, ref, pred, ddp=None: original(self, ref, pred) * told["factor"],
    )
    return told


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """A device whose memory holds ``graphs`` structures in a training step."""
    told, original = {"graphs": 1000}, ScaleShiftMACE.forward

    def forward(self: Any, data: dict[str, torch.Tensor], training: bool = False, **kwargs: Any) -> Any:
        if training and len(data["ptr"]) - 1 > told["graphs"]:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nmore lines")
        return original(self, data, training=training, **kwargs)

    monkeypatch.setattr(ScaleShiftMACE, "forward", forward)
    return told


def test_a_training_that_went_on_gives_the_weights_of_one_that_never_stopped(whole: Trial, trial: Trial) -> None:
    stage = wanted(ema_decay=0.9)
    with pytest.raises(RunFailedError, match="epoch 0 was the last that fitted") as caught:
        trial.train(stage, deadline=time.monotonic() + 1e-3)
    assert caught.value.status == "wall_time"
    trial.stop_after(stage, 3)
    ran = trial.train(stage, resume=True)
    assert (ran.resumed_from, ran.batch_size, ran.attempts) == (3, 4, ())
    assert trial.epochs == [0, 1, 2, 3, 3, 4, 5]  # epoch 3 was told, but the signal came before its generation
    assert trial.lines[-1].startswith("Epoch 5: head: Default, loss=")
    assert trial.curve() == whole.curve()
    assert same(trial.model(), whole.model())


def test_the_generations_are_rare_when_they_would_cost_much(whole: Trial) -> None:
    assert 1 <= len(whole.generations()) <= 2
    assert whole.epochs == [0, 1, 2, 3, 4, 5]


def test_the_process_is_afterwards_as_it_was(trial: Trial) -> None:
    root = logging.getLogger()
    before = list(root.handlers), list(root.filters), root.level, torch.get_default_dtype()
    trial.stop_after(wanted(), 0)
    assert (list(root.handlers), list(root.filters), root.level, torch.get_default_dtype()) == before


def test_a_truncated_generation_costs_one_epoch(whole: Trial, trial: Trial) -> None:
    trial.stop_after(wanted(ema_decay=0.9), 4)
    assert trial.generations() == ["state-000003", "state-000004"]
    newest = trial.checkpoint / "state-000004.pt"
    newest.write_bytes(newest.read_bytes()[:1000])
    ran = trial.train(wanted(ema_decay=0.9), resume=True)
    assert ran.resumed_from == 3
    assert ran.attempts == ("state-000004.pt of checkpoint 4 is missing, cut off or altered.",)
    assert same(trial.model(), whole.model())


def test_a_checkpoint_that_is_demanded_must_be_there(trial: Trial) -> None:
    with pytest.raises(RunFailedError, match="the folder holds no generation") as caught:
        trial.train(wanted(), resume=True)
    assert caught.value.status == "checkpoint_unusable"


def test_a_training_with_other_settings_begins_anew_or_is_refused(trial: Trial) -> None:
    trial.stop_after(wanted(), 1)
    with pytest.raises(RunFailedError, match=r"with lr 0.01, this one has 0.02") as caught:
        trial.train(wanted(lr=0.02), resume=True)
    assert caught.value.status == "checkpoint_unusable"
    with pytest.raises(RunFailedError, match="has 1 epochs behind it, the stage has only 0") as caught:
        trial.train(_epochs(0), resume=True)
    ran = trial.train(wanted(lr=0.02, epochs=1))
    assert ran.resumed_from is None
    assert ran.attempts[0].startswith("Begun anew: the checkpoint is of a training with lr 0.01")
    assert trial.curve()[0][0] == 0 and len(trial.curve()) == 1


def _epochs(number: int) -> Stage:
    stage = wanted()
    object.__setattr__(stage, "epochs", number)  # which no stage may have: shorter than what is behind it
    return stage


def test_a_longer_training_goes_on(trial: Trial) -> None:
    trial.stop_after(wanted(epochs=2), 1)
    ran = trial.train(wanted(epochs=3), resume=True)
    assert ran.resumed_from == 1
    assert [epoch for epoch, _ in trial.curve()] == [0, 1, 2]


def test_the_best_epoch_may_lie_before_the_interruption(trial: Trial, scaled_loss: dict[str, float]) -> None:
    trial.stop_after(wanted(), 2)
    store = Checkpoints(trial.checkpoint, {})
    best = store.best(store.at(2))
    scaled_loss["factor"] = 50.0  # epochs 2 to 5 look worse than epoch 1
    trial.train(wanted(), resume=True)
    assert same(trial.model(), best)


def test_a_checkpoint_of_another_parent_is_refused(trial: Trial) -> None:
    trial.stop_after(wanted(), 1)
    start = trial.checkpoint / "start.pt"
    weights = torch.load(start, weights_only=True)
    key = next(key for key in weights if key.startswith("interactions"))
    torch.save(weights | {key: weights[key] * 1.5}, start)
    for path in trial.checkpoint.glob("state-*.json"):
        told = json.loads(path.read_text())["generation"]
        told["files"]["start.pt"] = sha256_file(start)
        path.write_bytes(seal(told))
    with pytest.raises(RunFailedError, match="began from another model: interactions") as caught:
        trial.train(wanted(), resume=True)
    assert caught.value.status == "checkpoint_unusable"


def test_a_loss_that_is_no_number_stops_within_the_epoch_and_harms_no_generation(
    trial: Trial, scaled_loss: dict[str, float]
) -> None:
    def poison(epoch: int) -> None:
        scaled_loss["factor"] = float("nan") if epoch == 2 else 1.0

    trial.then = poison
    with pytest.raises(RunFailedError, match="the loss is nan in epoch 3") as caught:
        trial.train(wanted())
    assert caught.value.status == "loss_diverged"
    assert not (trial.work / "stage.model").exists()
    scaled_loss["factor"] = 1.0
    trial.then = lambda epoch: None
    assert trial.train(wanted(), resume=True).resumed_from == 3
    assert all(torch.isfinite(value).all() for value in trial.model().values() if value.is_floating_point())


def test_a_loss_far_above_its_first_value_is_divergence(trial: Trial, scaled_loss: dict[str, float]) -> None:
    def swell(epoch: int) -> None:
        scaled_loss["factor"] = 1e4

    trial.then = swell
    with pytest.raises(RunFailedError, match=r"over 100 times its first value .* up to epoch 3") as caught:
        trial.train(wanted(clip_grad=1e-9))
    assert caught.value.status == "loss_diverged"


def test_batches_are_halved_until_they_fit_and_go_on_where_they_were(trial: Trial, memory: dict[str, int]) -> None:
    def squeeze(epoch: int) -> None:
        memory["graphs"] = 2 if epoch >= 1 else 1000

    trial.then = squeeze
    ran = trial.train(wanted(batch_size=8))
    assert (ran.batch_size, ran.effective_batch, ran.resumed_from) == (2, 2, None)
    assert ran.attempts == (
        "batch_size 8 did not fit into memory: 4 from epoch 2 on.",
        "batch_size 4 did not fit into memory: 2 from epoch 2 on.",
    )
    assert [epoch for epoch, _ in trial.curve()] == [0, 1, 2, 3, 4, 5]


def test_a_continuation_keeps_the_batch_that_fitted(trial: Trial, memory: dict[str, int]) -> None:
    memory["graphs"] = 2
    trial.stop_after(wanted(), 2)
    ran = trial.train(wanted(), resume=True)
    assert (ran.batch_size, ran.resumed_from) == (2, 2)
    assert ran.attempts == ("batch_size 2 as in the checkpoint; the stage has 4.",)


@pytest.mark.parametrize(("graphs", "shrink", "said"), [(2, False, "batch_size 4"), (0, True, "batch_size 1")])
def test_memory_that_is_too_small_is_named(
    trial: Trial, memory: dict[str, int], graphs: int, shrink: bool, said: str
) -> None:
    memory["graphs"] = graphs
    with pytest.raises(RunFailedError, match=f"{said} does not fit.*Tried to allocate 2 GiB") as caught:
        trial.train(wanted(), shrink=shrink)
    assert caught.value.status == "out_of_memory"


def test_a_batch_larger_than_the_set_is_refused(trial: Trial) -> None:
    with pytest.raises(RefusedError, match="fewer frames than one batch of 9"):
        trial.train(wanted(batch_size=9))

"""One stage trained to its end, or to a named one: resumed where it stopped, with smaller batches where memory ends.

MACE 0.3.16 cannot gather gradients over several batches with its Adam, so halving the batch changes what is
optimised: it is done only on request, and the result says which batch it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...contract.errors import RunFailedError
from ...contract.training import Stage
from . import distributed, inprocess
from .checkpoints import Checkpoints, Generation
from .identity import identify
from .watching import Watch


@dataclass(frozen=True)
class Ran:
    """How a stage ran.

    :param batch_size: per process, of the last epochs; :param effective_batch: times the number of processes.
    :param resumed_from: the epoch with which this run began when it went on from a checkpoint; None: from the start.
    :param attempts: a sentence for each thing that did not go at once.
    :param seconds_per_epoch: mean over this run; None when no epoch was left to train.
    :param checkpoint_seconds: of ``wall_seconds``, spent writing generations (first process).
    """

    batch_size: int
    effective_batch: int
    resumed_from: int | None
    attempts: tuple[str, ...]
    seconds_per_epoch: float | None = None
    wall_seconds: float = 0.0
    checkpoint_seconds: float = 0.0


def run_stage(
    argv_for: Callable[[int], list[str]],
    stage: Stage,
    work: Path,
    checkpoint: Path,
    on_epoch: Callable[[int, str], None],
    deadline: float | None,
    processes: int = 1,
    launcher: str = "torchrun",
    shrink: bool = True,
    resume: bool = False,
) -> Ran:
    """Train ``stage``; MACE leaves its model in ``work``, generations stand in ``checkpoint``.

    A usable generation in ``checkpoint`` is always taken up (a job that the scheduler started again finds its own).
    ``checkpoint/start.pt`` holds the weights before the first epoch, as tensors by name.

    :param argv_for: MACE's command line for a batch size per process.
    :param on_epoch: called with the epoch and MACE's line after each epoch that was evaluated.
    :param deadline: monotonic seconds; no epoch is begun that would end later.
    :param processes: more than one trains data-parallel in subprocesses that ``launcher`` starts.
    :param shrink: halve the batch, down to 1, when the device's memory ends.
    :param resume: a usable checkpoint is demanded.
    :raises RunFailedError: ``wall_time`` (a generation is left), ``loss_diverged``, ``out_of_memory``,
        ``checkpoint_unusable``, ``terminated`` when another process of the training was killed.
    """
    began = time.monotonic()
    argv = argv_for(stage.batch_size)
    name = next((word.partition("=")[2] for word in argv if word.startswith("--name=")), "stage")
    store = Checkpoints(checkpoint, identify(argv, work), name, stage.seed)
    generation, attempts = _where(store, stage, resume)
    resumed_from = None if generation is None else generation.marks.epoch
    batch = stage.batch_size if generation is None else min(stage.batch_size, generation.marks.batch_size)
    if batch < stage.batch_size:
        attempts.append(f"batch_size {batch} as in the checkpoint; the stage has {stage.batch_size}.")
    seconds: list[float] = []
    writing = 0.0
    while True:
        if processes > 1:
            ended = distributed.train(
                argv_for(batch), store, generation, batch, work, on_epoch, deadline, processes, launcher
            )
        else:
            ended = inprocess.train(argv_for(batch), Watch(store, generation, batch, on_epoch, deadline), work)
        seconds += ended.seconds
        writing += ended.writing
        if ended.memory is None:
            break
        if not shrink or batch == 1:
            why = "smaller batches are switched off" if batch > 1 else "there is no smaller one"
            raise RunFailedError("out_of_memory", f"batch_size {batch} does not fit, and {why}. {ended.memory}")
        generation, damaged = store.newest()
        where = "the start" if generation is None else f"epoch {generation.marks.epoch}"
        attempts += [*damaged, f"batch_size {batch} did not fit into memory: {batch // 2} from {where} on."]
        batch //= 2
    mean = sum(seconds) / len(seconds) if seconds else None
    wall = time.monotonic() - began
    return Ran(batch, batch * processes, resumed_from, tuple(attempts), mean, wall, writing)


def _where(store: Checkpoints, stage: Stage, resume: bool) -> tuple[Generation | None, list[str]]:
    """The generation to go on from, and what was wrong with others."""
    try:
        found, damaged = store.newest()
        if found is not None and found.marks.epoch > stage.epochs:
            raise RunFailedError(
                "checkpoint_unusable",
                f"the checkpoint has {found.marks.epoch} epochs behind it, the stage has only {stage.epochs}.",
            )
    except RunFailedError as error:
        if resume:
            raise
        return None, [f"Begun anew: {error}"]
    said = list(damaged)
    if found is None and resume:
        raise RunFailedError("checkpoint_unusable", " ".join(said) or "the folder holds no generation.")
    if found is None and said:
        said.append("Begun anew: no generation of the checkpoint is whole.")
    return found, said

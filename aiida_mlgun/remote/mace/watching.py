"""Eyes and hands in MACE's training loop: each loss seen, each epoch's end kept, one place to stop.

MACE 0.3.16 goes on after a loss that is not a number and keeps the broken weights as its best; its own restart repeats
the saved epoch, forgets the moving average and the best loss, and knows only the best epoch, not the last.  Here the
functions of its loop are wrapped while a training runs, in every process of it, so that none of this happens.
"""

from __future__ import annotations

import importlib
import json
import logging
import math
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mace.tools
from mace.cli import run_train
from mace.tools.utils import UniversalEncoder

from ...contract.errors import RefusedError, RunFailedError
from . import state
from .checkpoints import START, Checkpoints, Generation, Marks

HIGH = 100.0  # times the loss after the first epoch …
HIGH_EPOCHS = 3  # … at so many evaluations in a row is divergence
SHARE = 0.05  # of the time at most goes into generations: small models write one each epoch, large ones fewer
_EPOCH = re.compile(r"Epoch \d+:")


class Watch(logging.Handler):
    """One training in this process; a handler of its log for the lines that it writes as epochs end.

    :param generation: where to go on; None begins anew.
    :param deadline: monotonic seconds; no epoch is begun that would end later.
    :param rank: of this process among those that train together; the first alone writes.
    """

    def __init__(
        self,
        store: Checkpoints,
        generation: Generation | None,
        batch_size: int,
        on_epoch: Callable[[int, str], None],
        deadline: float | None,
        rank: int = 0,
    ) -> None:
        super().__init__(logging.INFO)
        self.store, self.generation, self.batch_size = store, generation, batch_size
        self.on_epoch, self.deadline, self.first = on_epoch, deadline, rank == 0
        self.marks = generation.marks if generation is not None else None
        self.curve = store.curve(generation) if generation is not None else []
        self.epoch: int | None = None  # that is being trained
        self.loss: float | None = None  # on the validation set, since the epoch began
        self.line = ""
        self.seconds: list[float] = []  # per epoch
        self.writing = 0.0
        self._saved = self._began = time.monotonic()
        self._cost = 0.0
        self._loop = importlib.import_module("mace.tools.train")
        self._parts: dict[str, Any] = {}

    @contextmanager
    def installed(self) -> Iterator[None]:
        """MACE's loop goes through this watch inside.

        Its closing tables and the compiled copy of the model are left out: the train verb scores and stores itself.
        """
        with ExitStack() as stack:
            for name, mine in (
                ("train_one_epoch", self._train_one_epoch),
                ("evaluate", self._evaluate),
                ("take_step", self._take_step),
            ):
                original = getattr(self._loop, name)
                stack.enter_context(_replaced(self._loop, name, _bound(mine, original)))
            stack.enter_context(_replaced(mace.tools, "train", _bound(self._train, mace.tools.train)))
            name = "get_avg_num_neighbors"  # the first that goes through the training frames
            stack.enter_context(_replaced(run_train, name, _bound(self._count, getattr(run_train, name))))
            stack.enter_context(_replaced(run_train, "create_error_table", lambda *_, **__: "left to the train verb"))
            stack.enter_context(_replaced(run_train, "jit", SimpleNamespace(compile=_not_compiled)))
            yield

    def emit(self, record: logging.LogRecord) -> None:
        """Remember MACE's line on an epoch."""
        message = record.getMessage()
        if _EPOCH.match(message):
            self.line = message

    def _count(self, original: Callable[..., float], heads: Any, args: Any, loader: Any, device: Any) -> float:
        if len(loader) == 0:
            raise RefusedError(
                f"the training set holds fewer frames than one batch of {self.batch_size} in each process, and MACE "
                "would train on none. Lower stage.batch_size."
            )
        return original(heads, args, loader, device)

    def _train(self, original: Callable[..., None], **parts: Any) -> None:
        self._parts = parts
        parts["checkpoint_handler"].save = self._better
        parts["checkpoint_handler"].load_latest = self._load_best
        if self.generation is not None:
            state.check_start(self.store.tensors(START), parts["model"].state_dict())
            state.restore(parts, self.store.tensors(f"state-{self.generation.marks.epoch:06d}.pt"))
            self.store.take_up(self.generation)
            parts["start_epoch"] = self.generation.marks.epoch
        elif self.first:
            self.store.begin(parts["model"].state_dict())
        if self.first:
            Path(parts["checkpoint_handler"].io.directory).mkdir(parents=True, exist_ok=True)  # MACE's model goes there
            results = Path(parts["logger"].path)
            results.parent.mkdir(parents=True, exist_ok=True)
            results.write_text("".join(f"{line}\n" for line in self.curve))
            parts["logger"].log = _bound(self._log, parts["logger"].log)
        self._began = time.monotonic()
        original(**parts)
        self._ended()

    def _train_one_epoch(self, original: Callable[..., None], *args: Any, **parts: Any) -> None:
        """An epoch begins: the one before has been evaluated and the learning rate set, so the state is kept here."""
        evaluated = self._ended()
        if self.epoch is not None and self.first:
            now = time.monotonic()
            last = self.deadline is not None and now + self.seconds[-1] > self.deadline
            if last or (evaluated and now - self._saved >= self._cost / SHARE):
                self._save(int(parts["epoch"]))
            if last:
                raise RunFailedError("wall_time", f"epoch {self.epoch} was the last that fitted.")
        self.epoch, self.loss = int(parts["epoch"]), None
        self._began = time.monotonic()
        original(*args, **parts)

    def _ended(self) -> bool:
        """Take the epoch that has just ended into account; True when it was evaluated."""
        if self.epoch is None:
            return False
        self.seconds.append(time.monotonic() - self._began)
        if self.loss is None or self.marks is None:
            return False
        high = self.marks.high + 1 if self.loss > HIGH * self.marks.first_loss else 0
        self._mark(high=high)
        if high >= HIGH_EPOCHS:
            raise RunFailedError(
                "loss_diverged",
                f"the loss has been over {HIGH:g} times its first value {self.marks.first_loss:.3g} at {high} "
                f"evaluations in a row, up to epoch {self.epoch}.",
            )
        self.on_epoch(self.epoch, self.line)
        return True

    def _take_step(self, original: Callable[..., Any], *args: Any, **parts: Any) -> Any:
        loss, told = original(*args, **parts)
        if not math.isfinite(float(told["loss"])):
            raise RunFailedError("loss_diverged", f"the loss is {float(told['loss'])} in epoch {self.epoch}.")
        return loss, told

    def _evaluate(self, original: Callable[..., Any], *args: Any, **parts: Any) -> Any:
        """Validation; before the first epoch of a continuation, of the weights that were evaluated last."""
        average = self._parts.get("ema") if self.epoch is None and self.generation is not None else None
        with nullcontext() if average is None else average.average_parameters():
            loss, told = original(*args, **parts)
        if self.epoch is not None:
            if not math.isfinite(float(loss)):
                raise RunFailedError("loss_diverged", f"the loss is {float(loss)} after epoch {self.epoch}.")
            self.loss = float(loss)
        return loss, told

    def _log(self, original: Callable[..., None], row: dict[str, Any]) -> None:
        original(row)
        if row.get("mode") == "eval" and row.get("epoch") is not None:
            self.curve.append(json.dumps(row, cls=UniversalEncoder))

    def _better(self, state: Any, epochs: int, keep_last: bool = False) -> None:
        """MACE's best since it began; kept when it is the best since the training began."""
        if self.loss is None:
            raise RunFailedError("unexpected", f"MACE kept epoch {epochs} without a look at the validation set.")
        if self.marks is None:
            self.marks = Marks(epochs, self.batch_size, epochs, self.loss, self.loss)
        elif self.loss >= self.marks.best_loss:
            return
        self._mark(best_epoch=epochs, best_loss=self.loss)
        start = time.monotonic()
        self.store.keep_best(epochs, state.model.state_dict())
        self.writing += time.monotonic() - start

    def _load_best(self, state: Any, swa: bool = False, device: Any = None) -> int | None:
        """The best weights into the model that MACE stores; in other processes its ``DistributedDataParallel`` does."""
        if self.first:
            state.model.load_state_dict(self.store.best(self.generation))
        return None if self.marks is None else self.marks.best_epoch

    def _mark(self, **changes: Any) -> None:
        assert self.marks is not None
        self.marks = Marks(**{**vars(self.marks), **changes})

    def _save(self, epoch: int) -> None:
        assert self.marks is not None
        parts, start = self._parts, time.monotonic()
        self._mark(epoch=epoch, batch_size=self.batch_size)
        self.store.write(self.marks, state.capture(parts), self.curve)
        self._saved = time.monotonic()
        self._cost = self._saved - start
        self.writing += self._cost


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _bound(mine: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **parts: mine(original, *args, **parts)


def _not_compiled(*_: Any, **__: Any) -> None:
    """In place of MACE's compilation, whose failure MACE passes over: the copy would never be used."""
    raise RuntimeError("the compiled copy is not made")

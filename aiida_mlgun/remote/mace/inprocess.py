"""MACE's trainer in this process, which is afterwards as it was before."""

from __future__ import annotations

import gc
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from mace.cli import run_train
from mace.tools import build_default_arg_parser

from ...contract.errors import RefusedError, RunFailedError
from .loading import own_pickles_allowed
from .start import start_written
from .watching import Watch


@dataclass(frozen=True)
class Ended:
    """How one attempt ended: well, or out of ``memory`` (torch's sentence).

    :param seconds: per epoch; :param writing: seconds spent on generations in all.
    """

    memory: str | None = None
    seconds: list[float] = field(default_factory=list)
    writing: float = 0.0


def train(argv: list[str], watch: Watch, work: Path) -> Ended:
    """Train with MACE's options ``argv`` under ``watch``; the start is written into ``work``.

    :raises RunFailedError: what ``watch`` raises; running out of memory is returned instead.
    """
    memory: str | None = None
    try:
        with quietly(watch), start_written(work):
            run_train.run(build_default_arg_parser().parse_args(argv))
    except RuntimeError as error:  # torch.OutOfMemoryError is one
        if not is_out_of_memory(error):
            raise
        memory = str(error).partition("\n")[0]
    if memory is not None:
        gc.collect()  # the tensors hang on the traceback, which is gone only now
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return Ended(memory, watch.seconds, watch.writing)


@contextmanager
def quietly(watch: Watch) -> Iterator[None]:
    """MACE's trainer may run inside; logging, default dtype and pickle switch are as before afterwards."""
    root = logging.getLogger()
    before, handlers, filters, level = torch.get_default_dtype(), list(root.handlers), list(root.filters), root.level
    root.addHandler(watch)
    try:
        with own_pickles_allowed(), watch.installed(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # mace, e3nn and torch about their own code, dozens of lines each run
            yield
    finally:
        for handler in set(root.handlers) - set(handlers):  # mace leaves its own, on files in the work folder
            root.removeHandler(handler)
            handler.close()
        for kept in set(root.filters) - set(filters):
            root.removeFilter(kept)
        root.setLevel(level)
        torch.set_default_dtype(before)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch ran out of memory, on a GPU or in the CPU's allocator."""
    if isinstance(error, RefusedError | RunFailedError):
        return False
    text = str(error)
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError)
        and ("out of memory" in text or "can't allocate memory" in text or "ALLOC_FAILED" in text)
    )

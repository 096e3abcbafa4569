"""``mace_run_train`` for one stage: its options, its log watched while it runs, its results read back.

What MACE does silently is stated here instead: the method is always naive fine-tuning (never multihead by default),
readouts and elements are kept or not by name, and reference energies are given, not found.
"""

from __future__ import annotations

import json
import logging
import math
import re
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mace.cli import run_train
from mace.tools import build_default_arg_parser

from ...contract.errors import RunFailedError
from ...contract.training import Architecture, Stage
from .loading import own_pickles_allowed

NAME = "stage"


def arguments(
    work: Path,
    stage: Stage,
    e0s: dict[int, float],
    device: str,
    architecture: Architecture | None,
    parent: Path | None,
) -> list[str]:
    """The command line; ``work`` holds ``train.xyz`` and ``validation.xyz``."""
    options: dict[str, Any] = {
        "name": NAME,
        "seed": stage.seed,
        "work_dir": work,
        "train_file": work / "train.xyz",
        "valid_file": work / "validation.xyz",
        "E0s": repr(e0s),
        "energy_key": "REF_energy",
        "forces_key": "REF_forces",
        "loss": "weighted",
        "energy_weight": stage.energy_weight,
        "forces_weight": stage.forces_weight,
        "lr": stage.lr,
        "batch_size": stage.batch_size,
        "valid_batch_size": max(stage.batch_size, 8),
        "max_num_epochs": stage.epochs,
        "eval_interval": stage.eval_interval,
        "weight_decay": stage.weight_decay,
        "clip_grad": stage.clip_grad,
        "scheduler": "ReduceLROnPlateau" if stage.scheduler == "plateau" else "ExponentialLR",
        "lr_scheduler_gamma": stage.scheduler_gamma,
        "default_dtype": stage.precision,
        "device": device,
        "model": "ScaleShiftMACE",
        "error_table": "PerAtomRMSE",
        "plot": False,
        "num_workers": 0,
    }
    if stage.ema_decay is not None:
        options |= {"ema": None, "ema_decay": stage.ema_decay}
    if architecture is not None:
        a = architecture
        hidden = "+".join(f"{a.channels}x{order}{'e' if order % 2 == 0 else 'o'}" for order in range(a.max_l + 1))
        options |= {
            "r_max": a.r_max,
            "hidden_irreps": hidden,
            "max_ell": a.max_ell,
            "num_interactions": a.interactions,
            "correlation": a.correlation,
            "num_radial_basis": a.bessel,
            "radial_MLP": list(a.radial_mlp),
            "MLP_irreps": f"{a.readout_mlp}x0e",
            "scaling": "rms_forces_scaling",
        }
    else:
        options |= {
            "foundation_model": parent,
            "multiheads_finetuning": False,
            "foundation_model_elements": True,
            "foundation_filter_elements": stage.readout == "keep",
        }
    return [f"--{key}" if value is None else f"--{key}={value}" for key, value in options.items()]


def run(argv: list[str], on_epoch: Callable[[int, str], None], deadline: float | None) -> None:
    """Train in this process; ``on_epoch(epoch, log line)`` is called as epochs end.

    :raises RunFailedError: ``loss_diverged`` at the first loss that is not finite (MACE itself would go on and keep the
        broken weights as its best), ``wall_time`` at the first epoch that ends after ``deadline`` (monotonic seconds),
        ``out_of_memory``.
    """
    args = build_default_arg_parser().parse_args(argv)
    watch = _EpochWatch(on_epoch, deadline)
    root = logging.getLogger()
    before, handlers, level = torch.get_default_dtype(), list(root.handlers), root.level
    root.addHandler(watch)
    try:
        with own_pickles_allowed(), _without_error_tables(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # mace, e3nn and torch about their own code, dozens of lines each run
            run_train.run(args)
    except torch.OutOfMemoryError as error:
        raise RunFailedError("out_of_memory", f"batch_size {args.batch_size} does not fit.") from error
    finally:
        for handler in set(root.handlers) - set(handlers):  # mace leaves its own, on files in the work folder
            root.removeHandler(handler)
            handler.close()
        root.setLevel(level)
        torch.set_default_dtype(before)


@contextmanager
def _without_error_tables() -> Iterator[None]:
    """MACE's closing tables cost a pass over all sets; the train verb states errors itself, per stratum."""
    name = "create_error_table"
    table = getattr(run_train, name)
    setattr(run_train, name, lambda *args, **kwargs: "left to the train verb")
    try:
        yield
    finally:
        setattr(run_train, name, table)


def history(work: Path, seed: int) -> dict[str, list[float | None]]:
    """Columns per epoch from MACE's results file: validation loss, RMSE of energy (eV/atom) and force (eV/Å)."""
    epochs: dict[int, dict[str, Any]] = {}
    for line in (work / "results" / f"{NAME}_run-{seed}_train.txt").read_text().splitlines():
        row = json.loads(line)
        if row.get("mode") == "eval" and row.get("epoch") is not None:
            epochs[int(row["epoch"])] = row
    keys = {"loss": "loss", "rmse_e_per_atom": "rmse_energy", "rmse_f": "rmse_forces", "mae_f": "mae_forces"}
    columns: dict[str, list[float | None]] = {"epoch": [float(e) for e in sorted(epochs)]}
    for key, name in keys.items():
        columns[name] = [None if epochs[e].get(key) is None else float(epochs[e][key]) for e in sorted(epochs)]
    return columns


class _EpochWatch(logging.Handler):
    _line = re.compile(r"Epoch (\d+):.*?\bloss\s*=\s*([-+\w.]+)")

    def __init__(self, on_epoch: Callable[[int, str], None], deadline: float | None) -> None:
        super().__init__(logging.INFO)
        self.on_epoch, self.deadline = on_epoch, deadline

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        found = self._line.search(message)
        if not found:
            return
        epoch, loss = int(found[1]), float(found[2])
        if not math.isfinite(loss):
            raise RunFailedError("loss_diverged", f"the loss is {loss} after epoch {epoch}.")
        self.on_epoch(epoch, message)
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise RunFailedError("wall_time", f"epoch {epoch} was the last that fitted.")

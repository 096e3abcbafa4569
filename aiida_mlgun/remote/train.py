"""The verb ``train``: one stage, from frames and a parent model (or none) to a model folder and its errors."""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from ase.data import atomic_numbers, chemical_symbols

from ..contract import files
from ..contract.jobs import TrainJob
from ..contract.manifest import sha256_file
from ..science.errors import error_table
from .device import choose, set_threads
from .io import Progress, write_json
from .mace import command, load_model, methods, predict, save_model
from .mace.heads import only_head
from .mace.product import Asked, checked
from .mace.running import run_stage
from .mace.start import read_start
from .mace.store import set_e0s, stored_e0s
from .mace.trust import open_pickle
from .reference_energies import reference_energies
from .result import RunResult
from .training_sets import Sets, check_elements_known, read_sets, write_sets

WORK = "mace"
PARENT = "parent.model"


def run(job: TrainJob, folder: Path) -> RunResult:
    """Train, hold the product against what was asked for, store it, state its errors."""
    began = time.monotonic()
    set_threads(job.threads)
    device, stage = choose(job.device), job.stage
    sets = read_sets(job, folder)
    parent = None
    if job.parent:
        parent = only_head(load_model(folder / files.PARENT_MODEL, "cpu", "float64"), stage.parent_head)
    check_elements_known(sets, parent)
    e0s = reference_energies(stage, sets.whole, sets.train, parent)
    work = folder / WORK
    work.mkdir(exist_ok=True)
    write_sets(sets, work, stage.replay_weight)
    asked, argv_for = _orders(job, sets, parent, e0s, work, device)
    progress = Progress(folder, stage.epochs, "epochs", every=0.0)
    deadline = None if job.max_seconds is None else began + job.max_seconds
    ran = run_stage(
        argv_for,
        stage,
        work,
        folder / files.CHECKPOINT,
        lambda epoch, line: progress.report(epoch + 1, line),
        deadline,
        job.processes,
        job.launcher,
        job.shrink_batch,
        job.resume,
    )
    produced = work / f"{command.NAME}.model"
    model = open_pickle(produced, sha256_file(produced))  # written by this very process
    start, effective = read_start(work)
    checks = checked(model, start, effective, asked(argv_for(ran.batch_size)))
    config = save_model(only_head(model, methods.HEAD), folder / files.MODEL)
    final = load_model(folder / files.MODEL, device, stage.precision)
    tables: dict[str, Any] = {}
    for name, frames in sets.by_name.items():
        tables[name] = error_table(frames, *predict(final, frames, ran.batch_size, device))
    curves = command.history(work / "results" / f"{command.NAME}_run-{stage.seed}_train.txt")
    numbers = {f"{n}_{k}": t["all"][k] for n, t in tables.items() for k in ("rmse_energy", "rmse_forces", "mae_forces")}
    numbers |= {"epochs": stage.epochs, "n_train": len(sets.train), "dtype": config["dtype"]}
    told = {"history": curves, "errors": tables, "e0s": asked([]).e0s, "effective": effective, "checks": checks}
    write_json(folder / files.TRAINING, told | {"run": asdict(ran) | {"verb_seconds": time.monotonic() - began}})
    shutil.rmtree(work)
    shutil.rmtree(folder / files.CHECKPOINT, ignore_errors=True)
    outputs = (*(f"{files.MODEL}/{name}" for name in files.MODEL_FILES), files.TRAINING)
    return RunResult(outputs, numbers)


def _orders(job: TrainJob, sets: Sets, parent: Any, e0s: dict[str, float], work: Path, device: str) -> tuple[Any, Any]:
    """What the product will be held against, given a command line; and the command line, given a batch size."""
    stage = job.stage
    replay_e0s = stored_e0s(parent) if stage.method == "replay" else None
    elements = sets.elements
    neighbours, r_max = None, job.architecture.r_max if job.architecture is not None else 0.0
    if parent is not None:
        elements = [int(z) for z in parent.atomic_numbers] if stage.elements == "parent" else elements
        neighbours, r_max = float(parent.interactions[0].avg_num_neighbors), float(parent.r_max)
        if stage.method != "replay":
            set_e0s(parent, e0s)  # MACE copies the parent's over those it is told, where the shapes agree
        torch.save(parent.to(getattr(torch, stage.precision)), work / PARENT)
    kept = {chemical_symbols[z] for z in elements}
    e0s = {symbol: value for symbol, value in e0s.items() if symbol in kept}
    replay_e0s = None if replay_e0s is None else {s: v for s, v in replay_e0s.items() if s in kept}

    def argv_for(batch_size: int) -> list[str]:
        return command.arguments(
            work,
            stage,
            {atomic_numbers[s]: v for s, v in e0s.items()},
            device,
            job.architecture,
            None if parent is None else work / PARENT,
            batch_size=batch_size,
            replay_e0s=None if replay_e0s is None else {atomic_numbers[s]: v for s, v in replay_e0s.items()},
            neighbours=neighbours,
        )

    def asked(argv: list[str]) -> Asked:
        return Asked(stage, parent, e0s, replay_e0s, elements, r_max, argv)

    return asked, argv_for

"""The verb ``train``: one stage, from frames and a parent model (or none) to a model folder and its errors."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from ..contract import files
from ..contract.errors import RefusedError, RunFailedError
from ..contract.jobs import TrainJob
from ..contract.manifest import sha256_file
from ..science.e0s import estimated_e0s
from ..science.errors import error_table
from ..science.frames import Frames, isolated_energies
from .device import choose, set_threads
from .io import Progress, read_frames, write_json
from .mace import command, load_model, predict, save_model
from .mace.predict import check_elements
from .mace.store import set_e0s, stored_e0s
from .mace.trust import open_pickle
from .result import RunResult

WORK = "mace"
E0_TOLERANCE = 1e-4  # eV; a model stored in float32 keeps seven digits


def run(job: TrainJob, folder: Path) -> RunResult:
    """Train, read the model back, compare its reference energies, store it, state its errors."""
    set_threads(job.threads)
    device = choose(job.device)
    train, validation = read_frames(folder / files.TRAIN), read_frames(folder / files.VALIDATION)
    parent = load_model(folder / files.PARENT_MODEL, "cpu", "float64") if job.parent else None
    sets = {"train": train, "validation": validation}
    if job.has_test:
        sets["test"] = read_frames(folder / files.TEST)
    sets = {name: frames.select(~frames.is_isolated) for name, frames in sets.items()}
    learn = sets["train"]
    _check("training", learn)
    _check("validation", sets["validation"])
    for name, frames in sets.items():
        _check_elements(name, frames, learn, parent)
    e0s = _reference_energies(job, train, learn, parent)
    work = folder / WORK
    work.mkdir(exist_ok=True)
    _write_xyz(work / "train.xyz", learn)
    _write_xyz(work / "validation.xyz", sets["validation"])
    parent_file = None
    if parent is not None:
        import torch

        set_e0s(parent, e0s)
        parent_file = work / "parent.model"
        torch.save(parent.to(getattr(torch, job.stage.precision)), parent_file)
    progress = Progress(folder, job.stage.epochs, "epochs", every=0.0)
    deadline = None if job.max_seconds is None else time.monotonic() + job.max_seconds
    argv = command.arguments(
        work, job.stage, {atomic_numbers[s]: v for s, v in e0s.items()}, device, job.architecture, parent_file
    )
    command.run(argv, lambda epoch, line: progress.report(epoch + 1, line), deadline)
    produced = work / f"{command.NAME}.model"
    model = open_pickle(produced, sha256_file(produced))  # written by this very process
    _compare_e0s(stored_e0s(model), e0s)
    config = save_model(model, folder / files.MODEL)
    final = load_model(folder / files.MODEL, device, job.stage.precision)
    tables: dict[str, Any] = {}
    for name, frames in sets.items():
        tables[name] = error_table(frames, *predict(final, frames, job.stage.batch_size, device))
    curves = command.history(work, job.stage.seed)
    write_json(folder / files.TRAINING, {"history": curves, "errors": tables, "e0s": e0s})
    shutil.rmtree(work)
    numbers = {f"{n}_{k}": t["all"][k] for n, t in tables.items() for k in ("rmse_energy", "rmse_forces", "mae_forces")}
    numbers |= {"epochs": job.stage.epochs, "n_train": len(learn), "dtype": config["dtype"]}
    outputs = (*(f"{files.MODEL}/{name}" for name in files.MODEL_FILES), files.TRAINING)
    return RunResult(outputs, numbers)


def _check(name: str, frames: Frames) -> None:
    if len(frames) == 0:
        raise RefusedError(f"the {name} set holds no frame besides isolated atoms.", status="nothing_left")
    for label in ("energy", "forces"):
        values = getattr(frames, label)
        if values is None:
            raise RefusedError(f"the {name} set has no {label}. Import it with the right key, or leave it out.")
        if not np.isfinite(values).all():
            raise RefusedError(f"the {name} set has frames whose {label} are missing or not finite. Curate it first.")


def _check_elements(name: str, frames: Frames, learn: Frames, parent: Any) -> None:
    """The new model knows the parent's elements, or without a parent those of the training set."""
    if parent is not None:
        check_elements(parent, frames)
        return
    unknown = [symbol for symbol in frames.symbols if symbol not in learn.symbols]
    if unknown:
        message = f"{', '.join(unknown)} stands in the {name} set and not in the training set."
        raise RefusedError(message, status="element_not_covered")


def _reference_energies(job: TrainJob, train: Frames, learn: Frames, parent: Any) -> dict[str, float]:
    stage = job.stage
    e0s = stored_e0s(parent) if parent is not None else {}
    if stage.e0s == "isolated":
        e0s |= isolated_energies(train)
        source = isolated_energies(train)
    elif stage.e0s == "given":
        source = dict(stage.e0_values or {})
        e0s |= source
    elif stage.e0s == "estimated":
        energies, _ = predict(parent, learn, stage.batch_size, "cpu")
        e0s = source = estimated_e0s(learn, energies, e0s)
    else:
        source = e0s
    unknown = sorted(set(source) - set(chemical_symbols[1:]))
    if unknown:
        raise RefusedError(f"e0_values: {unknown[0]!r} is no chemical symbol.")
    missing = [s for s in learn.symbols if s not in source]
    if missing:
        raise RefusedError(f"no energy for {', '.join(missing)} (e0s: {stage.e0s}).", status="e0_missing")
    return {s: float(v) for s, v in sorted(e0s.items(), key=lambda item: chemical_symbols.index(item[0]))}


def _compare_e0s(found: dict[str, float], wanted: dict[str, float]) -> None:
    for symbol, value in wanted.items():
        if symbol in found and abs(found[symbol] - value) > E0_TOLERANCE * max(1.0, abs(value)):
            raise RunFailedError("e0s_changed", f"{symbol}: {value} eV was asked for, {found[symbol]} eV is stored.")


def _write_xyz(path: Path, frames: Frames) -> None:
    assert frames.energy is not None and frames.forces is not None
    images = []
    for i in range(len(frames)):
        atoms = frames.atoms(i)
        atoms.info = {"REF_energy": float(frames.energy[i])}
        atoms.arrays = {"numbers": atoms.arrays["numbers"], "positions": atoms.arrays["positions"]}
        atoms.arrays["REF_forces"] = frames.forces[frames.part(i)]
        images.append(atoms)
    ase.io.write(path, images, format="extxyz")

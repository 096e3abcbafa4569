"""The verb ``evaluate``: predictions of a model on labelled frames, errors in total and per stratum (T4)."""

from __future__ import annotations

from pathlib import Path

from ..contract import files
from ..contract.jobs import EvaluateJob
from ..science.errors import error_table
from .device import choose, set_threads
from .io import read_frames, write_arrays, write_json
from .mace import load_model, predict
from .result import RunResult


def run(job: EvaluateJob, folder: Path) -> RunResult:
    """Predict ``frames.npz`` with ``model/``; isolated atoms are predicted and left out of the errors."""
    set_threads(job.threads)
    device = choose(job.device)
    model = load_model(folder / files.MODEL, device, job.precision)
    frames = read_frames(folder / files.FRAMES)
    energy, forces = predict(model, frames, job.batch_size, device)
    scored = ~frames.is_isolated
    atoms = scored.repeat(frames.n_atoms)
    table = error_table(frames.select(scored), energy[scored], forces[atoms], job.stratum)
    write_arrays(folder / files.PREDICTIONS, {"energy": energy, "forces": forces})
    write_json(folder / files.ERRORS, table)
    return RunResult((files.PREDICTIONS, files.ERRORS), dict(table["all"]))

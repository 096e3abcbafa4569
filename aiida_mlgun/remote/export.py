"""The verb ``export``: a stored model in the form that MACE or LAMMPS reads, compared with what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..contract import files
from ..contract.exporting import ExportJob
from ..contract.manifest import sha256_file
from .device import set_threads
from .mace import load_model
from .mace.export import check, head_to_write, write
from .result import RunResult


def run(job: ExportJob, folder: Path) -> RunResult:
    """Write ``model.export``, open it again, compare its energies and forces with the stored model's.

    :raises RefusedError: the model has no such head, or several and none was named for LAMMPS.
    :raises RunFailedError: ``model_not_rebuilt`` when the file does not give the stored model's energies and forces.
    """
    set_threads(job.threads)
    model = load_model(folder / files.MODEL, "cpu", job.precision)
    head = head_to_write(list(model.heads), job.head, job.format)
    path = folder / files.EXPORT
    write(model, head, job.format, path)
    worst = check(load_model(folder / files.MODEL, "cpu", job.precision), head, job.format, path)
    numbers: dict[str, Any] = {"format": job.format, "precision": job.precision, "head": head or ", ".join(model.heads)}
    numbers |= {"sha256": sha256_file(path), "bytes": path.stat().st_size}
    return RunResult((files.EXPORT,), numbers | {"energy_difference": worst[0], "forces_difference": worst[1]})

"""The verb ``convert``: a trusted pickled MACE model becomes weights and JSON."""

from __future__ import annotations

from pathlib import Path

from ..contract import files
from ..contract.errors import RefusedError
from ..contract.jobs import ConvertJob
from .mace import save_model
from .mace.official import cached_path
from .mace.trust import open_pickle
from .result import RunResult


def run(job: ConvertJob, folder: Path) -> RunResult:
    """Open the file whose sha256 is trusted, and store it as plain files."""
    if job.official is not None:
        path = cached_path(job.official)
    else:
        path = folder / files.FOREIGN_MODEL if job.path is None else Path(job.path)
    if not path.is_file():
        raise RefusedError(f"{path}: there is no such file on the compute machine.")
    config = save_model(open_pickle(path, job.sha256), folder / files.MODEL)
    outputs = tuple(f"{files.MODEL}/{name}" for name in files.MODEL_FILES)
    return RunResult(outputs, {"dtype": config["dtype"], "r_max": config["r_max"]})

"""The packages that decide numbers here, and whether they are still those that the workstation knows of."""

from __future__ import annotations

import json
import platform
from importlib import metadata
from pathlib import Path

from ..contract import files
from ..contract.errors import RefusedError

PACKAGES = (
    "aiida-mlgun",
    "torch",
    "mace-torch",
    "e3nn",
    "numpy",
    "scipy",
    "scikit-learn",
    "ase",
    "vesin",
    "symmetrix-xl",
    "cuequivariance-torch",
)


def packages() -> dict[str, str]:
    """Package → version of those that are installed, with Python's."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def check_environment(folder: Path) -> None:
    """Compare with ``environment.json`` in the job's folder, if it is there.

    Results are cached under the versions that stand in it, so others would be given out later for what they are not.

    :raises RefusedError: ``environment_changed``, with the first package that differs.
    """
    path = folder / files.ENVIRONMENT
    if not path.is_file():
        return
    there = packages()
    for name, version in sorted(_read(path).items()):
        if name in (*PACKAGES, "python") and there.get(name) != version:
            message = f"{name} is {there.get(name, 'not there')}, and {version} is what the last probe found."
            raise RefusedError(message, status="environment_changed")


def _read(path: Path) -> dict[str, object]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RefusedError(f"{path.name} is not JSON ({error}).") from error
    if not isinstance(data, dict):
        raise RefusedError(f"{path.name} must hold a mapping.")
    return data

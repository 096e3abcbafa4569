"""Which device a run uses, and what its environment was."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

from ..contract.errors import RefusedError
from .environment import packages


def choose(wanted: str) -> str:
    """``cpu`` or ``cuda`` from ``auto``, ``cpu`` or ``cuda``.

    :raises RefusedError: CUDA is asked for and not there.
    """
    there = torch.cuda.is_available()
    if wanted == "cuda" and not there:
        raise RefusedError(
            "device: cuda is asked for, but this machine shows no CUDA device. Ask for a GPU, or use cpu."
        )
    return "cuda" if wanted == "cuda" or (wanted == "auto" and there) else "cpu"


def set_threads(threads: int) -> None:
    """Use this many torch threads; 0 leaves torch's own choice."""
    if threads:
        torch.set_num_threads(threads)


def versions() -> dict[str, str]:
    """Package → version for what decides numbers, with Python, CUDA and the GPU's name."""
    found = packages()
    if torch.cuda.is_available():
        found["cuda"] = str(torch.version.cuda)
        found["gpu"] = torch.cuda.get_device_name()
    return found


def machine() -> dict[str, str]:
    """:func:`versions` with the CPU's name and torch's threads: libraries choose by them in what order they sum."""
    names = Path("/proc/cpuinfo")
    lines = names.read_text(encoding="utf-8").splitlines() if names.is_file() else []
    found = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cpu = found[0] if found else platform.processor() or platform.machine()
    return versions() | {"cpu": cpu, "threads": str(torch.get_num_threads())}

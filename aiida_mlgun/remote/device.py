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


def processor() -> str:
    """The processor's name as Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def machine() -> dict[str, str]:
    """Beside :func:`versions`, what last digits hang on: libraries choose by it in what order they sum."""
    return {"processor": processor(), "threads": str(torch.get_num_threads())}

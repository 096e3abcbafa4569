"""A small training of MACE's own: frames in a work folder, its command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase.io

from aiida_mlgun.contract.training import Stage
from aiida_mlgun.remote.mace import command
from aiida_mlgun.science.frames import Frames

from ..stages import TINY, stage

E0S = {1: -1.5}


def write_sets(work: Path, make_frames: Callable[..., Frames], train: int = 8) -> Path:
    """H2 to train on and three to look at."""
    work.mkdir(parents=True, exist_ok=True)
    for name, count, seed in (("train.xyz", train, 0), ("validation.xyz", 3, 1)):
        frames = make_frames(count, seed=seed)
        images = []
        assert frames.energy is not None and frames.forces is not None
        for i in range(count):
            atoms = frames.atoms(i)
            atoms.calc = None
            atoms.info = {"REF_energy": float(frames.energy[i])}
            atoms.arrays = {"numbers": atoms.arrays["numbers"], "positions": atoms.arrays["positions"]}
            atoms.arrays["REF_forces"] = frames.forces[frames.part(i)]
            images.append(atoms)
        ase.io.write(work / name, images, format="extxyz")
    return work


def options(work: Path, wanted: Stage) -> Callable[[int], list[str]]:
    """MACE's command line for a batch size."""
    return lambda size: command.arguments(work, wanted, E0S, "cpu", TINY, None, batch_size=size)


def wanted(**settings: Any) -> Stage:
    """Six epochs, batches of four."""
    return stage(**{"epochs": 6} | settings)

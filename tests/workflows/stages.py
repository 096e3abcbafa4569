"""A stage that trains in seconds: hydrogen, and a model of four channels from scratch."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from ase import Atoms

from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.science.frames import Frames, concatenate, from_atoms

TINY = {
    "r_max": 3.0,
    "channels": 4,
    "max_ell": 1,
    "interactions": 1,
    "correlation": 1,
    "bessel": 4,
    "radial_mlp": [8],
    "readout_mlp": 4,
}


def hydrogen(n: int = 6, seed: int = 0, length: float = 0.75) -> Frames:
    """``n`` shaken H2 of a harmonic bond (k = 5 eV/Å²), and a lone H of −1.5 eV."""
    rng = np.random.default_rng(seed)
    lengths = length + rng.normal(scale=0.05, size=n)
    images = [Atoms("H2", [(0, 0, 0), (d, 0, 0)], cell=[8, 8, 8], pbc=True) for d in lengths]
    frames = from_atoms(images)
    pull = np.zeros((n, 2, 3))
    pull[:, 0, 0], pull[:, 1, 0] = 5.0 * (lengths - 0.75), -5.0 * (lengths - 0.75)
    frames = replace(frames, energy=2.5 * (lengths - 0.75) ** 2 - 4.0, forces=pull.reshape(-1, 3))
    lone = from_atoms([Atoms("H", cell=[8, 8, 8], pbc=True)], {"stratum": ["IsolatedAtom"]})
    return concatenate([frames, replace(lone, energy=np.array([-1.5]), forces=np.zeros((1, 3)))])


def small_stage(name: str = "model", scratch: bool = True, test: bool = False, **settings: Any) -> dict[str, Any]:
    """Inputs of one stage; ``settings`` are fields of ``Stage``."""
    stage = {"epochs": 2, "batch_size": 3, "lr": 0.01, "readout": "keep"} | settings
    parameters: dict[str, Any] = {"stage": stage, "name": name, "device": "cpu", "threads": 1}
    if scratch:
        parameters["architecture"] = TINY
    sets = {"train": FramesData(hydrogen()), "validation": FramesData(hydrogen(3, seed=1))}
    if test:
        sets["test"] = FramesData(hydrogen(3, seed=2, length=1.0 if scratch else 0.7))
    return {**sets, "parameters": orm.Dict(parameters)}


def reports(node: orm.ProcessNode) -> str:
    """What ``verdi process report`` shows of the process itself."""
    return "\n".join(log.message for log in orm.Log.collection.get_logs_for(node))


EXECUTABLE = Path(sys.executable).parent / "mlgun"

"""Small stages to train: jobs, frames, a parent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.build import molecule

from aiida_mlgun.contract import files
from aiida_mlgun.contract.jobs import TrainJob
from aiida_mlgun.contract.training import Architecture, Stage
from aiida_mlgun.remote.io import read_frames, write_frames
from aiida_mlgun.remote.mace import save_model
from aiida_mlgun.science.frames import Frames, concatenate, from_atoms

# after the package's own import of mace, which quietens it
from e3nn import o3  # isort: skip
from mace import modules  # isort: skip

TINY = Architecture(
    r_max=3.0, channels=4, max_ell=1, interactions=1, correlation=1, bessel=4, radial_mlp=(8,), readout_mlp=4
)
STILL = 1e-9  # a learning rate so small that one epoch changes nothing that is looked at here
PARENT_E0S = {"H": -13.6, "C": -1030.0, "Si": -7800.0}


def stage(**settings: Any) -> Stage:
    return Stage(**{"epochs": 2, "batch_size": 4, "lr": 0.01} | settings)


def scratch(**settings: Any) -> TrainJob:
    return TrainJob(stage(**settings), parent=False, architecture=TINY, device="cpu", threads=1)


def further(**settings: Any) -> TrainJob:
    return TrainJob(stage(epochs=1, **settings), device="cpu", threads=1)


def isolated(symbol: str, energy: float) -> Frames:
    lone = from_atoms([Atoms(symbol, cell=[8, 8, 8], pbc=True)], {"stratum": ["IsolatedAtom"]})
    return replace(lone, energy=np.array([energy]), forces=np.zeros((1, 3)))


def acetylene() -> Atoms:
    return molecule("C2H2", cell=[8, 8, 8], pbc=True)


def fill_with_hydrogen(folder: Path, make_frames: Callable[..., Frames]) -> Path:
    """Eight H2 and a lone H (E0 −1.5 eV) to train on, three H2 to look at, two to test."""
    write_frames(folder / files.TRAIN, concatenate([isolated("H", -1.5), make_frames(8, stratum="gas")]))
    write_frames(folder / files.VALIDATION, make_frames(3, seed=1))
    write_frames(folder / files.TEST, make_frames(2, seed=2))
    return folder


def fill_with_acetylene(folder: Path, make_frames: Callable[..., Frames]) -> Path:
    """Four C2H2 to train on, two to look at; no isolated atoms."""
    write_frames(folder / files.TRAIN, make_frames(4, acetylene()))
    write_frames(folder / files.VALIDATION, make_frames(2, acetylene(), seed=1))
    return folder


def train_frames(folder: Path) -> Frames:
    return read_frames(folder / files.TRAIN)


def store_parent(folder: Path) -> None:
    """Store a parent of H, C and Si, random but always the same, two layers of four scalars."""
    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    state = torch.get_rng_state()
    torch.manual_seed(3)
    torch.set_default_dtype(torch.float64)
    try:
        parent = modules.ScaleShiftMACE(
            r_max=3.0,
            num_bessel=4,
            num_polynomial_cutoff=5,
            max_ell=1,
            interaction_cls=block,
            interaction_cls_first=block,
            num_interactions=2,
            num_elements=3,
            hidden_irreps=o3.Irreps("4x0e"),
            MLP_irreps=o3.Irreps("4x0e"),
            atomic_energies=np.array(list(PARENT_E0S.values())),
            avg_num_neighbors=3.0,
            atomic_numbers=[1, 6, 14],
            correlation=1,
            gate=torch.nn.functional.silu,
            radial_MLP=[8],
            atomic_inter_scale=0.7,
            atomic_inter_shift=-0.2,
        )
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_rng_state(state)
    save_model(parent, folder)

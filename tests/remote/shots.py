"""A small job of shots: C2H2 at the relaxed 2×2 Si(001) slab, start states and parameters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from ase.build import molecule

from aiida_mlgun.contract import files
from aiida_mlgun.contract.jobs import ShootJob
from aiida_mlgun.contract.shooting import Aim, Chemistry, Decision, Dynamics, ReactiveGroup, Velocity
from aiida_mlgun.remote.io import write_frames
from aiida_mlgun.science.frames import Frames, from_atoms
from aiida_mlgun.science.npz import unpack
from aiida_mlgun.science.outcomes import load_catalogue

FIXTURES = Path(__file__).parent.parent / "fixtures"
N_SLAB, N_ATOMS = 24, 28


def clean_slab() -> Atoms:
    """The relaxed 2×2 Si(001) slab, not periodic along z."""
    with (FIXTURES / "si001_2x2_relaxed.extxyz").open() as handle:
        atoms = ase.io.read(handle, format="extxyz")
    assert isinstance(atoms, Atoms)
    atoms.pbc = (True, True, False)
    return atoms


def states(atoms: Atoms, count: int, heat: float, seed: int) -> Frames:
    """``count`` states around ``atoms``: normal displacements and velocities, Å and Å/fs."""
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        image = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        image.positions += rng.normal(0, heat, image.positions.shape)
        image.arrays["velocities_A_fs"] = rng.normal(0, 0.1 * heat, image.positions.shape)
        images.append(image)
    return from_atoms(images)


def write_starts(folder: Path) -> None:
    """Two states of the slab, three of C2H2."""
    write_frames(folder / files.SLAB_STATES, states(clean_slab(), 2, 0.01, 1))
    write_frames(folder / files.MOLECULE_STATES, states(molecule("C2H2"), 3, 0.01, 2))


def small_job(**changes: Any) -> ShootJob:
    """Five shots of 15 fs, two side by side."""
    job = ShootJob(
        n_shots=5,
        seed=11,
        chemistry=Chemistry((ReactiveGroup("CC", (0, 1)),), load_catalogue()),
        aim=Aim(height=9.0),
        velocity=Velocity(recipe="beam", kinetic_energy=0.5),
        dynamics=Dynamics(max_steps=30, check_every=10, batch_size=2, threads=1),
        decision=Decision(max_drift=1e3, max_unresolved=1.0),
        device="cpu",
    )
    return replace(job, **changes)


def shots_of(folder: Path) -> dict[str, np.ndarray]:
    """The table that a run left in ``folder``."""
    return unpack((folder / files.SHOTS).read_bytes())

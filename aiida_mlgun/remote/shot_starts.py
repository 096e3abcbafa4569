"""What a batch of shots starts from, read from the job's folder, and which job it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract import files
from ..contract.jobs import ShootJob
from ..contract.manifest import sha256_file
from ..contract.resuming import fingerprint
from ..science.frames import Frames
from ..science.slabs import analyse_states, fixed_mask
from ..science.starts import check_states
from .io import read_frames
from .shot_table import Target


@dataclass(frozen=True)
class Starts:
    """Snapshots of slab and molecule, and what all shots share."""

    slab_states: Frames
    molecule_states: Frames
    target: Target

    def fixed(self, layers: int) -> NDArray[np.bool_]:
        """(n_atoms,), the atoms of the slab's lowest ``layers``."""
        fixed = np.zeros(len(self.target.numbers), dtype=bool)
        fixed[: self.target.n_slab] = fixed_mask(self.target.slab, layers)
        return fixed


def read_starts(folder: Path) -> Starts:
    """The start states in the job's folder.

    :raises RefusedError: naming the file and what is wrong with it.
    """
    slab_states, molecule_states = (read_states(folder / name) for name in (files.SLAB_STATES, files.MOLECULE_STATES))
    return Starts(slab_states, molecule_states, find_target(slab_states, molecule_states))


def read_states(path: Path) -> Frames:
    """Start states: snapshots of the same atoms in the same cell, with velocities.

    :raises RefusedError: naming the file and what is wrong with it.
    """
    states = read_frames(path)
    check_states(states, path.name)
    return states


def find_target(slab_states: Frames, molecule_states: Frames) -> Target:
    """What all shots share; layers and dimers from the mean of the slab's states, in which heat has averaged out."""
    atoms = slab_states.part(0)
    numbers, cell, pbc = slab_states.numbers[atoms], slab_states.cell[0], slab_states.pbc[0]
    both = np.concatenate([numbers, molecule_states.numbers[molecule_states.part(0)]])
    return Target(both, cell, pbc, analyse_states(slab_states))


def model_folders(job: ShootJob) -> list[str]:
    """The folders of the model and of the committee's further members."""
    return [files.MODEL, *(files.COMMITTEE.format(i) for i in range(job.committee))]


def identify(job: ShootJob, folder: Path) -> dict[str, str]:
    """All that decides the batch's numbers: ``job`` and each input file, relative to ``folder``, → sha256 (hex)."""
    paths = [folder / files.SLAB_STATES, folder / files.MOLECULE_STATES]
    for name in model_folders(job):
        paths += [path for path in sorted((folder / name).glob("*")) if path.is_file()]
    return {"job": fingerprint(job)} | {str(path.relative_to(folder)): sha256_file(path) for path in paths}

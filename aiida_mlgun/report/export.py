"""Examples as extended XYZ, which OVITO, Blender's importers, ASE and VMD read."""

from __future__ import annotations

import io

import numpy as np
from ase import Atoms
from ase.io.extxyz import write_xyz

from .examples import Example
from .inputs import Ensemble


def extended_xyz(ensemble: Ensemble, example: Example, *, moving: bool) -> str:
    """The text of the file: cell, periodicity, shot, outcome and time in each frame's second line.

    Positions are as they were in the run, in Å, slab first; the molecule may lie outside the cell.

    :param moving: all frames of the kept path, then the end; False: the end alone.
    """
    end = float(ensemble.column("end_fs")[example.row])
    frames = [(end, example.positions)]
    if moving and example.movie is not None:
        path = [(float(t), x) for t, x in zip(example.movie.time_fs, example.movie.positions, strict=True)]
        frames = [frame for frame in path if not frame[0] >= end] + frames
    pbc = ensemble.arrays["pbc"] if ensemble.has("pbc") else [True, True, False]
    pictures = []
    for time, positions in frames:
        atoms = Atoms(ensemble.arrays["numbers"], positions, cell=ensemble.arrays["cell"], pbc=pbc)
        atoms.info = {"shot": example.shot, "outcome": example.outcome}
        if np.isfinite(time):
            atoms.info["time_fs"] = round(time, 3)
        pictures.append(atoms)
    text = io.StringIO()
    write_xyz(text, pictures)
    return text.getvalue()

"""Small things that the tests of the AiiDA rooms share: structures, start states, shots, a stored model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

import ase.io
import numpy as np
from aiida.common.folders import Folder
from aiida.engine import CalcJob
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.plugins import CalculationFactory
from ase import Atoms
from ase.build import molecule

from aiida_mlgun.assets import COMPACT_MODEL, shipped_models
from aiida_mlgun.contract.files import MODEL_FILES
from aiida_mlgun.contract.strict import dump
from aiida_mlgun.remote.engine.flight import Landed
from aiida_mlgun.remote.shot_table import Row, Target, shot_columns, trajectory_columns
from aiida_mlgun.science.aim import Shot
from aiida_mlgun.science.frames import Frames, from_atoms
from aiida_mlgun.science.outcomes import Verdict
from aiida_mlgun.science.outcomes.chemistry import load_catalogue
from aiida_mlgun.science.shot_arrays import Path, encode_path
from aiida_mlgun.science.slabs import analyse
from aiida_mlgun.science.trajectory_codec import encode, quantise

SLAB = FilePath(__file__).parent / "fixtures" / "si001_2x2_relaxed.extxyz"


def slab_atoms(height: float = 40.0) -> Atoms:
    """The relaxed, hydrogen-backed 2×2 Si(001) slab in a periodic cell of this height (Å)."""
    atoms = ase.io.read(SLAB)
    assert isinstance(atoms, Atoms)
    atoms.cell[2, 2] = height
    return atoms


def acetylene() -> Atoms:
    """C2H2, carbon first, in a box of its own."""
    atoms = Atoms(molecule("C2H2"))
    atoms.center(vacuum=8.0)
    return atoms


def states(atoms: Atoms, n: int = 2, velocities: bool = True) -> Frames:
    """``n`` copies of ``atoms``, at rest if they have velocities at all."""
    images = [Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc) for _ in range(n)]
    if velocities:
        for image in images:
            image.arrays["velocities_A_fs"] = np.zeros((len(image), 3))
    return from_atoms(images)


def labelled(atoms: Atoms, n: int = 3, level: str = "PBE", **tags: str) -> Frames:
    """``n`` copies of ``atoms`` with zero forces and one energy."""
    all_tags = {"stratum": "gun", "level": level, **tags}
    frames = from_atoms([atoms] * n, {name: [value] * n for name, value in all_tags.items()})
    return replace(frames, energy=np.full(n, -1.0), forces=np.zeros((n * len(atoms), 3)))


def model_contents() -> dict[str, bytes]:
    """The files of the shipped compact model."""
    folder = shipped_models()[COMPACT_MODEL]
    return {name: (folder / name).read_bytes() for name in MODEL_FILES}


def chemistry() -> dict[str, Any]:
    """C2H2's one group and the shipped catalogue."""
    return {"groups": [{"name": "CC", "atoms": [0, 1]}], "catalogue": dump(load_catalogue())}


def shot_rows(
    shots: Sequence[int], outcomes: Sequence[str], drift: float = 0.01, without_final: Sequence[str] = ()
) -> tuple[list[Row], Target]:
    """Shots that never flew, as the compute machine keeps them before it writes ``shots.npz``.

    :param without_final: outcomes whose final frame is not kept.
    """
    slab, gas = slab_atoms(), acetylene()
    found = analyse(slab.numbers, slab.positions, slab.cell.array, slab.pbc)
    numbers = np.concatenate([slab.numbers, gas.numbers])
    positions = np.concatenate([slab.positions, gas.positions + np.array([0, 0, 8.0])])
    velocities = np.full_like(positions, 1e-3)
    rows = []
    for index, outcome in zip(shots, outcomes, strict=True):
        shot = Shot(index, 900 + index, 0, 1, positions, velocities, np.zeros(2), np.eye(4)[0], -np.eye(3)[2])
        landed = Landed(index, "settled", 40, 20.0, positions, velocities, -9.0, -9.0, drift, 0.02, np.nan)
        times, frames = np.array([0.0, 20.0]), encode(quantise(np.stack([positions, positions + 0.1])))
        verdict = Verdict(outcome, "CC", "on_top", "bonds Si0-C0", outcome != "intact", True)
        path = encode_path(Path(np.array([0.0, 20.0]), np.array([[[1.0, 2, 3]], [[1.0, 2, 1]]])))
        facts = (8.0, 12.0, 1.0, 310.0, [(8.0, "contact")])
        rows.append(Row(shot, landed, verdict, *facts, path, outcome not in without_final, times, frames))
    return rows, Target(numbers, slab.cell.array, slab.pbc, found)


def shot_arrays(
    shots: Sequence[int] = (0, 1, 2),
    outcome: str = "on_top CC",
    drift: float = 0.01,
    without_final: Sequence[str] = (),
) -> dict[str, Any]:
    """The arrays of ``shots.npz``; the last shot is ``intact``."""
    outcomes = [outcome] * (len(shots) - 1) + ["intact"] if shots else []
    return shot_columns(*shot_rows(shots, outcomes, drift, without_final))


def kept_paths(shots: Sequence[int] = (1,)) -> dict[str, Any]:
    """The arrays of ``trajectories.npz``: two frames of each shot."""
    return trajectory_columns(*shot_rows(shots, ["on_top CC"] * len(shots)))


def instantiate(name: str, **inputs: Any) -> CalcJob:
    """The process of a calculation with its inputs checked, not run."""
    process = instantiate_process(get_manager().get_runner(), CalculationFactory(name), **inputs)
    assert isinstance(process, CalcJob)
    return process


def prepare(tmp_path: FilePath, name: str, **inputs: Any) -> tuple[Folder, Any]:
    """The sandbox folder and the CalcInfo of a calculation."""
    folder = Folder(tmp_path / "sandbox")
    folder.create()
    return folder, instantiate(name, **inputs).prepare_for_submission(folder)

"""The sets of a training stage: read from the job's folder, refused where MACE would train on less than they say,
written as MACE reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase.io
import numpy as np

from ..contract import files
from ..contract.errors import RefusedError
from ..contract.jobs import TrainJob
from ..science.frames import Frames
from .io import read_frames
from .mace import methods
from .mace.predict import check_elements

HELD_OUT = 10  # every so manieth replay frame is looked at and not trained on


@dataclass(frozen=True)
class Sets:
    """The sets without isolated atoms, by name (``train``, ``validation``, perhaps ``test`` and ``replay``).

    :param whole: the training set with isolated atoms, which may tell reference energies.
    """

    whole: Frames
    by_name: Mapping[str, Frames]

    @property
    def train(self) -> Frames:
        """What is learned."""
        return self.by_name["train"]

    @property
    def elements(self) -> list[int]:
        """Atomic numbers in training, validation and replay, ascending: those that MACE sees."""
        seen = [frames.numbers for name, frames in self.by_name.items() if name != "test"]
        return [int(z) for z in np.unique(np.concatenate(seen))]


def read_sets(job: TrainJob, folder: Path) -> Sets:
    """The stage's sets.

    :raises RefusedError: a set is missing, has no frame but isolated atoms, lacks labels, or is smaller than a batch
        (MACE drops the incomplete batch at the end of each epoch, and so would train on nothing).
    """
    names = {"train": files.TRAIN, "validation": files.VALIDATION}
    if job.has_test:
        names["test"] = files.TEST
    if job.has_replay:
        if not (folder / files.REPLAY).is_file():
            raise RefusedError(f"the file {files.REPLAY} is missing from the job's folder.", status="replay_missing")
        names["replay"] = files.REPLAY
    read = {name: read_frames(folder / file) for name, file in names.items()}
    sets = {name: frames.select(~frames.is_isolated) for name, frames in read.items()}
    for name, frames in sets.items():
        if name != "test":
            _check({"train": "training"}.get(name, name), frames)
    if "replay" in sets and len(sets["replay"]) < 2:
        raise RefusedError("the replay set holds one frame; one to train on and one to look at are needed.")
    learned = len(sets["train"]) + (len(replay_parts(sets["replay"])[0]) if "replay" in sets else 0)
    if learned < job.stage.batch_size * job.processes:
        raise RefusedError(
            f"the training set holds {learned} frames, fewer than one batch of {job.stage.batch_size}"
            + (f" in each of {job.processes} processes" if job.processes > 1 else "")
            + ", and MACE would train on none of them: lower stage.batch_size."
        )
    if len(sets["validation"]) < job.processes:
        raise RefusedError(f"the validation set holds fewer frames than the {job.processes} processes.")
    return Sets(read["train"], sets)


def check_elements_known(sets: Sets, parent: Any) -> None:
    """The new model knows the parent's elements, or without a parent those of the training set.

    :raises RefusedError: ``element_not_covered``.
    """
    for name, frames in sets.by_name.items():
        if parent is not None:
            check_elements(parent, frames)
            continue
        unknown = [symbol for symbol in frames.symbols if symbol not in sets.train.symbols]
        if unknown:
            message = f"{', '.join(unknown)} stands in the {name} set and not in the training set."
            raise RefusedError(message, status="element_not_covered")


def write_sets(sets: Sets, work: Path, replay_weight: float) -> None:
    """Write what MACE reads into ``work``; ``replay_weight`` stands in each replay frame."""
    _write(work / methods.TRAIN, sets.train)
    _write(work / methods.VALIDATION, sets.by_name["validation"])
    if "replay" in sets.by_name:
        learn, look = replay_parts(sets.by_name["replay"])
        _write(work / methods.REPLAY, learn, replay_weight)
        _write(work / methods.REPLAY_VALIDATION, look, replay_weight)


def replay_parts(frames: Frames) -> tuple[Frames, Frames]:
    """What of a replay set is trained on, and what is looked at: frames 0, 10, 20 …"""
    held = np.arange(len(frames)) % HELD_OUT == 0
    return frames.select(~held), frames.select(held)


def _check(name: str, frames: Frames) -> None:
    if len(frames) == 0:
        raise RefusedError(f"the {name} set holds no frame besides isolated atoms.", status="nothing_left")
    for label in ("energy", "forces"):
        values = getattr(frames, label)
        if values is None:
            raise RefusedError(f"the {name} set has no {label}. Import it with the right key, or leave it out.")
        if not np.isfinite(values).all():
            raise RefusedError(f"the {name} set has frames whose {label} are missing or not finite. Curate it first.")


def _write(path: Path, frames: Frames, weight: float = 1.0) -> None:
    assert frames.energy is not None and frames.forces is not None
    images = []
    for i in range(len(frames)):
        atoms = frames.atoms(i)
        atoms.info = {"REF_energy": float(frames.energy[i])}
        if weight != 1.0:
            atoms.info |= {"config_energy_weight": weight, "config_forces_weight": weight}
        atoms.arrays = {"numbers": atoms.arrays["numbers"], "positions": atoms.arrays["positions"]}
        atoms.arrays["REF_forces"] = frames.forces[frames.part(i)]
        images.append(atoms)
    ase.io.write(path, images, format="extxyz")

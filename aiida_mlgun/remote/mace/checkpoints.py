"""Generations of a training: immutable files, each written whole, two of them kept.

A generation is the state in which an epoch begins: weights, optimiser, scheduler, moving average, the order in which
frames will be drawn.  Going on from it repeats nothing and, on one CPU with the same batch size, gives the numbers of a
run that was never interrupted.  Its manifest is written last; one that names a file that is cut off or altered is
passed over for the generation before.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from ...contract.errors import RunFailedError
from ...contract.generations import DOCUMENT, seal, unseal
from ...contract.manifest import sha256_file, write_atomically
from ..generations import check_files, newest_first, newest_whole, own_files, sync
from .identity import Identity, difference

KEPT = 2
START = "start.pt"  # the weights before the first epoch, as MACE made them from the parent or from nothing
_OURS = re.compile(r"((state|best|curve)-\d{6}\.(pt|json|txt)|start\.pt)(\.part)?")


@dataclass(frozen=True)
class Marks:
    """What a training knows of itself besides its state.  Losses are MACE's, on the validation set.

    :param epoch: the epoch that begins, counted from 0: so many have been trained.
    :param batch_size: per process, of the epochs so far.
    :param best_epoch: the epoch of the lowest validation loss; its weights stand in ``best-NNNNNN.pt``.
    :param first_loss: after the first epoch; :param high: evaluations in a row far above it.
    """

    epoch: int
    batch_size: int
    best_epoch: int
    best_loss: float
    first_loss: float
    high: int = 0


@dataclass(frozen=True)
class Generation:
    """The manifest of one generation: ``files`` maps names to sha256, ``identity`` tells which training it is of."""

    marks: Marks
    files: dict[str, str]
    identity: Identity
    name: str
    seed: int
    mace: str
    torch: str
    schema: int = 1


@dataclass
class Checkpoints:
    """The folder of generations of one training.

    :param identity: ``options`` (MACE's, those that may change left out) and ``data`` (file name → sha256).
    """

    folder: Path
    identity: Identity
    name: str = "stage"
    seed: int = 0
    _best: tuple[str, str] | None = field(default=None, init=False)

    def newest(self) -> tuple[Generation | None, tuple[str, ...]]:
        """The newest generation that is whole, and a sentence for each newer one that is not; those are taken away.

        :raises RunFailedError: ``checkpoint_unusable`` for a whole generation of another training.
        """
        found, said = newest_whole(self._manifests(), self.read)
        if found is not None:
            self._compare(found)
        return found, said

    def read(self, path: Path) -> Generation:
        """One generation, its files' checksums compared.

        :raises RefusedError: damaged, foreign, or a file is missing.
        """
        found = unseal(Generation, path.read_bytes(), path.name)
        check_files(self.folder, found.files, f"checkpoint {found.marks.epoch}")
        return found

    def at(self, epoch: int) -> Generation:
        """The generation in which ``epoch`` begins, read as :meth:`read` does."""
        return self.read(self.folder / f"state-{epoch:06d}.json")

    def tensors(self, name: str) -> Any:
        """The content of ``name``: tensors, numbers and text; a file with anything else in it is not opened.

        :raises RunFailedError: ``checkpoint_unusable``.
        """
        try:
            return torch.load(self.folder / name, map_location="cpu", weights_only=True)
        except (EOFError, OSError, RuntimeError, UnpicklingError) as error:
            first = str(error).partition("\n")[0]
            raise RunFailedError("checkpoint_unusable", f"{name} can't be opened ({first}).") from error

    def curve(self, generation: Generation) -> list[str]:
        """MACE's lines on the validation set, one JSON object for each epoch and head so far."""
        return (self.folder / f"curve-{generation.marks.epoch:06d}.txt").read_text().splitlines()

    def begin(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Take away what an earlier training left here, and keep the weights that this one starts with."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in [*self._manifests(), *self._files()]:
            path.unlink(missing_ok=True)
        self._write(START, lambda path: torch.save(dict(weights), path))

    def keep_best(self, epoch: int, weights: Mapping[str, torch.Tensor]) -> None:
        """Keep the weights of the best epoch so far.

        :raises RunFailedError: ``loss_diverged`` when a weight is not finite.
        """
        _check_finite(weights)
        name = f"best-{epoch:06d}.pt"
        self._best = name, self._write(name, lambda path: torch.save(dict(weights), path))
        self._prune()

    def best(self, generation: Generation | None = None) -> Any:
        """The weights of the best epoch: this run's, or, before it has one, those of ``generation``."""
        if self._best is None and generation is not None:
            self.take_up(generation)
        if self._best is None:
            raise RunFailedError("checkpoint_unusable", "no epoch has been kept as the best.")
        return self.tensors(self._best[0])

    def take_up(self, generation: Generation) -> None:
        """Go on from ``generation``: its best is the best so far."""
        name = f"best-{generation.marks.best_epoch:06d}.pt"
        self._best = name, generation.files[name]

    def write(self, marks: Marks, state: dict[str, Any], curve: list[str]) -> None:
        """Write one generation, manifest last, and take away all but the newest :data:`KEPT`.

        :raises RunFailedError: ``loss_diverged`` when a weight is not finite: such a state replaces nothing.
        """
        _check_finite(state["model"])
        if self._best is None:
            raise RunFailedError("checkpoint_unusable", "no epoch has been kept as the best.")
        number = f"{marks.epoch:06d}"
        text = "\n".join(curve) + "\n"
        held = {
            f"state-{number}.pt": self._write(f"state-{number}.pt", lambda path: torch.save(state, path)),
            f"curve-{number}.txt": self._write(f"curve-{number}.txt", lambda path: path.write_text(text)),
            self._best[0]: self._best[1],
            START: sha256_file(self.folder / START),
        }
        versions = metadata.version("mace-torch"), torch.__version__
        found = Generation(marks, held, self.identity, self.name, self.seed, *versions)
        write_atomically(self.folder / f"state-{number}.json", seal(found))
        sync(self.folder)
        self._prune()

    def _write(self, name: str, put: Callable[[Path], Any]) -> str:
        path = self.folder / name
        temporary = path.with_name(name + ".part")
        put(temporary)
        with temporary.open("rb+") as handle:
            os.fsync(handle.fileno())
        sha256 = sha256_file(temporary)
        temporary.replace(path)
        return sha256

    def _manifests(self) -> list[Path]:
        """Newest first."""
        return newest_first(self._files(), DOCUMENT)

    def _files(self) -> list[Path]:
        return own_files(self.folder, _OURS)

    def _prune(self) -> None:
        kept = {START} | ({self._best[0]} if self._best else set())
        manifests = self._manifests()
        for path in manifests[:KEPT]:
            kept |= {path.name, *json.loads(path.read_text())["generation"]["files"]}
        for path in [*manifests[KEPT:], *self._files()]:
            if path.name not in kept:
                path.unlink(missing_ok=True)

    def _compare(self, found: Generation) -> None:
        if (found.name, found.seed) != (self.name, self.seed):
            raise RunFailedError(
                "checkpoint_unusable", f"the checkpoint has seed {found.seed}, this stage has {self.seed}."
            )
        other = difference(found.identity, self.identity)
        if other is not None:
            raise RunFailedError("checkpoint_unusable", f"the checkpoint is of {other}.")


def _check_finite(weights: Mapping[str, torch.Tensor]) -> None:
    for key, value in weights.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise RunFailedError("loss_diverged", f"the weight {key!r} is not finite.")

"""Checkpoints of a batch of shots: immutable shards of finished shots, two generations of those in flight.

A generation is a file of arrays, all that :class:`~.snapshot.Snapshot` holds, and a document, written last, that names
it and every shard with its sha256.  A document that is damaged, or names a file that is, is passed over for the one
before.  Nothing is ever written in place, so that a kill at any moment leaves a whole generation behind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch

from ...contract.errors import RefusedError, RunFailedError
from ...contract.generations import DOCUMENT, PHYSICS, ShootGeneration, seal, unseal
from ...contract.manifest import sha256_file, write_atomically
from ...science.npz import pack, unpack
from ..generations import check_files, newest_first, newest_whole, own_files, sync
from .flight import Saved
from .snapshot import Snapshot, from_arrays

KEPT = 2
_OURS = re.compile(r"(state-\d{6}\.(json|npz)|shard-\d{6}\.npz)(\.part)?")


class Checkpoints:
    """The folder of one batch.

    :param identity: what decides numbers, as in :class:`~aiida_mlgun.contract.generations.ShootGeneration`.
    """

    def __init__(self, folder: Path, identity: Mapping[str, str]) -> None:
        self.folder, self.identity = folder, dict(identity)
        self.newest: ShootGeneration | None = None

    def resume(self, demanded: bool) -> tuple[ShootGeneration | None, tuple[str, ...]]:
        """The newest whole generation of this job, and a sentence for each newer one that is not whole.

        Without one, the folder is emptied.

        :param demanded: there has to be one; otherwise a job that the scheduler began anew may find its own.
        :raises RefusedError: one is demanded, and the one that is there is of another job.
        :raises RunFailedError: ``checkpoint_unusable``: one is demanded, and none can be gone on from.
        """
        found, said = newest_whole(self._documents(), self._read)
        if found is not None:
            other = _difference(found.identity, self.identity)
            if other and demanded:
                raise RefusedError(f"the checkpoint is of another job: {other}. Start this job without it.")
            if found.physics != PHYSICS:
                said = (*said, f"it is of physics {found.physics}, this version computes {PHYSICS}.")
            elif not other:
                self.newest = found
                return found, said
        if demanded:
            detail = " ".join(said) or "the folder holds no generation."
            raise RunFailedError("checkpoint_unusable", detail)
        self._clear()
        return None, said

    def snapshot(self, generation: ShootGeneration, device: torch.device | str) -> Snapshot:
        """Where ``generation`` stands.

        :raises RunFailedError: ``checkpoint_unusable``: its arrays are not those of a snapshot.
        """
        try:
            return from_arrays(unpack((self.folder / generation.state).read_bytes()), device)
        except (RefusedError, KeyError) as error:
            raise RunFailedError("checkpoint_unusable", f"{generation.state} holds no state ({error}).") from error

    def shards(self) -> list[Saved]:
        """The shards of the newest generation, in the order in which they were written."""
        return [unpack((self.folder / name).read_bytes()) for name in (self.newest.shards if self.newest else ())]

    def names(self) -> tuple[str, ...]:
        """The files to go on from: the newest generation's document, state and shards."""
        return (_document(self.newest.number), *self.newest.files) if self.newest else ()

    def write(
        self,
        snapshot: Snapshot,
        shard: Saved | None,
        *,
        shots: int,
        seconds: float,
        asked: int | None,
        evaluator: str,
        environment: dict[str, str],
    ) -> None:
        """Write a generation, its document last, and take away all but the newest :data:`KEPT`.

        :param shard: the shots that have been finished since the last one; None if there are none.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        last = self.newest
        number = 0 if last is None else last.number + 1
        held = {name: last.files[name] for name in last.shards} if last is not None else {}
        if shard is not None:
            held |= self._put(f"shard-{len(held):06d}.npz", shard)
        shards, state = tuple(held), f"state-{number:06d}.npz"
        generation = ShootGeneration(
            number=number,
            shots=shots,
            steps=snapshot.steps,
            seconds=seconds,
            width=snapshot.width,
            asked=asked,
            evaluator=evaluator,
            environment=environment,
            identity=self.identity,
            state=state,
            shards=shards,
            files=held | self._put(state, snapshot.arrays()),
        )
        sync(self.folder)
        write_atomically(self.folder / _document(number), seal(generation))
        sync(self.folder)
        self.newest = generation
        self._prune()

    def _put(self, name: str, arrays: Saved) -> dict[str, str]:
        write_atomically(self.folder / name, pack(arrays, compress=False))
        return {name: sha256_file(self.folder / name)}

    def _read(self, path: Path) -> ShootGeneration:
        found = unseal(ShootGeneration, path.read_bytes(), path.name)
        check_files(self.folder, found.files, f"checkpoint {found.number}")
        return found

    def _documents(self) -> list[Path]:
        """Newest first."""
        return newest_first(self._files(), DOCUMENT)

    def _files(self) -> list[Path]:
        return own_files(self.folder, _OURS)

    def _prune(self) -> None:
        """Shards stay; so do the states of the documents that stay."""
        for path in self._documents()[KEPT:]:
            path.unlink()
            path.with_suffix(".npz").unlink(missing_ok=True)

    def _clear(self) -> None:
        for path in sorted(self._files(), key=lambda path: path.suffix != ".json"):  # documents first
            path.unlink()


def _document(number: int) -> str:
    return f"state-{number:06d}.json"


def _difference(found: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """What two jobs differ in, in words; empty when they are the same."""
    names = [name for name in sorted({*found, *wanted}) if found.get(name) != wanted.get(name)]
    return f"its {', '.join('parameters' if name == 'job' else name for name in names)} differ" if names else ""

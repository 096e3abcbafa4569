"""Extended XYZ as a source of frames: streaming, strict, any frame again by its place in the file."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import RefusedError
from ..science.frames import Floats, Frames
from . import labels
from .atoms import Columns
from .block import Block, read_block
from .gather import Gathered
from .labels import FaultError, KeyChoice
from .lines import Lines
from .opening import Stream, open_stream
from .source import CHUNK, Keys

CHUNK_ATOMS = 250_000  # a chunk is closed when it holds so many


class ExtxyzSource:
    """An extended XYZ file, plain or packed with gzip or xz.

    :param keys: ``energy``, ``forces``, ``stress`` → the key that holds it; a missing one is fixed by the first frame
        that has a known one.
    :ivar random_access: after the first pass, True for a plain file: :meth:`pick` then reads only what it gives.
    """

    format = "extxyz"

    def __init__(self, path: Path, keys: Mapping[str, str] | None = None) -> None:
        self.path, self.name = path, path.name
        self._asked = dict(keys or {})
        if unknown := self._asked.keys() - labels.KNOWN.keys():
            raise ValueError(f"{sorted(unknown)} are no labels; {list(labels.KNOWN)} are.")
        self._state: tuple[int, int] | None = None
        self._choices = self._fresh()
        self._moving = False
        self._tags = set[str]()
        self.random_access = False
        self._places: array[int] | None = None  # bytes before each frame, and after the last
        self._sha256 = ""

    def _fresh(self) -> dict[str, KeyChoice]:
        return {label: KeyChoice(label, self._asked.get(label)) for label in labels.KNOWN}

    @property
    def keys(self) -> Keys:
        """The keys that were used (reads the file once if that was not done)."""
        self._pass_once()
        return Keys(**{label: choice.used for label, choice in self._choices.items()})

    @property
    def sha256(self) -> str:
        """Hexadecimal sha256 of the file as it lies on disk (reads the file once if that was not done)."""
        self._pass_once()
        return self._sha256

    def __len__(self) -> int:
        self._pass_once()
        assert self._places is not None
        return len(self._places) - 1

    def chunks(self, size: int = CHUNK) -> Iterator[Frames]:
        """All frames in their order, at most ``size`` at once (fewer where frames are large)."""
        first_pass, places, number = self._places is None, array("q"), 0
        if first_pass:
            self._choices, self._state, self._moving, self._tags = self._fresh(), None, False, set()
        gathered = Gathered(self.name)
        with open_stream(self.path, hashed=first_pass) as stream:
            self._check_unchanged()
            lines = Lines(stream)
            while True:
                places.append(lines.offset)
                block = self._next(lines, number, stream)
                if block is None:
                    break
                self._add(gathered, block, number)
                number += 1
                if len(gathered) >= size or gathered.n_atoms >= CHUNK_ATOMS:
                    yield self._frames(gathered, number)
                    gathered = Gathered(self.name)
            if number == 0:
                raise RefusedError(f"{self.name}: the file holds no frame.")
            if len(gathered):
                yield self._frames(gathered, number)
            for choice in self._choices.values():
                choice.check_found(self.name)
            if first_pass:
                self._places, self._sha256 = places, stream.sha256() or ""
                self.random_access = not stream.packed

    def pick(self, index: NDArray[np.int64]) -> Frames:
        """The frames with these ascending numbers: by their place in a plain file, else by reading through.

        :raises IndexError: for a number that no frame has.
        :raises ValueError: when the numbers do not ascend.
        """
        index = np.asarray(index, dtype=np.int64)
        if len(index) and (index[0] < 0 or index[-1] >= len(self)):
            raise IndexError(f"{self.name} has the frames 0 to {len(self) - 1}.")
        if (np.diff(index) <= 0).any():
            raise ValueError("the numbers of the frames must ascend.")
        self._pass_once()
        gathered = Gathered(self.name)
        with open_stream(self.path) as stream:
            self._check_unchanged()
            blocks = self._read_through(stream, index) if stream.packed else self._by_place(index)
            for number, block in blocks:
                self._add(gathered, block, number)
        return self._frames(gathered, len(index))

    def _by_place(self, index: NDArray[np.int64]) -> Iterator[tuple[int, Block]]:
        assert self._places is not None
        with self.path.open("rb") as handle:
            for number in index.tolist():
                begin, end = self._places[number], self._places[number + 1]
                handle.seek(begin)
                block = self._next(Lines(BytesIO(handle.read(end - begin)), begin), number, None)
                assert block is not None
                yield number, block

    def _read_through(self, stream: Stream, index: NDArray[np.int64]) -> Iterator[tuple[int, Block]]:
        wanted, lines = set(index.tolist()), Lines(stream)
        for number in range(max(wanted, default=-1) + 1):
            block = self._next(lines, number, stream)
            assert block is not None
            if number in wanted:
                yield number, block

    def _pass_once(self) -> None:
        if self._places is None:
            for _ in self.chunks():
                pass

    def _check_unchanged(self) -> None:
        stat = self.path.stat()
        state = (stat.st_size, stat.st_mtime_ns)
        if self._state not in (None, state):
            raise RefusedError(f"{self.path}: the file changed while it was read. Begin again.")
        self._state = state

    def _next(self, lines: Lines, number: int, stream: Stream | None) -> Block | None:
        try:
            return read_block(lines, None if stream is None else stream.size)
        except FaultError as fault:
            raise fault.refusal(self.name, number) from fault

    def _add(self, gathered: Gathered, block: Block, number: int) -> None:
        try:
            self._fill(gathered, block)
        except FaultError as fault:
            raise fault.refusal(self.name, number) from fault

    def _fill(self, gathered: Gathered, block: Block) -> None:
        info, columns = block.info, block.atoms.layout.columns
        energy, stress = self._choices["energy"].of(info.keys()), self._choices["stress"].of(info.keys())
        forces = self._choices["forces"].of(columns.keys())
        moving = "velocities" in columns
        self._moving = self._moving or moving
        tags = labels.tags(info)
        self._tags.update(tags)
        gathered.add(
            block.atoms.numbers,
            block.atoms.array("positions"),
            block.cell,
            block.pbc,
            tags,
            energy=None if energy is None else labels.number(info[energy], energy),
            stress=None if stress is None else labels.stress(info[stress], stress),
            forces=None if forces is None else _vectors(block.atoms, forces),
            velocities=_vectors(block.atoms, "velocities") if moving else None,
        )

    def _frames(self, gathered: Gathered, after: int) -> Frames:
        """Put together; ``after``: number of the frame that follows.

        What is known by now to stand in the file has a column, be it of NaN or empty texts.
        """
        known = [label for label, choice in self._choices.items() if choice.used]
        known += ["velocities"] * self._moving
        return gathered.frames(after - len(gathered), known, self._tags)


def _vectors(columns: Columns, name: str) -> Floats:
    if (count := columns.layout.columns[name].count) != 3:
        raise FaultError(f"the column {name!r} has {count} components, 3 are needed.")
    return columns.array(name)

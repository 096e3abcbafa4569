"""Frames of one chunk, filled in one after the other and put together once; what must hold of every geometry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..contract.errors import RefusedError
from ..science.frames import Floats, Frames

FLAT = 1e-10  # squared volume that the periodic directions span; under this they are not independent


class Gathered:
    """The frames of a chunk so far.

    :param name: the file's name, for the tag ``source`` and messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._counts: list[int] = []
        self._numbers: list[int] = []
        self._cell: list[tuple[float, ...]] = []
        self._pbc: list[tuple[bool, bool, bool]] = []
        self._positions: list[Floats] = []
        self._of_frame: dict[str, dict[int, float | tuple[float, ...]]] = {"energy": {}, "stress": {}}
        self._of_atoms: dict[str, dict[int, Floats]] = {"forces": {}, "velocities": {}}
        self._tags: dict[str, dict[int, str]] = {}

    def __len__(self) -> int:
        return len(self._counts)

    @property
    def n_atoms(self) -> int:
        """Atoms in all frames so far."""
        return len(self._numbers)

    def add(
        self,
        numbers: Sequence[int],
        positions: Floats,
        cell: tuple[float, ...],
        pbc: tuple[bool, bool, bool],
        tags: dict[str, str],
        *,
        energy: float | None = None,
        stress: tuple[float, ...] | None = None,
        forces: Floats | None = None,
        velocities: Floats | None = None,
    ) -> None:
        """One more frame; what is None there is NaN in the end.  Units and shapes as in :class:`Frames`, cell flat."""
        i = len(self._counts)
        self._counts.append(len(numbers))
        self._numbers += numbers
        self._positions.append(positions)
        self._cell.append(cell)
        self._pbc.append(pbc)
        if energy is not None:
            self._of_frame["energy"][i] = energy
        if stress is not None:
            self._of_frame["stress"][i] = stress
        if forces is not None:
            self._of_atoms["forces"][i] = forces
        if velocities is not None:
            self._of_atoms["velocities"][i] = velocities
        for name, text in tags.items():
            self._tags.setdefault(name, {})[i] = text

    def frames(self, first: int, columns: Sequence[str] = (), tags: Iterable[str] = ()) -> Frames:
        """All of them.

        :param first: number in the file of the first one, for messages.
        :param columns: labels to give (as NaN) even if none of these frames has them.
        :param tags: tags to give (as empty texts) likewise.
        :raises RefusedError: for a geometry that :func:`check_geometry` refuses.
        """
        n = len(self)
        texts = {name: self._tags.get(name, {}) for name in sorted({*tags, *self._tags})}
        texts["source"] = dict.fromkeys(range(n), self._name)
        frames = Frames(
            np.concatenate([[0], np.cumsum(self._counts)]).astype(np.int64),
            np.array(self._numbers, dtype=np.int64),
            np.concatenate(self._positions) if n else np.empty((0, 3)),
            np.array(self._cell, dtype=np.float64).reshape(n, 3, 3),
            np.array(self._pbc, dtype=bool).reshape(n, 3),
            energy=self._frame_column("energy", (n,), columns),
            forces=self._atom_column("forces", columns),
            stress=self._frame_column("stress", (n, 6), columns),
            velocities=self._atom_column("velocities", columns),
            tags={name: np.array([found.get(i, "") for i in range(n)], dtype=np.str_) for name, found in texts.items()},
        )
        check_geometry(frames, self._name, first)
        return frames

    def _frame_column(self, name: str, shape: tuple[int, ...], columns: Sequence[str]) -> Floats | None:
        found = self._of_frame[name]
        if not found and name not in columns:
            return None
        array = np.full(shape, np.nan)
        for i, value in found.items():
            array[i] = value
        return array

    def _atom_column(self, name: str, columns: Sequence[str]) -> Floats | None:
        found = self._of_atoms[name]
        if not found and name not in columns:
            return None
        if len(found) == len(self) > 0:
            return np.concatenate(list(found.values()))
        parts = [found[i] if i in found else np.full((count, 3), np.nan) for i, count in enumerate(self._counts)]
        return np.concatenate(parts) if parts else np.empty((0, 3))


def check_geometry(frames: Frames, name: str, first: int = 0) -> None:
    """Refuse positions and cells that are not finite, endless velocities, and flat cells that are periodic.

    :param first: number in the file ``name`` of the first frame.
    :raises RefusedError: naming file, frame and atom.
    """
    for what, bad in (
        ("position", ~np.isfinite(frames.positions)),
        ("velocity", np.zeros((0, 3), dtype=bool) if frames.velocities is None else np.isinf(frames.velocities)),
    ):
        if bad.any():
            atom = int(np.flatnonzero(bad.any(axis=1))[0])
            frame = int(np.searchsorted(frames.offsets, atom, side="right")) - 1
            where = f"frame {first + frame}, atom {atom - int(frames.offsets[frame])}"
            raise RefusedError(f"{name}, {where}: its {what} is not finite. Correct it or drop the frame.")
    if not np.isfinite(frames.cell).all():
        frame = int(np.flatnonzero(~np.isfinite(frames.cell).all(axis=(1, 2)))[0])
        raise RefusedError(f"{name}, frame {first + frame}: its lattice is not finite. Correct it or drop the frame.")
    length = np.linalg.norm(frames.cell, axis=2, keepdims=True)
    rows = np.divide(frames.cell, length, out=np.zeros_like(frames.cell), where=length > 0)
    gram = rows @ rows.transpose(0, 2, 1)
    free = ~frames.pbc
    gram[free[:, :, None] | free[:, None, :]] = 0.0
    gram[:, range(3), range(3)] += free  # a direction that does not repeat counts as independent
    flat = np.linalg.det(gram) < FLAT
    if flat.any():
        frame = int(np.flatnonzero(flat)[0])
        along = " ".join("FT"[int(p)] for p in frames.pbc[frame])
        raise RefusedError(
            f'{name}, frame {first + frame}: periodic (pbc="{along}"), but its lattice spans no volume. '
            "Give the lattice vectors, or say pbc=F along the others."
        )

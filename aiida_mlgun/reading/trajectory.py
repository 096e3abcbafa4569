"""ASE's ``.traj``: structures and the labels of their calculators, frame by frame by number.

The file's own layer (:mod:`ase.io.ulm`) is read, so neither constraints nor calculators are made from what it says.
Energies, forces and stress are in eV, eV/Å and eV/Å³ as ASE has them; momenta (ASE units) become velocities in Å/fs.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, cast

import numpy as np
from ase import units
from ase.data import atomic_masses, chemical_symbols
from ase.io import ulm
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import NDArray

from ..contract.errors import RefusedError
from ..science.frames import Frames
from .labels import TAG_KEYS
from .opening import PIECE, open_stream
from .steps import Step, StepSource, check_not_held, chosen

#: What a file that is not what it says can raise in the layer below.
DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, MemoryError, OverflowError, EOFError)
BYTES_PER_ATOM = 25  # a number and a position take at least these


class TrajectorySource(StepSource):
    """``.traj`` as ASE ≥ 3.9 writes it, plain or (unpacked to a temporary file) gzip or xz.

    The energy is ``free_energy``, to which forces belong, where the first labelled frame has one, otherwise
    ``energy``.  Frames without labels are let through, as NaN.
    """

    format: ClassVar[str] = "ase-traj"
    random_access: ClassVar[bool] = True
    energies: ClassVar[tuple[str, ...]] = ("free_energy", "energy")
    labelled: ClassVar[bool] = False

    def __init__(self, path: Path, keys: Mapping[str, str] | None = None) -> None:
        super().__init__(path, keys)
        self._asked = "energy" in (keys or {})

    def steps(self) -> Iterator[Step]:
        """All frames."""
        with self._open() as (backend, read):
            yield from (read(i) for i in range(len(backend)))

    def pick(self, index: NDArray[np.int64]) -> Frames:
        """The frames ``index`` (ascending numbers), and no others, are read.

        :raises RefusedError: when the file has fewer frames.
        """
        with self._open() as (backend, read):
            if not len(index) or int(index[-1]) >= len(backend) or int(index[0]) < 0:
                raise RefusedError(f"{self.name}: frames {list(index)[:5]} were asked for, it has {len(backend)}.")
            picked = (self._check(read(int(i)), int(i)) for i in index)
            return chosen(picked, np.arange(len(index)), self.name)

    @contextmanager
    def _open(self) -> Iterator[tuple[Any, Callable[[int], Step]]]:
        with _plain(self.path) as handle:
            size = handle.seek(0, 2)
            handle.seek(0)
            try:
                backend = ulm.Reader(handle)
                if backend.get_tag() != "ASE-Trajectory":
                    raise ValueError(f"its tag is {backend.get_tag()[:20]!r}")
            except DAMAGED as error:
                raise RefusedError(f"{self.name}: no trajectory of ASE, or damaged ({_said(error)}).") from error

            def read(number: int) -> Step:
                try:
                    item, head = backend[number], backend
                    return self._step(item, head if "numbers" not in item else item, number, size)
                except RefusedError:
                    raise
                except DAMAGED as error:
                    raise RefusedError(
                        f"{self.name}, frame {number}: not readable ({_said(error)}). Write the rest anew with ASE."
                    ) from error

            if len(backend) > 0 and not self._asked:
                self.energy_key = self._detect(backend)
            yield backend, read

    def _detect(self, backend: Any) -> str:
        for number in range(len(backend)):
            try:
                results = backend[number].get("calculator")
            except DAMAGED as error:
                raise RefusedError(f"{self.name}, frame {number}: not readable ({_said(error)}).") from error
            if results is not None:
                for key in self.energies:
                    if key in results:
                        return key
        return self.energies[-1]

    def _step(self, item: Any, head: Any, number: int, size: int) -> Step:
        if np.prod(_shape(head, "numbers")) * BYTES_PER_ATOM > size:
            raise ValueError("more atoms are claimed than the file can hold")
        numbers = np.asarray(head.numbers)
        if numbers.ndim != 1 or numbers.dtype.kind not in "iu" or not ((numbers > 0) & (numbers < 119)).all():
            raise ValueError("its atomic numbers are none")
        positions = _floats(item.positions)
        results = item.get("calculator")
        results = {} if results is None else results  # an item of the file counts as False
        other = next((key for key in self.energies if key != self.energy_key and key in results), None)
        if self.energy_key not in results and other is not None:
            raise RefusedError(
                f"{self.name}, frame {number}: it has its energy only as {other!r}, frames before as "
                f"{self.energy_key!r}. Choose one key that all frames have."
            )
        velocities = None
        if "momenta" in item:
            masses = atomic_masses[numbers] if head.get("masses") is None else _floats(head.masses)
            velocities = _floats(item.momenta) / masses[:, None] * units.fs
        stress = _floats(results.get("stress")) if "stress" in results else None
        if stress is not None and stress.shape == (3, 3):
            stress = np.asarray(full_3x3_to_voigt_6_stress(stress))
        if stress is not None and stress.shape != (6,):
            raise ValueError(f"its stress has shape {stress.shape}")
        pbc = [bool(x) for x in np.broadcast_to(head.pbc, 3)]
        forces = _floats(results.get("forces")) if "forces" in results else None
        check_not_held(forces, f"{self.name}, frame {number}", _held(head))
        return Step(
            symbols=[chemical_symbols[z] for z in numbers],
            positions=positions,
            cell=_floats(item.cell).reshape(3, 3),
            energy=float(_floats(results.get(self.energy_key))) if self.energy_key in results else None,
            forces=forces,
            stress=stress,
            velocities=velocities,
            pbc=(pbc[0], pbc[1], pbc[2]),
            tags=_tags(item.get("info")),
        )


@contextmanager
def _plain(path: Path) -> Iterator[BinaryIO]:
    """The unpacked file, with seeking."""
    with open_stream(path) as stream:
        if not stream.packed:
            with path.open("rb") as plain:
                yield plain
            return
        with tempfile.TemporaryFile() as spare:
            while block := stream.read(PIECE):
                spare.write(block)
            spare.seek(0)
            yield cast(BinaryIO, spare)


def _shape(head: Any, name: str) -> tuple[int, ...]:
    stored = head._data[name]
    return tuple(stored.shape)


def _floats(values: Any) -> NDArray[np.float64]:
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"numbers are needed, not {array.dtype}")
    return array.astype(np.float64)


def _held(head: Any) -> NDArray[np.int64]:
    """The atoms that ASE's FixAtoms holds."""
    constraints = json.loads(head.get("constraints") or "[]")
    held = [c["kwargs"]["indices"] for c in constraints if c.get("name") == "FixAtoms"]
    return np.array([i for indices in held for i in indices], dtype=np.int64)


def _tags(info: Any) -> dict[str, str]:
    if not isinstance(info, dict):
        return {}
    found = {tag: [info[key] for key in candidates if key in info] for tag, candidates in TAG_KEYS.items()}
    return {tag: str(values[0]) for tag, values in found.items() if values}


def _said(error: BaseException) -> str:
    return " ".join(chain([type(error).__name__], str(error).split()))[:120]

"""Ionic steps of electronic-structure programs: what one holds, what must hold of it, and many of them as frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import ClassVar

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import NDArray

from ..contract.errors import RefusedError
from ..science.frames import Frames
from .source import Keys

Floats = NDArray[np.float64]
SMALLEST_VOLUME = 1e-3  # Å³; no crystal has less


@dataclass
class Step:
    """One structure of ``n`` atoms with what a program said of it.

    :param symbols: n chemical symbols.
    :param positions: (n, 3), Å.
    :param cell: (3, 3), Å, rows are lattice vectors.
    :param energy: eV; None when the program gives none.
    :param forces: (n, 3), eV/Å, likewise.
    :param stress: (6,), eV/Å³, Voigt order xx yy zz yz xz xy, positive under tension (ASE's sign), likewise.
    :param velocities: (n, 3), Å/fs, likewise.
    """

    symbols: Sequence[str]
    positions: Floats
    cell: Floats
    energy: float | None = None
    forces: Floats | None = None
    stress: Floats | None = None
    velocities: Floats | None = None
    pbc: tuple[bool, bool, bool] = (True, True, True)
    tags: dict[str, str] = field(default_factory=dict)


class StepSource(ABC):
    """A :class:`~aiida_mlgun.reading.source.Source` over a format whose steps come one after the other.

    :param keys: ``energy`` → which of :attr:`energies` to take, by default the first, which belongs to the forces.
    :raises RefusedError: when a key is asked for that the format does not have.
    """

    format: ClassVar[str]
    random_access: ClassVar[bool] = False  # whether a frame is found without reading those before it
    energies: ClassVar[tuple[str, ...]] = ("free_energy",)
    labelled: ClassVar[bool] = True  # a frame without energy, or forces on several atoms, is refused

    def __init__(self, path: Path, keys: Mapping[str, str] | None = None) -> None:
        self.path = path
        self.name = path.name
        asked = dict(keys or {})
        known = {"energy": self.energies, "forces": ("forces",), "stress": ("stress",)}
        for label, key in asked.items():
            if key not in known.get(label, ()):
                listed = ", ".join(f"{name}: {' or '.join(options)}" for name, options in known.items())
                raise RefusedError(f"{self.name}: {self.format} has no key {key!r} for {label}. It has {listed}.")
        self.energy_key = asked.get("energy", self.energies[0])
        self._keys = Keys(None, None, None)

    @property
    def keys(self) -> Keys:
        """Which labels the frames have that were read so far."""
        return self._keys

    @abstractmethod
    def steps(self) -> Iterator[Step]:
        """All steps in order, each complete.

        :raises RefusedError: with file, frame or line, and what to do.
        """

    def chunks(self, size: int = 256) -> Iterator[Frames]:
        """All frames in order, at most ``size`` at a time.

        :raises RefusedError: with file, frame and what to do.
        """
        steps = self._checked()
        while batch := list(islice(steps, size)):
            self._note(batch)
            yield to_frames(batch, self.name)

    def pick(self, index: NDArray[np.int64]) -> Frames:
        """The frames ``index`` (ascending numbers); the file is read up to the last of them.

        :raises RefusedError: when the file has fewer frames.
        """
        return chosen(self._checked(), index, self.name)

    def _checked(self) -> Iterator[Step]:
        count = 0
        for step in self.steps():
            yield self._check(step, count)
            count += 1
        if count == 0:
            raise RefusedError(f"{self.name}: the file holds no complete step. Leave it out.")

    def _check(self, step: Step, number: int) -> Step:
        check_structure(step, f"{self.name}, frame {number}")
        if self.labelled:
            check_labels(step, f"{self.name}, frame {number}")
        step.tags.setdefault("step", str(number))
        return step

    def _note(self, batch: Sequence[Step]) -> None:
        self._keys = Keys(
            self.energy_key if any(s.energy is not None for s in batch) else self._keys.energy,
            "forces" if any(s.forces is not None for s in batch) else self._keys.forces,
            "stress" if any(s.stress is not None for s in batch) else self._keys.stress,
        )


def chosen(steps: Iterator[Step], index: NDArray[np.int64], name: str) -> Frames:
    """The frames ``index`` (ascending) of ``steps``, which are read no further than needed.

    :raises RefusedError: when there are fewer steps.
    """
    wanted = [int(i) for i in index]
    if not wanted:
        raise RefusedError(f"{name}: no frame was asked for.")
    last, present = wanted[-1], set(wanted)
    found = {number: step for number, step in enumerate(islice(steps, last + 1)) if number in present}
    if last not in found:
        raise RefusedError(f"{name}: frame {last} was asked for, the file has fewer. Has it changed?")
    return to_frames([found[i] for i in wanted], name)


def check_structure(step: Step, where: str) -> None:
    """Refuse a structure that is none.  Labels that are not finite stay: the curation drops and counts them.

    :raises RefusedError: naming the atom.
    """
    for number, symbol in enumerate(step.symbols):
        if atomic_numbers.get(symbol, 0) == 0:
            raise RefusedError(f"{where}, atom {number}: {symbol[:20]!r} is no chemical element. Correct or drop it.")
    n = len(step.symbols)
    for name, array in (("positions", step.positions), ("forces", step.forces), ("velocities", step.velocities)):
        if array is not None and array.shape != (n, 3):
            raise RefusedError(f"{where}: {len(array)} {name} for {n} atoms. Drop the frame or give the whole file.")
    bad = np.flatnonzero(~np.isfinite(step.positions).all(axis=1))
    if n == 0 or len(bad):
        what = "it has no atoms" if n == 0 else f"atom {bad[0]} has a position that is not finite"
        raise RefusedError(f"{where}: {what}. Drop the frame.")
    if not np.isfinite(step.cell).all():
        raise RefusedError(f"{where}: the cell is not finite. Correct or drop the frame.")
    volume = abs(float(np.linalg.det(step.cell)))
    if not volume > SMALLEST_VOLUME and any(step.pbc):
        raise RefusedError(f"{where}: the cell has no volume ({volume:.3g} Å³). Correct or drop the frame.")


def check_labels(step: Step, where: str) -> None:
    """Refuse a frame without energy, or one of several atoms without forces.

    :raises RefusedError: saying which.
    """
    if step.energy is None:
        raise RefusedError(f"{where}: it has no energy. Drop the frame.")
    if step.forces is None and len(step.symbols) > 1:
        raise RefusedError(
            f"{where}: it has an energy and no forces. Have the program print forces, or leave the file out."
        )


def check_not_held(forces: Floats | None, where: str, held: NDArray[np.int64] | None = None) -> None:
    """Refuse forces that a program set to zero because it held the atoms; zero is not what acts on them.

    :param held: the atoms to look at; None for all.
    :raises RefusedError: when some of them have forces of exactly zero, and other atoms do not.
    """
    if forces is None:
        return
    zero = np.flatnonzero((forces == 0).all(axis=1))
    zero = zero if held is None else np.intersect1d(zero, held)
    if len(zero) and (forces != 0).any():
        listed = ", ".join(map(str, zero[:8])) + (" …" if len(zero) > 8 else "")
        raise RefusedError(
            f"{where}: the forces on atoms {listed} are exactly zero, as written for atoms that are held in place; "
            "these are no labels. Evaluate the structures once more without constraints."
        )


def to_frames(steps: Sequence[Step], name: str) -> Frames:
    """The steps as frames; a label that some lack is NaN there; the tag ``source`` is ``name``."""
    sizes = [len(step.symbols) for step in steps]
    total = int(np.sum(sizes))

    def per_atom(arrays: list[Floats | None]) -> Floats | None:
        if all(a is None for a in arrays):
            return None
        pieces = [np.full((n, 3), np.nan) if a is None else a for n, a in zip(sizes, arrays, strict=True)]
        return np.concatenate(pieces).reshape(total, 3)

    stresses = [step.stress for step in steps]
    names = sorted({tag for step in steps for tag in step.tags})
    tags = {tag: np.array([step.tags.get(tag, "") for step in steps], dtype=np.str_) for tag in names}
    return Frames(
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        numbers=np.array([atomic_numbers[s] for step in steps for s in step.symbols], dtype=np.int64),
        positions=np.concatenate([step.positions for step in steps]),
        cell=np.array([step.cell for step in steps], dtype=np.float64),
        pbc=np.array([step.pbc for step in steps], dtype=np.bool_),
        energy=np.array([np.nan if step.energy is None else step.energy for step in steps]),
        forces=per_atom([step.forces for step in steps]),
        stress=None
        if all(s is None for s in stresses)
        else np.array([np.full(6, np.nan) if s is None else s for s in stresses]),
        velocities=per_atom([step.velocities for step in steps]),
        tags={**tags, "source": np.array([name] * len(steps), dtype=np.str_)},
    )


def element(label: str) -> str:
    """The chemical symbol in a program's label for a kind of atom (``Fe1``, ``Hf_pv``, ``H.5``); '' if none."""
    letters = label[: next((i for i, c in enumerate(label) if not c.isalpha()), len(label))]
    symbol = letters[:2].capitalize()
    if len(letters) > 2 or symbol not in atomic_numbers:
        symbol = letters.capitalize()
    return symbol if symbol in chemical_symbols[1:] else ""


def cartesian(fractions: Floats, cell: Floats) -> Floats:
    """(n, 3), Å, from fractions of the cell; what is not finite stays so, to be refused with the atom's number."""
    with np.errstate(invalid="ignore", over="ignore"):
        positions: Floats = fractions @ cell
    return positions


def scf_tag(converged: bool | None) -> dict[str, str]:
    """The tag ``scf_converged``, where the file tells."""
    return {} if converged is None else {"scf_converged": "T" if converged else "F"}


def voigt(tensor: Floats) -> Floats:
    """(6,), xx yy zz yz xz xy of a symmetric (3, 3) tensor."""
    return np.asarray(tensor[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]], dtype=np.float64)

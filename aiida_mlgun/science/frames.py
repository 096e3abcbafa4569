"""Labelled frames as columns: the arrays, what must hold of them, their canonical hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from ..contract.errors import RefusedError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ISOLATED = "IsolatedAtom"
_TAG = "tag_"


@dataclass(frozen=True)
class Frames:
    """``n`` frames of ``m`` atoms in all, atoms of one frame side by side.

    :param offsets: (n + 1,), first atom of each frame, last entry m.
    :param numbers: (m,), atomic numbers.
    :param positions: (m, 3), Å, laboratory frame.
    :param cell: (n, 3, 3), Å, rows are lattice vectors; zero where not periodic.
    :param pbc: (n, 3), bool.
    :param energy: (n,), eV, NaN where a frame has none; None if no frame has one.
    :param forces: (m, 3), eV/Å, likewise.
    :param stress: (n, 6), eV/Å³, Voigt order xx yy zz yz xz xy, likewise.
    :param velocities: (m, 3), Å/fs, likewise.
    :param tags: name → (n,) strings; ``stratum``, ``run``, ``step``, ``level``, ``split``, ``source`` are known names.
    """

    offsets: Ints
    numbers: Ints
    positions: Floats
    cell: Floats
    pbc: NDArray[np.bool_]
    energy: Floats | None = None
    forces: Floats | None = None
    stress: Floats | None = None
    velocities: Floats | None = None
    tags: dict[str, NDArray[np.str_]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def n_atoms(self) -> Ints:
        """(n,), atoms in each frame."""
        return np.diff(self.offsets)

    @property
    def symbols(self) -> list[str]:
        """The chemical symbols that occur, by atomic number."""
        return [chemical_symbols[z] for z in np.unique(self.numbers)]

    @property
    def is_isolated(self) -> NDArray[np.bool_]:
        """(n,), True for frames of one atom whose stratum says that it is an isolated one."""
        isolated: NDArray[np.bool_] = (self.n_atoms == 1) & (self.tag("stratum") == ISOLATED)
        return isolated

    def tag(self, name: str) -> NDArray[np.str_]:
        """(n,), the tag ``name``; empty strings where no frame has it."""
        return self.tags.get(name, np.full(len(self), "", dtype=np.str_))

    def part(self, i: int) -> slice:
        """The atoms of frame ``i``."""
        return slice(int(self.offsets[i]), int(self.offsets[i + 1]))

    def select(self, index: Sequence[int] | NDArray[Any]) -> Frames:
        """The frames ``index`` (integers or a boolean mask), in that order."""
        chosen = np.arange(len(self))[np.asarray(index)] if len(np.asarray(index)) else np.empty(0, dtype=np.int64)
        sizes = self.n_atoms[chosen]
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        atoms = np.arange(offsets[-1]) + np.repeat(self.offsets[chosen] - offsets[:-1], sizes)
        return Frames(
            offsets,
            self.numbers[atoms],
            self.positions[atoms],
            self.cell[chosen],
            self.pbc[chosen],
            None if self.energy is None else self.energy[chosen],
            None if self.forces is None else self.forces[atoms],
            None if self.stress is None else self.stress[chosen],
            None if self.velocities is None else self.velocities[atoms],
            {name: tag[chosen] for name, tag in self.tags.items()},
        )

    def with_tag(self, name: str, values: Sequence[str] | NDArray[np.str_]) -> Frames:
        """A copy with the tag ``name`` set."""
        return replace(self, tags={**self.tags, name: np.asarray(values, dtype=np.str_)})

    def atoms(self, i: int) -> Atoms:
        """Frame ``i`` as ASE atoms, labels left out; velocities (Å/fs) in ``arrays['velocities_A_fs']``."""
        part = self.part(i)
        atoms = Atoms(self.numbers[part], self.positions[part], cell=self.cell[i], pbc=self.pbc[i])
        if self.velocities is not None:
            atoms.arrays["velocities_A_fs"] = self.velocities[part].copy()
        return atoms

    def __iter__(self) -> Iterator[Atoms]:
        return (self.atoms(i) for i in range(len(self)))


def from_atoms(images: Sequence[Atoms], tags: Mapping[str, Sequence[str]] | None = None) -> Frames:
    """Unlabelled frames from ASE atoms (velocities taken from ``arrays['velocities_A_fs']`` if all have them)."""
    if not images:
        raise RefusedError("no structure was given.")
    velocities = [a.arrays.get("velocities_A_fs") for a in images]
    return Frames(
        np.concatenate([[0], np.cumsum([len(a) for a in images])]).astype(np.int64),
        np.concatenate([a.numbers for a in images]).astype(np.int64),
        np.concatenate([a.positions for a in images]).astype(np.float64),
        np.array([a.cell.array for a in images], dtype=np.float64),
        np.array([a.pbc for a in images], dtype=bool),
        velocities=None if any(v is None for v in velocities) else np.concatenate([np.asarray(v) for v in velocities]),
        tags={name: np.asarray(values, dtype=np.str_) for name, values in (tags or {}).items()},
    )


def concatenate(parts: Sequence[Frames]) -> Frames:
    """One after the other.  A label that some parts lack is NaN there; a tag that some lack is empty there."""
    if not parts:
        raise RefusedError("no dataset was given.")

    def column(name: str, per_atom: bool, width: int | None) -> Floats | None:
        if all(getattr(p, name) is None for p in parts):
            return None
        pieces = []
        for p in parts:
            size = len(p.numbers) if per_atom else len(p)
            shape = (size,) if width is None else (size, width)
            pieces.append(np.full(shape, np.nan) if getattr(p, name) is None else getattr(p, name))
        return np.concatenate(pieces)

    names = sorted({name for p in parts for name in p.tags})
    return Frames(
        np.concatenate([[0], np.cumsum(np.concatenate([p.n_atoms for p in parts]))]).astype(np.int64),
        np.concatenate([p.numbers for p in parts]),
        np.concatenate([p.positions for p in parts]),
        np.concatenate([p.cell for p in parts]),
        np.concatenate([p.pbc for p in parts]),
        column("energy", False, None),
        column("forces", True, 3),
        column("stress", False, 6),
        column("velocities", True, 3),
        {name: np.concatenate([p.tag(name) for p in parts]) for name in names},
    )


def isolated_energies(frames: Frames) -> dict[str, float]:
    """E0s: chemical symbol → energy (eV) of the isolated atom, from frames of one atom tagged ``IsolatedAtom``.

    Isolated atoms without a (finite) energy are passed over.

    :raises RefusedError: when one element has two different values.
    """
    found: dict[str, float] = {}
    if frames.energy is None:
        return found
    for i in np.flatnonzero(frames.is_isolated):
        symbol = chemical_symbols[frames.numbers[frames.offsets[i]]]
        value = float(frames.energy[i])
        if not np.isfinite(value):
            continue
        if symbol in found and abs(found[symbol] - value) > 1e-6:
            raise RefusedError(f"two isolated {symbol} atoms have different energies: {found[symbol]} and {value} eV.")
        found[symbol] = value
    return found


def canonical_hash(frames: Frames) -> str:
    """Hexadecimal sha256 over numbers, geometry, labels and tags.

    Independent of how the arrays are stored and of the tag ``source``: the same frames from another file are the same.
    """
    digest = hashlib.sha256(b"mlgun.frames.1")
    for name, array in sorted(to_arrays(frames).items()):
        if name == _TAG + "source":
            continue
        kind = "i" if array.dtype.kind == "u" else array.dtype.kind
        digest.update(f"{name}|{kind}|{array.shape}|".encode())
        if array.dtype.kind == "U":
            digest.update("\x1f".join(array.ravel().tolist()).encode())
        else:
            digest.update(np.ascontiguousarray(array).astype("<f8" if array.dtype.kind == "f" else "<i8").tobytes())
    return digest.hexdigest()


def to_arrays(frames: Frames) -> dict[str, NDArray[Any]]:
    """Name → array; labels that are None are left out; tags carry the prefix ``tag_``; numbers take a byte each."""
    names = ("offsets", "positions", "cell", "pbc", "energy", "forces", "stress", "velocities")
    arrays = {name: getattr(frames, name) for name in names if getattr(frames, name) is not None}
    arrays["numbers"] = frames.numbers.astype(np.uint8)
    arrays.update({_TAG + name: narrowed(tag) for name, tag in frames.tags.items()})
    return arrays


def narrowed(words: NDArray[np.str_]) -> NDArray[np.str_]:
    """The same words in an array as wide as the longest of them: equal words give equal bytes."""
    width = int(np.char.str_len(words).max()) if len(words) else 0
    return words.astype(f"<U{max(width, 1)}")


def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Frames:
    """The inverse of :func:`to_arrays`, checked.

    :raises RefusedError: when an array is missing or shapes do not fit.
    """
    try:
        frames = Frames(
            offsets=arrays["offsets"],
            numbers=arrays["numbers"].astype(np.int64),
            positions=arrays["positions"],
            cell=arrays["cell"],
            pbc=arrays["pbc"],
            energy=arrays.get("energy"),
            forces=arrays.get("forces"),
            stress=arrays.get("stress"),
            velocities=arrays.get("velocities"),
            tags={name[len(_TAG) :]: array for name, array in arrays.items() if name.startswith(_TAG)},
        )
    except KeyError as error:
        raise RefusedError(f"the frames lack the array {error}.") from error
    n, m = len(frames), len(frames.numbers)
    shapes = {"positions": (m, 3), "cell": (n, 3, 3), "pbc": (n, 3), "energy": (n,), "forces": (m, 3)}
    shapes |= {"stress": (n, 6), "velocities": (m, 3)}
    for name, shape in shapes.items():
        array = getattr(frames, name)
        if array is not None and array.shape != shape:
            raise RefusedError(f"the array {name!r} has shape {array.shape}, {shape} is needed.")
    if n < 0 or frames.offsets[0] != 0 or frames.offsets[-1] != m or (np.diff(frames.offsets) < 1).any():
        raise RefusedError("the frames' offsets do not count their atoms.")
    return frames

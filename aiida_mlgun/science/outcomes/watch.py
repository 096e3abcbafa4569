"""The molecule's bonds and contacts during a shot: what is there, what changed, what is in doubt."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ambiguity import doubt
from .features import Features, describe, surface_table
from .memory import BondMemory
from .reactants import Reactants

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Watch:
    """Bonds with memory, and weak contacts and filled vacancies where the chemistry or the slab has any.

    Attributes: ``surface``: (n_mol, n_slab), the bonds to the slab that count; ``inner``: (n_mol, n_mol), those within
    the molecule.

    :param table: (n_mol, n), the bonds at the start.
    """

    def __init__(self, reactants: Reactants, table: Bools) -> None:
        hold_fs = reactants.chemistry.bonds.hold_fs
        self.reactants = reactants
        self._bonds = BondMemory(reactants.limits, hold_fs, table)
        self._weak = None
        if reactants.weak is not None:
            nothing = np.zeros(reactants.weak.make.shape, dtype=bool)
            self._weak = BondMemory(reactants.weak, hold_fs, nothing, doubts=False)
        self._split()

    def look(self, t_fs: float, distances: Floats, positions: Floats) -> tuple[float, list[tuple[float, str]]] | None:
        """Look now.

        :param distances: (n_mol, n), Å, from ``positions``, (n, 3), Å.
        :return: None if nothing changed; else when the last change began (fs), and the bonds made and broken, each with
            the time when that began.
        """
        changed = self._bonds.look(t_fs, distances)
        weak = None
        if self._weak is not None:
            weak = self._weak.look(t_fs, self.reactants.weak_distances(positions, distances))
        if changed is not None:
            return float(self._bonds.since[changed].max()), self._changes()
        if weak is not None and self._weak is not None:
            return float(self._weak.since[weak].max()), []
        return None

    def first_bond_fs(self) -> float:
        """When the oldest of the bonds to the slab began, NaN without one."""
        return float(self._bonds.since[:, : self.reactants.n_slab][self.surface].min(initial=np.inf))

    def describe(self, cause: str = "") -> Features:
        """The features now; ``cause``: why it exploded."""
        return describe(self.reactants, self._bonds.counted, cause, self._contacts)

    def waiting(self) -> str:
        """Why the mode is about to change: bonds that were seen to, but not yet for ``hold_fs``; else empty."""
        return doubt(self.reactants, self._bonds.counted, self._bonds.waiting(), self._contacts)

    def stretched(self, t_fs: float, longer_than_fs: float) -> str:
        """Why the mode hangs on bonds that have been stretched for so long; else empty."""
        bonds = self._bonds.doubtful(t_fs, longer_than_fs)
        return doubt(self.reactants, self._bonds.counted, bonds, self._contacts)

    def state(self) -> dict[str, NDArray[Any]]:
        """What :meth:`restore` needs, as named arrays."""
        weak = {} if self._weak is None else {f"weak_{name}": array for name, array in self._weak.state().items()}
        return {f"bonds_{name}": array for name, array in self._bonds.state().items()} | weak

    def restore(self, saved: dict[str, NDArray[Any]]) -> None:
        """Take over what :meth:`state` gave; other names are passed over."""
        for memory, prefix in ((self._bonds, "bonds_"), (self._weak, "weak_")):
            if memory is not None:
                own = {name: array for name, array in saved.items() if name.startswith(prefix)}
                memory.restore({name.removeprefix(prefix): array for name, array in own.items()})
        self._split()

    @property
    def _contacts(self) -> Bools | None:
        return None if self._weak is None else self._weak.counted

    def _split(self) -> None:
        self.surface = surface_table(self.reactants, self._bonds.counted)
        self.inner = self._bonds.counted[:, self.reactants.n_slab :]

    def _changes(self) -> list[tuple[float, str]]:
        """Bonds that are new or gone since the last change; a bond within the molecule is told once."""
        one, since, before = self.reactants, self._bonds.since, (self.surface, self.inner)
        self._split()
        bonded = np.concatenate([self.surface, self.inner], axis=1)
        changes = np.concatenate([self.surface != before[0], np.triu(self.inner != before[1])], axis=1)
        told = []
        for i, j in np.argwhere(changes):
            word = "made" if bonded[i, j] else "broken"
            told.append((float(since[i, j]), f"bond {word} {one.name(int(i) + one.n_slab)}-{one.name(int(j))}"))
        return told

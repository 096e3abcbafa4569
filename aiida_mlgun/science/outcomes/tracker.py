"""One shot from start to end: bonds with memory, first contact, time line, and when it is over."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from ...contract.shooting import Chemistry, Decision
from ..slabs import Slab
from .catalogue import UNDECIDED, Verdict, check_catalogue, classify
from .features import Features, describe, explosion, internal_temperature, surface_table
from .reactants import Reactants

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Ending = Literal["settled", "left", "exploded"]

#: Molecule and slab touch when two of their atoms are closer than this times the sum of covalent radii (C-Si: 3.7 Å).
CONTACT: Final = 2.0


class ShotTracker:
    """Follows one shot: call :meth:`update` at the start geometry and then every ``check_every`` steps.

    Attributes to read at any time:

    - ``verdict``: how the shot would be called now, and ``features``, the facts behind it;
    - ``contact_fs``, ``bond_fs``: time of the first contact and of the first bond to the slab, NaN if never;
    - ``left_fs``: time at which the molecule had left, NaN if never;
    - ``min_height``: Å, the lowest that a reactive group's centre has been above the surface plane;
    - ``temperature_max``: K, the highest internal kinetic temperature of the molecule;
    - ``events``: (time in fs, text), where text is ``contact``, ``bond made C0-Si12``, ``bond broken C0-C1``,
      ``mode precursor`` or ``left``; atoms count within molecule and slab, from 0.

    :param numbers: (n,), atomic numbers, slab first, then molecule.
    :param cell, pbc: (3, 3) Å and (3,); a and b in the xy plane.
    :param positions: (n, 3), Å, start geometry: the molecule's own bonds and its hydrogens' parents are read off it.
    :raises RefusedError: when the molecule is not one piece, a group names a wrong atom, or the catalogue is faulty.
    """

    def __init__(
        self,
        slab: Slab,
        numbers: Ints,
        n_slab: int,
        cell: Floats,
        pbc: Bools,
        chemistry: Chemistry,
        decision: Decision,
        positions: Floats,
    ) -> None:
        check_catalogue(chemistry.catalogue)
        self.reactants = Reactants.of(slab, numbers, n_slab, cell, pbc, chemistry, positions)
        self.decision = decision
        self.contact_fs = self.bond_fs = self.left_fs = float("nan")
        self.min_height = float("inf")
        self.temperature_max = 0.0
        self.events: list[tuple[float, str]] = []
        self._path: list[Floats] = []
        self._changed_fs = float("-inf")  # last change of the mode or of a bond to the slab
        self._falling = False
        self._table, _ = self.reactants.table(positions)
        self._table[:, :n_slab] = False  # a bond to the slab at the start is made at the first look
        self._surface = surface_table(self.reactants, self._table)
        self.features: Features = describe(self.reactants, self._table)
        self.verdict: Verdict = classify(self.features, chemistry)

    def update(self, t_fs: float, positions: Floats, velocities: Floats) -> Ending | None:
        """Look at the shot now.

        ``exploded`` is always told; ``settled`` and ``left`` only if the decision is ``early``.  Settled: bound in one
        final mode, with the same bonds to the slab, for ``settle_fs``.  Left: not bound, moving up, every atom (but
        hydrogens that stay on the slab) at least ``leave_height`` above the surface plane.

        :param positions: (n, 3), Å, not wrapped into the cell; velocities: (n, 3), Å/fs.
        """
        t_fs = float(t_fs)
        with np.errstate(over="ignore", invalid="ignore"):  # numbers without bounds are what is looked for
            self._note_explosion(t_fs, positions, velocities)
        if self.features.exploded:
            return "exploded"
        self._note_departure(t_fs, positions[self.reactants.n_slab :], velocities[self.reactants.n_slab :])
        if not self.decision.early:
            return None
        if not np.isnan(self.left_fs):
            return "left"
        bound_for = t_fs - self._changed_fs
        if self.features.bound and self.verdict.final and bound_for >= self.decision.settle_fs:
            return "settled"
        return None

    def final(self, t_fs: float) -> Verdict:
        """The verdict with which the shot ends now.

        ``undecided`` if it has neither left nor exploded and either never touched the slab while falling, or its mode
        or its bonds to the slab changed less than half of ``settle_fs`` ago.
        """
        gone = self.features.exploded or not np.isnan(self.left_fs)
        recent = t_fs - self._changed_fs < 0.5 * self.decision.settle_fs
        flying = np.isnan(self.contact_fs) and self._falling
        if gone or not (recent or flying):
            return self.verdict
        now = self.verdict
        why = f"{now.mode} since {self._changed_fs:.0f} fs" if recent else "has not reached the slab"
        return Verdict(UNDECIDED, now.group, now.site, f"{why}; {now.reason}", False, False)

    def path(self) -> Floats:
        """(k, 5), one row per look and group: t_fs, group's index, x, y, height above the surface plane (Å)."""
        return np.concatenate(self._path) if self._path else np.empty((0, 5))

    def _note_explosion(self, t_fs: float, positions: Floats, velocities: Floats) -> None:
        """Look at what is finite; once exploded, a shot stays so."""
        if self.features.exploded:
            return
        temperature = internal_temperature(self.reactants.masses, velocities[self.reactants.n_slab :])
        cause = explosion(positions, velocities, temperature, self.decision.explosion_temperature)
        if np.isfinite(temperature):
            self.temperature_max = max(self.temperature_max, temperature)
        if np.isfinite(positions).all():
            self._look(t_fs, positions)
        if cause and not self.features.exploded:
            self._call(t_fs, describe(self.reactants, self._table, cause))

    def _look(self, t_fs: float, positions: Floats) -> None:
        """Path, contact, and bonds from positions that are finite."""
        one = self.reactants
        centres = one.centres @ positions[one.n_slab :]
        centres[:, 2] -= one.slab.surface_z
        index = np.arange(len(centres), dtype=np.float64)
        self._path.append(np.column_stack([np.full(len(centres), t_fs), index, centres]))
        self.min_height = min(self.min_height, float(centres[:, 2].min()))
        table, distances = one.table(positions, self._table)
        if np.isnan(self.contact_fs):
            touching = distances[:, : one.n_slab] < CONTACT * one.radii[:, : one.n_slab]
            if touching.any():
                self.contact_fs = t_fs
                self.events.append((t_fs, "contact"))
        if not np.array_equal(table, self._table):
            surface = surface_table(one, table)
            self._note_bonds(t_fs, table, surface)
            self._table, self._surface = table, surface
            self._call(t_fs, describe(one, table))

    def _note_bonds(self, t_fs: float, table: Bools, surface: Bools) -> None:
        """Write the changes of bonds to the time line."""
        one = self.reactants
        inner, before = table[:, one.n_slab :], self._table[:, one.n_slab :]
        changes = np.concatenate([surface != self._surface, np.triu(inner != before)], axis=1)
        bonded = np.concatenate([surface, inner], axis=1)
        for i, j in np.argwhere(changes):
            word = "made" if bonded[i, j] else "broken"
            self.events.append((t_fs, f"bond {word} {one.name(int(i) + one.n_slab)}-{one.name(int(j))}"))
        if not np.array_equal(surface, self._surface):
            self._changed_fs = t_fs
        if np.isnan(self.bond_fs) and surface.any():
            self.bond_fs = t_fs

    def _call(self, t_fs: float, features: Features) -> None:
        """Classify anew and note a change of mode."""
        verdict = classify(features, self.reactants.chemistry)
        if verdict.mode != self.verdict.mode:
            self._changed_fs = t_fs
            self.events.append((t_fs, f"mode {verdict.mode}"))
        self.features, self.verdict = features, verdict

    def _note_departure(self, t_fs: float, positions: Floats, velocities: Floats) -> None:
        """Whether the part of the molecule that is not on the slab has left, and whether it is falling."""
        one = self.reactants
        away = ~self._surface.any(axis=1)
        rising = float(one.masses[away] @ velocities[away, 2])
        self._falling = rising < 0
        if not np.isnan(self.left_fs) or self.features.bound or rising <= 0:
            return
        if (positions[away, 2] >= one.slab.surface_z + self.decision.leave_height).all():
            self.left_fs = t_fs
            self.events.append((t_fs, "left"))

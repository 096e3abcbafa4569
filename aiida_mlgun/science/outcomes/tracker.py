"""One shot from start to end: bonds with memory, first contact, time line, and when it is over."""

from __future__ import annotations

from bisect import insort
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ...contract.shooting import Chemistry, Decision
from ..flight_height import is_free
from ..slabs import Slab
from ..units import KINETIC
from .bonds import fragments
from .catalogue import UNDECIDED, Verdict, ambiguous, check_catalogue, classify
from .features import Features, explosion, internal_temperature
from .reactants import Reactants
from .timeline import held_fs
from .watch import Watch

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
    - ``temperature_max``, ``temperature_contact``, ``temperature_end``: K, the internal kinetic temperature of the
      molecule: the highest, at the first contact (NaN without one), at the last look;
    - ``energy_contact``: eV, kinetic energy of the molecule's centre of mass at the first contact;
    - ``events``: (time in fs, text) in the order of time, where text is ``contact``, ``bond made C0-Si12``,
      ``bond broken C0-C1``, ``mode precursor`` or ``left``; atoms count within molecule and slab, from 0.  A bond's
      time is when it began to be made or broken, ``hold_fs`` before it counted.

    :param numbers: (n,), atomic numbers, slab first, then molecule.
    :param cell, pbc: (3, 3) Å and (3,); a and b in the xy plane.
    :param positions: (n, 3), Å, start geometry: the molecule's own bonds and its hydrogens' parents are read off it.
    :param r_max: Å, the model's cutoff; without it nothing counts as left unless ``decision.leave_height`` is a number.
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
        r_max: float = float("inf"),
    ) -> None:
        check_catalogue(chemistry.catalogue)
        self.reactants = Reactants.of(slab, numbers, n_slab, cell, pbc, chemistry, positions)
        self.decision, self.r_max = decision, r_max
        self.contact_fs = self.bond_fs = self.left_fs = float("nan")
        self.min_height = float("inf")
        self.temperature_max = 0.0
        self.temperature_contact = self.temperature_end = self.energy_contact = float("nan")
        self.events: list[tuple[float, str]] = []
        self._path: list[Floats] = []
        self._changed_fs = float("-inf")  # last change of the mode
        self._falling = False
        table, _ = self.reactants.table(positions)
        table[:, :n_slab] = False  # a bond to the slab at the start is made at the first look
        self.watch = Watch(self.reactants, table)
        self.features: Features = self.watch.describe()
        self.verdict: Verdict = classify(self.features, chemistry)
        self._first_mode = self.verdict.mode

    def update(self, t_fs: float, positions: Floats, velocities: Floats) -> Ending | None:
        """Look at the shot now.

        ``exploded`` is always told; ``settled`` and ``left`` only if the decision is ``early``.  Settled: bound in one
        final mode for ``settle_fs`` without a break, whichever bonds make that mode.  Left: not bound, moving up, every
        atom (but hydrogens that stay on the slab) at least ``leave_height`` above the surface plane, or without such a
        height every piece free for ever (:func:`~aiida_mlgun.science.flight_height.is_free`).

        :param positions: (n, 3), Å, not wrapped into the cell; velocities: (n, 3), Å/fs.
        """
        t_fs = float(t_fs)
        with np.errstate(over="ignore", invalid="ignore"):  # numbers without bounds are what is looked for
            self._note_explosion(t_fs, positions, velocities)
        if self.features.exploded:
            return "exploded"
        self._note_departure(t_fs, positions, velocities)
        if not self.decision.early:
            return None
        if not np.isnan(self.left_fs):
            return "left"
        bound_for = t_fs - self._changed_fs
        if self.features.bound and self.verdict.final and bound_for >= self.decision.settle_fs:
            return None if self.watch.waiting() or self.watch.stretched(t_fs, self._half) else "settled"
        return None

    def final(self, t_fs: float) -> Verdict:
        """The verdict with which the shot ends now.

        ``undecided`` if it has neither left nor exploded and either never touched the slab while falling, or its mode
        was held for less than half of the last ``settle_fs``, all stays together, or is about to change.  A hot product
        may hop from bond to bond: that is one outcome as long as the mode is one.  The catalogue's last row, with the
        reason, if its mode hangs on a bond that has been longer than the limit for making it for half of that time.
        """
        if self.features.exploded or not np.isnan(self.left_fs):
            return self.verdict
        now = self.verdict
        held = held_fs(self.events, self._first_mode, t_fs - self.decision.settle_fs, t_fs)
        if (why := self.watch.waiting()) or held < self._half:
            why = why or f"{now.mode} for {held:.0f} of the last {self.decision.settle_fs:.0f} fs"
        elif np.isnan(self.contact_fs) and self._falling:
            why = "has not reached the slab"
        if why:
            return Verdict(UNDECIDED, now.group, now.site, f"{why}; {now.reason}", False, False)
        stretched = self.watch.stretched(t_fs, self._half)
        return ambiguous(self.features, self.reactants.chemistry, stretched) if stretched else now

    def state(self) -> dict[str, NDArray[Any]]:
        """What :meth:`restore` needs, as named arrays."""
        heights = [self.min_height, self.temperature_max, self.temperature_contact, self.temperature_end]
        return {
            **self.watch.state(),
            "times": np.array([self.contact_fs, self.bond_fs, self.left_fs, self._changed_fs]),
            "heights": np.array([*heights, self.energy_contact], dtype=np.float64),
            "falling": np.array(self._falling),
            "cause": np.array(self.features.cause, dtype=np.str_),
            "path": self.path(),
            "event_times": np.array([time for time, _ in self.events], dtype=np.float64),
            "event_texts": np.array([text for _, text in self.events], dtype=np.str_),
        }

    def restore(self, saved: dict[str, NDArray[Any]]) -> None:
        """Make this tracker, new and of the same shot, the one whose :meth:`state` this is."""
        self.contact_fs, self.bond_fs, self.left_fs, self._changed_fs = (float(time) for time in saved["times"])
        self.min_height, self.temperature_max, self.temperature_contact, self.temperature_end, self.energy_contact = (
            float(value) for value in saved["heights"]
        )
        self._falling = bool(saved["falling"])
        self._path = [saved["path"]] if len(saved["path"]) else []
        texts = saved["event_texts"].tolist()
        self.events = list(zip(saved["event_times"].tolist(), texts, strict=True))
        self.watch.restore(saved)
        self.features = self.watch.describe(str(saved["cause"]))
        self.verdict = classify(self.features, self.reactants.chemistry)

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
            self.temperature_end, self.temperature_max = temperature, max(self.temperature_max, temperature)
        if np.isfinite(positions).all():
            self._look(t_fs, positions, velocities)
        if cause and not self.features.exploded:
            self._call(t_fs, self.watch.describe(cause))

    def _look(self, t_fs: float, positions: Floats, velocities: Floats) -> None:
        """Path, contact, and bonds from positions that are finite."""
        one = self.reactants
        centres = one.centres @ positions[one.n_slab :]
        centres[:, 2] -= one.slab.surface_z
        index = np.arange(len(centres), dtype=np.float64)
        self._path.append(np.column_stack([np.full(len(centres), t_fs), index, centres]))
        self.min_height = min(self.min_height, float(centres[:, 2].min()))
        distances = one.distances(positions)
        if np.isnan(self.contact_fs):
            touching = distances[:, : one.n_slab] < CONTACT * one.radii[:, : one.n_slab]
            if touching.any():
                self._note_contact(t_fs, velocities[one.n_slab :])
        news = self.watch.look(t_fs, distances, positions)
        if news is not None:
            began_fs, events = news
            for event in events:
                self._note(*event)
            if np.isnan(self.bond_fs) and self.watch.surface.any():
                self.bond_fs = self.watch.first_bond_fs()
            self._call(began_fs, self.watch.describe())

    @property
    def _half(self) -> float:
        """fs, for how long a mode must have stood to be an outcome."""
        return 0.5 * self.decision.settle_fs

    def _note(self, t_fs: float, text: str) -> None:
        insort(self.events, (t_fs, text), key=lambda event: event[0])

    def _note_contact(self, t_fs: float, velocities: Floats) -> None:
        masses = self.reactants.masses
        momentum = masses @ velocities
        self.contact_fs, self.temperature_contact = t_fs, self.temperature_end
        self.energy_contact = float(0.5 * KINETIC * (momentum @ momentum) / masses.sum())
        self._note(t_fs, "contact")

    def _call(self, t_fs: float, features: Features) -> None:
        """Classify anew and note a change of mode."""
        verdict = classify(features, self.reactants.chemistry)
        if verdict.mode != self.verdict.mode:
            self._changed_fs = max(self._changed_fs, t_fs)
            self._note(t_fs, f"mode {verdict.mode}")
        self.features, self.verdict = features, verdict

    def _note_departure(self, t_fs: float, positions: Floats, velocities: Floats) -> None:
        """Whether the part of the molecule that is not on the slab has left, and whether it is falling."""
        one = self.reactants
        gone = np.concatenate([np.zeros(one.n_slab, dtype=bool), ~self.watch.surface.any(axis=1)])
        rising = float(one.masses[gone[one.n_slab :]] @ velocities[gone, 2])
        self._falling = rising < 0
        if not np.isnan(self.left_fs) or self.features.bound or rising <= 0:
            return
        low = self.decision.leave_height
        if low is None:
            left = self._is_free(positions, velocities, gone)
        else:
            left = bool((positions[gone, 2] >= one.slab.surface_z + low).all())
        if left:
            self.left_fs = t_fs
            self._note(t_fs, "left")

    def _is_free(self, positions: Floats, velocities: Floats, gone: Bools) -> bool:
        """Whether every piece of what has ``gone`` (n,) is free for ever."""
        one, top = self.reactants, float(positions[~gone, 2].max())
        atoms = np.flatnonzero(gone)
        inner = atoms - one.n_slab
        piece = fragments(self.watch.inner[np.ix_(inner, inner)])
        pieces = [piece == i for i in range(int(piece.max()) + 1)]
        return all(
            is_free(positions[atoms[p]], velocities[atoms[p]], one.masses[inner[p]], top, self.r_max) for p in pieces
        )

"""Stored shots judged again by another chemistry, without new dynamics.  Units: Å, fs, Å/fs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...contract.shooting import BondRule, Chemistry, Decision
from ..slabs import Slab
from .ambiguity import doubt
from .catalogue import UNDECIDED, Verdict, ambiguous, check_catalogue, classify
from .features import describe, explosion, internal_temperature
from .reactants import Reactants
from .replay import Events, places_of
from .tracker import ShotTracker

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class System:
    """What all shots of an ensemble share.

    :param slab: of the start states, :func:`~aiida_mlgun.science.slabs.analyse_states`.
    :param numbers: (n_atoms,), atomic numbers, slab first.
    :param cell: (3, 3); pbc: (3,).
    :param molecule: (n_mol, 3), a start geometry of the molecule, in one piece: its own bonds are read off it.
    """

    slab: Slab
    numbers: Ints
    cell: Floats
    pbc: Bools
    molecule: Floats

    @property
    def n_slab(self) -> int:
        """Number of slab atoms."""
        return len(self.slab.layer)

    def reactants(self, chemistry: Chemistry) -> Reactants:
        """Slab and molecule, read by ``chemistry``.

        :raises RefusedError: when it does not fit them, or its catalogue is faulty.
        """
        check_catalogue(chemistry.catalogue)
        start = np.concatenate([np.zeros((self.n_slab, 3)), self.molecule])
        return Reactants.of(self.slab, self.numbers, self.n_slab, self.cell, self.pbc, chemistry, start)


def reclassify(
    system: System,
    chemistry: Chemistry,
    decision: Decision,
    positions: Floats,
    velocities: Floats,
    ended: Sequence[str],
    outcomes: Sequence[str] | None = None,
    events: Sequence[Events] | None = None,
    told_by: BondRule | None = None,
) -> list[Verdict]:
    """A verdict per shot from its last frame.

    A last frame has no past.  A pair that stands between made and broken is bonded if the shot's time line says so; if
    that says nothing, the molecule's own bonds are as at the start and those to the slab are not there.  If the outcome
    hangs on such a bond of which nothing is known, it is the catalogue's last row, with the reason.  A shot that was
    ``undecided`` is so still, since how long its bonds had stood is not known.  An explosion that was told stays one.

    :param positions, velocities: (n_shots, n_atoms, 3), at the end, in an exploded shot the last finite ones.
    :param ended: (n_shots,), how each ended: ``exploded``, ``left``, ``settled``, or that its steps were over.
    :param outcomes: (n_shots,), what the shots were called, to know who was ``undecided``.
    :param events: (n_shots,), the shots' time lines; told_by: the bond rule with which they were written.  If it is the
        chemistry's own, a time line that does not name a pair says that it never changed.
    :raises RefusedError: when the chemistry does not fit the system.
    """
    one = system.reactants(chemistry)
    same_rule = events is not None and told_by == chemistry.bonds
    verdicts = []
    for k in range(len(positions)):
        past = _remembered(one, events[k] if events is not None else (), same_rule)
        verdict = _judge(one, decision, positions[k], velocities[k], str(ended[k]), past)
        if outcomes is not None and outcomes[k] == UNDECIDED and str(ended[k]) != "exploded":
            reason = f"undecided in its time, and there is no path to tell more; {verdict.reason}"
            verdict = replace(verdict, mode=UNDECIDED, reason=reason, productive=False, final=False)
        verdicts.append(verdict)
    return verdicts


def retrack(
    system: System,
    chemistry: Chemistry,
    decision: Decision,
    times: Floats,
    positions: Floats,
    end_velocities: Floats | None = None,
) -> ShotTracker:
    """A tracker that has seen the whole of a stored path; :meth:`~.tracker.ShotTracker.final` tells the outcome.

    Velocities are taken from the differences of the positions: good enough to tell up from down, far too slow for the
    internal temperature when frames are many femtoseconds apart.

    :param times: (n_frames,), ascending; positions: (n_frames, n_atoms, 3), not wrapped into the cell.
    :param end_velocities: (n_atoms, 3), of the last frame, if they are known.
    :raises RefusedError: when the chemistry does not fit the system.
    """
    start = np.concatenate([positions[0][: system.n_slab], system.molecule])
    late = replace(decision, early=False)
    tracker = ShotTracker(system.slab, system.numbers, system.n_slab, system.cell, system.pbc, chemistry, late, start)
    velocities = np.gradient(positions, times, axis=0) if len(times) > 1 else np.zeros(positions.shape)
    if end_velocities is not None:
        velocities[-1] = end_velocities
    for t_fs, here, moving in zip(times, positions, velocities, strict=True):
        tracker.update(float(t_fs), here, moving)
    return tracker


def _judge(
    one: Reactants, decision: Decision, positions: Floats, velocities: Floats, ended: str, past: tuple[Bools, Bools]
) -> Verdict:
    """The verdict of one last frame; ``past`` from :func:`_remembered`."""
    before, known = past
    with np.errstate(over="ignore", invalid="ignore"):  # numbers without bounds are an explosion
        temperature = internal_temperature(one.masses, velocities[one.n_slab :])
        cause = explosion(positions, velocities, temperature, decision.explosion_temperature)
    if not np.isfinite(positions).all():
        return classify(describe(one, before, cause), one.chemistry)
    table, distances = one.table(positions, before)
    weak = None if one.weak is None else one.weak_distances(positions, distances) < one.weak.make
    features = describe(one, table, cause or ("told to have exploded" if ended == "exploded" else ""), weak)
    if features.exploded:
        return classify(features, one.chemistry)
    between = (distances >= one.limits.make) & (distances <= one.limits.break_)
    between[:, one.n_slab :] &= one.bonds  # what was no bond of the molecule is none in between
    why = doubt(one, table, between & ~known, weak)
    return ambiguous(features, one.chemistry, f"without a path, {why}") if why else classify(features, one.chemistry)


def _remembered(one: Reactants, events: Events, complete: bool) -> tuple[Bools, Bools]:
    """(n_mol, n) bonds as a time line leaves them, and (n_mol, n) pairs of which it tells; all, if it is ``complete``.

    The time line counts atoms within slab and molecule: a name that could be of either tells nothing.
    """
    n_slab, n_mol = one.n_slab, len(one.bonds)
    table = np.concatenate([np.zeros((n_mol, n_slab), dtype=bool), one.bonds], axis=1)
    known = np.full(table.shape, complete)
    for _, text in events:
        if not text.startswith("bond "):
            continue
        _, word, name = text.split(" ")
        places = places_of(one, name)
        if places is None:
            continue
        in_slab, in_molecule = places
        if in_slab and in_molecule:
            known[tuple(np.transpose(in_slab + in_molecule))] = False
            continue
        for i, j in in_slab + in_molecule:
            table[i, j], known[i, j] = word == "made", True
    return table, known

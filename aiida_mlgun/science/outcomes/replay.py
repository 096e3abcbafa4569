"""A shot's time line read again: its bonds one after the other, called by another catalogue.  Units: fs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...contract.shooting import Decision
from .ambiguity import doubt
from .catalogue import UNDECIDED, Verdict, ambiguous, classify
from .features import describe
from .reactants import Reactants
from .timeline import held_fs

Bools = NDArray[np.bool_]
Events = Sequence[tuple[float, str]]
Places = list[tuple[int, int]]

_NAME: Final = re.compile(r"[A-Z][a-z]?(?P<first>\d+)-(?P<name>[A-Z][a-z]?(?P<second>\d+))")
#: How :func:`~.ambiguity.doubt` names the bonds that an outcome hangs on.
_DOUBT: Final = re.compile(r"ambiguous: (?:without a path, )?(?P<bonds>\S+(?: \S+)*) may or may not be bonded")


def replay(
    one: Reactants, decision: Decision, events: Events, end_fs: float, ended: str, outcome: str, reason: str
) -> tuple[Verdict, list[tuple[float, str]]] | None:
    """The verdict and the time line with other modes, from the bonds made and broken; None if they don't tell.

    A time line that was written with the same bond rule holds every bond that ever counted, so the verdict is that of
    a tracker which was there, with two exceptions: a shot that was ``undecided`` stays so, and of bonds that had been
    stretched for long only those are known on which the first outcome hung.  It does not tell when it holds a name
    that could be of slab and molecule (C0-C1 on a surface of carbon).

    :param one: read by the new chemistry, without contacts and vacancies.
    :param ended, outcome, reason: what the shot's row says.
    """
    n_slab = one.n_slab
    table = np.concatenate([np.zeros((len(one.bonds), n_slab), dtype=bool), one.bonds], axis=1)
    verdict = classify(describe(one, table), one.chemistry)
    first = verdict.mode
    told = [(t, text) for t, text in events if not text.startswith("mode ")]
    line: list[tuple[float, str]] = []
    for k, (t_fs, text) in enumerate(told):
        line.append((t_fs, text))
        if not text.startswith("bond "):
            continue
        _, word, name = text.split(" ")
        places = _only_place(one, name)
        if places is None:
            return None
        for i, j in places:
            table[i, j] = word == "made"
        if k + 1 < len(told) and told[k + 1][0] == t_fs and told[k + 1][1].startswith("bond "):
            continue  # bonds that changed together are called together
        now = classify(describe(one, table), one.chemistry)
        if now.mode != verdict.mode:
            line.append((t_fs, f"mode {now.mode}"))
        verdict = now
    if ended == "exploded":
        now = classify(describe(one, table, reason), one.chemistry)
        return now, [*line, *([(end_fs, f"mode {now.mode}")] if now.mode != verdict.mode else [])]
    if outcome == UNDECIDED:
        return Verdict(UNDECIDED, verdict.group, verdict.site, reason, False, False), line
    held = held_fs(line, first, end_fs - decision.settle_fs, end_fs)
    if ended != "left" and held < 0.5 * decision.settle_fs:
        why = f"{verdict.mode} for {held:.0f} of the last {decision.settle_fs:.0f} fs; {verdict.reason}"
        return Verdict(UNDECIDED, verdict.group, verdict.site, why, False, False), line
    hung = _hung_on(one, reason)
    why = doubt(one, table, hung) if hung is not None else ""
    return (ambiguous(describe(one, table), one.chemistry, why) if why else verdict), line


def places_of(one: Reactants, name: str) -> tuple[Places, Places] | None:
    """Where a bond such as ``C0-Si12`` could stand in a table: with the slab, within the molecule; None if it is none.

    Atoms count within slab and molecule, so a name may be of either.
    """
    match = _NAME.fullmatch(name)
    if match is None or int(match["first"]) >= len(one.bonds):
        return None
    i, j, n_slab = int(match["first"]), int(match["second"]), one.n_slab
    in_slab = [(i, j)] if j < n_slab and one.name(j) == match["name"] else []
    inner = j < len(one.bonds) and one.name(j + n_slab) == match["name"]
    return in_slab, [(i, j + n_slab), (j, i + n_slab)] if inner else []


def _only_place(one: Reactants, name: str) -> Places | None:
    """The places of a bond that can be of one kind only."""
    found = places_of(one, name)
    return None if found is None or bool(found[0]) == bool(found[1]) else found[0] or found[1]


def _hung_on(one: Reactants, reason: str) -> Bools | None:
    """(n_mol, n), the bonds on which an ambiguous outcome hung; None if it was not ambiguous."""
    match = _DOUBT.match(reason)
    if match is None:
        return None
    doubtful = np.zeros((len(one.bonds), len(one.numbers)), dtype=bool)
    for name in match["bonds"].split(" "):
        for i, j in _only_place(one, name) or ():
            doubtful[i, j] = True
    return doubtful

"""A stored table of shots judged by another chemistry, without new dynamics.  Units: Å, fs.

Each shot is judged by the best that was kept of it:

1. its time line, if the bond rule is the one that it was written with: exact, and no frame is needed;
2. its kept path of all atoms, looked at frame by frame;
3. its last frame (:func:`~.reclassify.reclassify`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...contract.errors import RefusedError
from ...contract.shooting import Chemistry, Decision
from ..shot_arrays import Path, encode_path, final_frame, trajectory
from .catalogue import Verdict, classify
from .reactants import Reactants
from .reclassify import System, reclassify, retrack
from .replay import Events, replay

Arrays = Mapping[str, NDArray[Any]]
Floats = NDArray[np.float64]

#: Numbers of shots that a message names.
_NAMED: Final = 10


@dataclass(frozen=True)
class Judgement:
    """What another chemistry changes in a shot's row.

    :param events: the time line; of a last frame alone without the bonds, if the bond rule is another one, and always
        without the modes, whose times are then unknown.
    :param bond_fs: fs, time of the first bond; NaN if there is none, or it is not known.
    :param how: ``time line``, ``path`` or ``last frame``.
    """

    verdict: Verdict
    events: Events
    bond_fs: float
    how: str


def judge_again(
    arrays: Arrays,
    kept: Arrays,
    systems: Mapping[int, System],
    flown: Chemistry,
    chemistry: Chemistry,
    decision: Decision,
) -> dict[str, NDArray[Any]]:
    """The table with ``outcome``, ``group``, ``site``, ``reason``, ``bond_fs`` and the time lines of ``chemistry``.

    ``judged_from`` is a new column: ``time line``, ``path`` or ``last frame``, by what each shot was judged.  If the
    reactive groups have other atoms, their paths and ``min_height`` are drawn anew from the kept paths of all atoms,
    and are empty and NaN for shots without one.  All other columns stay as they were.

    :param arrays: of ``shots.npz``; kept: of ``trajectories.npz``, empty if nothing was kept.
    :param systems: molecule's start state → what the shots from it share.
    :param flown: the chemistry with which they were flown; decision: theirs as well.
    :raises RefusedError: naming the shots of which nothing was kept by which they could be judged; or when the
        chemistry does not fit the system.
    """
    outcomes, rows = arrays["outcome"].astype(str), range(len(arrays["shot"]))
    states = arrays["molecule_state"].tolist()
    reactants = {state: systems[state].reactants(chemistry) for state in sorted(set(states))}
    judged, lost = [], []
    for row in rows:
        one = _judge_row(row, arrays, kept, systems[states[row]], reactants[states[row]], flown, decision)
        judged.append(one)
        if one is None:
            lost.append(row)
    if lost:
        raise RefusedError(_nothing_kept([int(arrays["shot"][row]) for row in lost], set(outcomes[lost].tolist())))
    done = [one for one in judged if one is not None]
    new: dict[str, NDArray[Any]] = dict(arrays)
    for name, field in (("outcome", "mode"), ("group", "group"), ("site", "site"), ("reason", "reason")):
        new[name] = _strings([getattr(one.verdict, field) for one in done])
    new["judged_from"] = _strings([one.how for one in done])
    new["bond_fs"] = np.array([one.bond_fs for one in done], dtype=np.float64)
    new["event_offsets"] = np.cumsum([0, *(len(one.events) for one in done)]).astype(np.int64)
    new["event_time"] = np.array([t for one in done for t, _ in one.events], dtype=np.float64)
    new["event_text"] = _strings([text for one in done for _, text in one.events])
    if [g.atoms for g in flown.groups] != [g.atoms for g in chemistry.groups]:
        new |= _paths_anew(arrays, kept, [reactants[state] for state in states])
    return new


def _judge_row(
    row: int,
    arrays: Arrays,
    kept: Arrays,
    system: System,
    one: Reactants,
    flown: Chemistry,
    decision: Decision,
) -> Judgement | None:
    """The best judgement that can be made of one shot, None if none can."""
    ended, outcome, end_fs = (arrays[name][row].item() for name in ("ended", "outcome", "end_fs"))
    told, events = str(arrays["reason"][row]), events_of(arrays, row)
    same_rule = _same_bonds(flown, one)
    if same_rule and one.weak is None:
        found = replay(one, decision, events, float(end_fs), ended, outcome, told)
        if found is not None:
            return Judgement(*found, float(arrays["bond_fs"][row]), "time line")
    path, last = trajectory(kept, int(arrays["shot"][row])), final_frame(arrays, row)
    others = [event for event in events if event[1] in ("contact", "left")]
    if path is not None and len(path[0]):
        times, positions = _lasting(*path, one.chemistry.bonds.hold_fs)
        tracker = retrack(system, one.chemistry, decision, times, positions, None if last is None else last[1])
        tracker.contact_fs = float(arrays["contact_fs"][row])  # no matter of chemistry, and the dynamics looked oftener
        if ended == "exploded":
            verdict = classify(tracker.watch.describe(told), one.chemistry)
        else:
            if ended == "left" and not tracker.features.bound:
                tracker.left_fs = float(end_fs)
            verdict = tracker.final(float(end_fs))
        mine = [event for event in tracker.events if event[1] not in ("contact", "left")]
        return Judgement(verdict, sorted([*others, *mine], key=lambda e: e[0]), tracker.bond_fs, "path")
    if last is None:
        return None
    frame = last[0][None], last[1][None]
    verdict = reclassify(system, one.chemistry, decision, *frame, [ended], [outcome], [events], flown.bonds)[0]
    if not same_rule:
        return Judgement(verdict, others, float("nan"), "last frame")
    bonds = [event for event in events if not event[1].startswith("mode ")]
    return Judgement(verdict, bonds, float(arrays["bond_fs"][row]), "last frame")


def _lasting(times: Floats, positions: Floats, hold_fs: float) -> tuple[Floats, Floats]:
    """A path without a last frame that stands ``hold_fs`` or more after the one before: what it shows may not last.

    Looks so far apart count one by one, and a bond at its limit that is caught by the end of the shot would be news.
    """
    alone = len(times) > 1 and times[-1] - times[-2] >= hold_fs
    return (times[:-1], positions[:-1]) if alone else (times, positions)


def events_of(arrays: Arrays, row: int) -> list[tuple[float, str]]:
    """The time line of the shot in ``row``: (fs, text)."""
    first, stop = arrays["event_offsets"][row : row + 2].tolist()
    return list(zip(arrays["event_time"][first:stop].tolist(), arrays["event_text"][first:stop].tolist(), strict=True))


def _same_bonds(flown: Chemistry, one: Reactants) -> bool:
    """Whether ``flown`` told the bonds that ``one`` tells: one rule, and the same hydrogens named by groups."""
    named = np.zeros(len(one.parent), dtype=bool)
    named[[atom for group in flown.groups for atom in group.atoms]] = True
    return flown.bonds == one.chemistry.bonds and np.array_equal((one.parent < 0) | named, one.counted)


def _paths_anew(arrays: Arrays, kept: Arrays, reactants: list[Reactants]) -> dict[str, NDArray[Any]]:
    """``path``, ``path_offsets`` and ``min_height`` of other groups."""
    codes, lowest = [], []
    for shot, one in zip(arrays["shot"].tolist(), reactants, strict=True):
        found = trajectory(kept, shot)
        times, positions = found if found is not None else (np.empty(0), np.empty((0, len(one.numbers), 3)))
        points: Floats = np.einsum("gm,kmx->kgx", one.centres, positions[:, one.n_slab :])
        points[..., 2] -= one.slab.surface_z
        codes.append(encode_path(Path(times, points)))
        lowest.append(float(points[..., 2].min()) if points.size else float("nan"))
    offsets = np.cumsum([0, *map(len, codes)]).astype(np.int64)
    whole = np.concatenate([np.empty(0, dtype=np.uint8), *codes])
    return {"path": whole, "path_offsets": offsets, "min_height": np.array(lowest, dtype=np.float64)}


def _nothing_kept(shots: list[int], outcomes: set[str]) -> str:
    more = f" and {len(shots) - _NAMED} more" if len(shots) > _NAMED else ""
    which = f"{', '.join(map(str, shots[:_NAMED]))}{more} ({', '.join(sorted(outcomes))})"
    return (
        f"of shots {which} neither a last frame nor a path was kept, and their time lines hold another rule's bonds. "
        "Change the catalogue alone, or shoot them again: same seed and start states, first_shot their number, "
        "output.final_frames: ['*']."
    )


def _strings(values: list[str]) -> NDArray[np.str_]:
    return np.array(values, dtype=np.str_) if values else np.empty(0, dtype="<U1")

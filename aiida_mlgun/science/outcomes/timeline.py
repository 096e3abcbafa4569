"""A shot's time line as a table: what happened when, and how long it lasted.  Times in fs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["contact", "bond_made", "bond_broken", "mode", "left"]
_BONDS: dict[str, Kind] = {"made": "bond_made", "broken": "bond_broken"}


@dataclass(frozen=True)
class Entry:
    """One row.

    :param time_fs: when it began.
    :param what: the bond (``C0-Si12``) or the mode's name; empty for ``contact`` and ``left``.
    :param lasted_fs: of a bond made: until it was broken; of a mode: until the next one; both at most until the end.
        NaN for all else.
    """

    time_fs: float
    kind: Kind
    what: str
    lasted_fs: float


def time_line(events: Sequence[tuple[float, str]], end_fs: float) -> list[Entry]:
    """Rows in the order of time.

    :param events: as a :class:`~.tracker.ShotTracker` has them.
    :param end_fs: when the shot ended.
    """
    parsed = [(time, *_parsed(text)) for time, text in events]
    rows = []
    for k, (time, kind, what) in enumerate(parsed):
        ends = float("nan")
        if kind == "mode":
            ends = next((t for t, other, _ in parsed[k + 1 :] if other == "mode"), end_fs)
        elif kind == "bond_made":
            ends = next((t for t, other, bond in parsed[k + 1 :] if (other, bond) == ("bond_broken", what)), end_fs)
        rows.append(Entry(float(time), kind, what, ends - time))
    return rows


def time_in(rows: Sequence[Entry], mode: str) -> float:
    """How long a shot was in a mode, all its stays together: of ``precursor``, the precursor's life time.

    :param mode: a name in full or without its group: ``on_top`` means all groups'.
    """
    return sum(row.lasted_fs for row in rows if row.kind == "mode" and mode in (row.what, row.what.partition(" ")[0]))


def held_fs(events: Sequence[tuple[float, str]], first: str, since_fs: float, until_fs: float) -> float:
    """How much of the time from ``since_fs`` to ``until_fs`` the mode of its end was held, all stays together.

    :param events: as a :class:`~.tracker.ShotTracker` has them; first: the mode before the first of them.
    """
    stays = [(float("-inf"), first)]
    stays += [(float(time), text.removeprefix("mode ")) for time, text in events if text.startswith("mode ")]
    ends = [time for time, _ in stays[1:]] + [until_fs]
    last = stays[-1][1]
    return sum(
        max(0.0, end - max(time, since_fs)) for (time, mode), end in zip(stays, ends, strict=True) if mode == last
    )


def _parsed(text: str) -> tuple[Kind, str]:
    words = text.split(" ", 2)
    if words[0] == "bond":
        return _BONDS[words[1]], words[2]
    if words[0] == "mode":
        return "mode", text.removeprefix("mode ")
    return ("contact", "") if words[0] == "contact" else ("left", "")

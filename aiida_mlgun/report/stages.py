"""What each shot was in when: flight, contact, precursor, bound; and how long precursors lived (row O4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from .inputs import Ensemble

Kind = Literal["flight", "contact", "precursor", "bound"]
Fate = Literal["bound", "left", "waiting"]

#: Column → heading, for the terminal.
LIFE_COLUMNS: Final = {"fate": "precursor", "n": "number", "median_fs": "median life / fs"}
_MODE: Final = "mode "


@dataclass(frozen=True)
class Spell:
    """A stretch of one shot's time, fs."""

    kind: Kind
    start: float
    stop: float


@dataclass(frozen=True)
class Life:
    """One precursor's life.

    :param row: of its shot; start, length: fs.
    :param fate: ``bound`` (a further bond was made), ``left`` (it let go or broke), ``waiting`` (the shot ended first).
    """

    row: int
    start: float
    length: float
    fate: Fate


def modes_of(ensemble: Ensemble, row: int) -> list[tuple[float, str]]:
    """(fs, mode) of each change of mode of the shot in ``row``, in time."""
    if not ensemble.has("event_offsets", "event_time", "event_text"):
        return []
    first, stop = (int(i) for i in ensemble.arrays["event_offsets"][row : row + 2])
    times = ensemble.arrays["event_time"][first:stop]
    texts = (str(text) for text in ensemble.arrays["event_text"][first:stop])
    return [
        (float(t), text.removeprefix(_MODE)) for t, text in zip(times, texts, strict=True) if text.startswith(_MODE)
    ]


def spells(ensemble: Ensemble, row: int) -> list[Spell]:
    """The shot in ``row`` from 0 to its end, without gaps: nothing if its end is not known.

    Between contact and a bond the kind is ``contact``; bound in a mode of ``ensemble.precursors``, ``precursor``; bound
    in another one, ``bound``.  Without modes in the events, ``bound`` begins at ``bond_fs``.
    """
    end = float(ensemble.column("end_fs")[row])
    if not np.isfinite(end):
        return []
    changes: list[tuple[float, Kind]] = [(0.0, "flight")]
    contact = float(ensemble.column("contact_fs")[row])
    if np.isfinite(contact):
        changes.append((contact, "contact"))
    modes = modes_of(ensemble, row)
    changes += [(time, _kind(ensemble, mode)) for time, mode in modes]
    bond = float(ensemble.column("bond_fs")[row])
    if not modes and np.isfinite(bond):
        changes.append((bond, "bound"))
    changes.sort(key=lambda change: change[0])
    found: list[Spell] = []
    stops = [time for time, _ in changes[1:]] + [end]
    for (start, kind), stop in zip(changes, stops, strict=True):
        if found and found[-1].kind == kind:
            found[-1] = Spell(kind, found[-1].start, min(stop, end))
        elif min(stop, end) > start or start == end == 0.0:
            found.append(Spell(kind, start, min(stop, end)))
    return found


def lives(ensemble: Ensemble) -> Iterator[Life]:
    """All precursors of all shots: each stretch of time in a precursor mode."""
    for row in range(len(ensemble)):
        line = spells(ensemble, row)
        for i, one in enumerate(line):
            if one.kind != "precursor":
                continue
            later = line[i + 1].kind if i + 1 < len(line) else None
            fate: Fate = "waiting" if later is None else "bound" if later == "bound" else "left"
            yield Life(row, one.start, one.stop - one.start, fate)


def life_rows(found: list[Life]) -> list[dict[str, Any]]:
    """How precursors ended: dicts ``fate``, ``n``, ``median_fs`` (None without any)."""
    names = {"bound": "made a further bond", "left": "let go", "waiting": "still there at the shot's end"}
    rows = []
    for fate, words in names.items():
        lengths = [one.length for one in found if one.fate == fate]
        rows.append({"fate": words, "n": len(lengths), "median_fs": float(np.median(lengths)) if lengths else None})
    return rows


def _kind(ensemble: Ensemble, mode: str) -> Kind:
    if mode in ensemble.precursors or mode.split(" ")[0] in ensemble.precursors:
        return "precursor"
    return "bound" if ensemble.is_productive(mode) else "contact"

"""Bonds with a memory: what was seen, since when, and what counts after it has been so for long enough."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bonds import Limits, update_bonds

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_SLACK = 1e-6  # fs; sums of time steps end in odd digits


class BondMemory:
    """A table of bonds that is shown one look after the other.

    ``seen`` follows the distances (made below, broken above, in between as before); ``counted`` follows ``seen`` once
    that has been the same for ``hold_fs``.  If two looks are ``hold_fs`` or more apart, each counts by itself.

    Attributes, all of the limits' shape: ``counted``; ``seen``; ``since``: fs, when ``seen`` last changed;
    ``stretched_since``: fs, since when a seen bond is longer than the limit for making it, NaN if it is not.
    :param doubts: whether ``stretched_since`` is kept, for :meth:`doubtful`.
    """

    def __init__(self, limits: Limits, hold_fs: float, start: Bools, doubts: bool = True) -> None:
        self.limits = limits
        self.doubts = doubts
        self.hold_fs = hold_fs
        self.counted = start.copy()
        self.seen = start.copy()
        self.since = np.full(start.shape, -np.inf)
        self.stretched_since = np.full(start.shape, np.nan)
        self.looked_fs = -np.inf
        self._waiting = False

    def look(self, t_fs: float, distances: Floats) -> Bools | None:
        """Show the distances (Å) at a later time.

        :return: where ``counted`` changed, the times in ``since``; None where it did not change at all.
        """
        seen = update_bonds(self.seen, distances, self.limits)
        flipped = np.flatnonzero(seen != self.seen)
        news = bool(len(flipped))
        if news:
            self.since.ravel()[flipped] = t_fs
            self.seen = seen
        if self.doubts:
            self._stretch(t_fs, distances)
        apart = t_fs - self.looked_fs >= self.hold_fs - _SLACK
        self.looked_fs = t_fs
        if not (news or self._waiting):
            return None
        due = seen != self.counted
        waiting = int(due.sum())
        if not apart:
            due &= t_fs - self.since >= self.hold_fs - _SLACK
        counts = int(due.sum())
        self._waiting = counts < waiting
        if not counts:
            return None
        self.counted = self.counted ^ due
        return np.asarray(due)

    def doubtful(self, t_fs: float, longer_than_fs: float) -> Bools:
        """Bonds that count, but have been longer than their limit for making all of ``longer_than_fs`` up to now."""
        with np.errstate(invalid="ignore"):
            long_ago: Bools = t_fs - self.stretched_since >= longer_than_fs - _SLACK
        return long_ago & self.counted

    def waiting(self) -> Bools:
        """Bonds whose change was seen, but not yet for ``hold_fs``."""
        return np.asarray(self.seen != self.counted)

    def state(self) -> dict[str, NDArray[Any]]:
        """What :meth:`restore` needs, as named arrays."""
        return {
            "counted": self.counted,
            "seen": self.seen,
            "since": self.since,
            "stretched_since": self.stretched_since,
            "looked_fs": np.array(self.looked_fs),
        }

    def restore(self, saved: dict[str, NDArray[Any]]) -> None:
        """Take over what :meth:`state` gave."""
        self.counted, self.seen = np.array(saved["counted"], dtype=bool), np.array(saved["seen"], dtype=bool)
        self.since = np.array(saved["since"], dtype=np.float64)
        self.stretched_since = np.array(saved["stretched_since"], dtype=np.float64)
        self.looked_fs = float(saved["looked_fs"])
        self._waiting = bool(self.waiting().any())

    def _stretch(self, t_fs: float, distances: Floats) -> None:
        """Note since when each seen bond has been longer than its limit for making it; bonds are few."""
        where = np.flatnonzero(self.seen)
        long = distances.ravel()[where] >= self.limits.make.ravel()[where]
        marks = self.stretched_since.ravel()
        kept = marks[where]
        marks[:] = np.nan
        marks[where[long]] = np.where(np.isnan(kept[long]), t_fs, kept[long])

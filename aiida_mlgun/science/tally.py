"""What is known of many shots together, in a size that does not grow with them: batches are added and then forgotten.

A tally keeps which shots were counted, how many of each pair of start states ended in each outcome (from which counts
over start states and their design effects follow exactly), and a histogram of the energy drift.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import RefusedError
from .shot_ranges import Ranges, joined, ranges_of, size, spelled

#: Bins of |drift| per decade: a median is known to 2 % or better.
_PER_DECADE: Final = 100
_SMALLEST: Final = -12  # log10 of the drift below which all is one bin; meV/atom/ps

Cell = tuple[int, int, str]  #: start state of the slab, of the molecule, outcome


@dataclass(frozen=True)
class Tally:
    """Shots that were counted.

    :param shots: their numbers.
    :param cells: (slab state, molecule state, outcome) → shots.
    :param drift: bin → (shots, sum of |drift|), meV/atom/ps; shots without a drift are in none.
    :param max_abs_drift: None if no shot has a drift.
    """

    shots: Ranges = field(default_factory=list)
    cells: Mapping[Cell, int] = field(default_factory=dict)
    drift: Mapping[int, tuple[int, float]] = field(default_factory=dict)
    max_abs_drift: float | None = None

    def __len__(self) -> int:
        return size(self.shots)

    def plus(self, arrays: Mapping[str, Any]) -> Tally:
        """With the shots of one more table.

        :param arrays: ``shot``, ``slab_state``, ``molecule_state``, ``outcome``, ``drift``, each (n_shots,).
        :raises RefusedError: when a shot is there twice.
        """
        own = ranges_of(arrays["shot"])
        both = joined(self.shots, own)
        if size(own) != len(arrays["shot"]) or size(both) != size(self.shots) + size(own):
            raise RefusedError(
                f"two batches hold the same shot: each shot may count once (shots {spelled(own)} were to be added)."
            )
        columns = (arrays[name] for name in ("slab_state", "molecule_state", "outcome"))
        cells = Counter(dict(self.cells))
        cells.update((int(slab), int(gas), str(outcome)) for slab, gas, outcome in zip(*columns, strict=True))
        drift = np.abs(np.asarray(arrays["drift"], dtype=float))
        drift = drift[np.isfinite(drift)]  # a shot that was over at the first look has none
        bins = dict(self.drift)
        for value in drift.tolist():
            n, total = bins.get(key := _bin(value), (0, 0.0))
            bins[key] = (n + 1, total + value)
        largest = [*drift.tolist(), *([] if self.max_abs_drift is None else [self.max_abs_drift])]
        return Tally(both, dict(cells), bins, max(largest, default=None))

    def counts(self) -> dict[str, int]:
        """Outcome → shots."""
        found: Counter[str] = Counter()
        for (_, _, outcome), n in self.cells.items():
            found[outcome] += n
        return dict(sorted(found.items()))

    def columns(self) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
        """Per shot: outcome, start state of the slab, of the molecule; sorted by these, not by the shots' numbers."""
        cells = sorted(self.cells.items())
        outcomes = [outcome for (_, _, outcome), n in cells for _ in range(n)]
        slab, gas = (
            np.repeat([cell[kind] for cell, _ in cells], [n for _, n in cells]).astype(np.int64) for kind in (0, 1)
        )
        return outcomes, slab, gas

    def median_abs_drift(self) -> float | None:
        """meV/atom/ps, to 2 %: the mean of the bin that holds the middle shot; None if no shot has a drift."""
        total = sum(n for n, _ in self.drift.values())
        if not total:
            return None
        found, passed = [], 0
        for key in sorted(self.drift):
            n, summed = self.drift[key]
            found += [summed / n for middle in ((total - 1) // 2, total // 2) if passed <= middle < passed + n]
            passed += n
        return float(np.mean(found))

    def to_json(self) -> dict[str, Any]:
        """Plain data; the cells are one text, so that a database need not walk through them."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([*cell, n] for cell, n in sorted(self.cells.items()))
        return {
            "n_shots": len(self),
            "shots": self.shots,
            "counts": self.counts(),
            "cells": text.getvalue(),
            "drift": [[key, n, total] for key, (n, total) in sorted(self.drift.items())],
            "max_abs_drift": self.max_abs_drift,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Tally:
        """What :meth:`to_json` gave."""
        cells = {(int(slab), int(gas), name): int(n) for slab, gas, name, n in csv.reader(io.StringIO(data["cells"]))}
        drift = {int(key): (int(n), float(total)) for key, n, total in data["drift"]}
        return cls([list(pair) for pair in data["shots"]], cells, drift, data["max_abs_drift"])


def _bin(value: float) -> int:
    return math.floor(_PER_DECADE * max(math.log10(value), _SMALLEST)) if value > 0 else _PER_DECADE * _SMALLEST

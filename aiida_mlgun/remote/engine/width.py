"""How many shots fly side by side: what the memory of a GPU holds, or what costs a CPU least per shot."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import torch

from .evaluator import Evaluator, Listing
from .segment import waits

#: Rows that a CPU is tried with; beyond, a model of any size has long filled the caches.
CPU_WIDTHS: Final = (1, 2, 4, 8, 16, 32)
#: Of the device's free memory; the rest is for neighbour lists that grow, and for fragments.
SHARE_OF_MEMORY: Final = 0.85
#: A width within this of the least time per row is as good; the smallest such lets finished shots be replaced soonest.
NEAR: Final = 1.05
#: Above this times the least time per row, wider is not tried any more.
WORSE: Final = 1.15
#: s, for all measurements together; a width that would take longer is not tried.
BUDGET: Final = 30.0


class Memory(Protocol):
    """A device's memory, in bytes."""

    def peak(self, work: Callable[[], object]) -> float:
        """What ``work`` needs at most beyond what was in use before it."""

    def free(self) -> float:
        """What can still be taken."""


class DeviceMemory:
    """That of a CUDA device, as torch's allocator sees it."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def peak(self, work: Callable[[], object]) -> float:
        """See :class:`Memory`."""
        before = torch.cuda.memory_allocated(self.device)
        torch.cuda.reset_peak_memory_stats(self.device)
        work()
        torch.cuda.synchronize(self.device)
        return float(torch.cuda.max_memory_allocated(self.device) - before)

    def free(self) -> float:
        """See :class:`Memory`: what the driver has, and what torch holds back unused."""
        there, _ = torch.cuda.mem_get_info(self.device)
        idle = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
        return float(there + idle)


@dataclass(frozen=True)
class Width:
    """The number of rows, and what it follows from: one line per number tried, ``rows`` and s or bytes."""

    rows: int
    table: tuple[dict[str, Any], ...]


def find_width(
    evaluate: Evaluator,
    positions: torch.Tensor,
    most: int,
    memory: Memory | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Width:
    """The number of rows for ``most`` shots.

    :param positions: (k, n, 3), Å, the first start geometries; no width above k is tried on a CPU.
    :param memory: of the device; None for a CPU, whose time counts.
    :param clock: s.
    """
    trial = _Trial(evaluate, positions, clock)
    try:
        if memory is None:
            return _by_time(trial, min(most, len(positions)))
        return _by_memory(trial, most, memory)
    finally:
        trial.forget()


class _Trial:
    """Calls with the first rows, under keys that no shot has."""

    def __init__(self, evaluate: Evaluator, positions: torch.Tensor, clock: Callable[[], float]) -> None:
        self.evaluate, self.positions, self.clock = evaluate, positions, clock

    def __call__(self, rows: int) -> None:
        positions, keys = self.positions[:rows], self._keys(rows)
        if (late := waits(self.evaluate)) is not None:
            late.refresh(positions, keys)
        self.evaluate(positions, keys)

    def seconds(self, rows: int) -> float:
        """Of one call, lists and programs already made; the best of three if they are short."""
        self(rows)
        best = float("inf")
        for _ in range(3):
            start = self.clock()
            self(rows)
            best = min(best, self.clock() - start)
            if best > BUDGET / 60:
                break
        return best

    def forget(self) -> None:
        if isinstance(self.evaluate, Listing):
            self.evaluate.forget(self._keys(len(self.positions)))

    @staticmethod
    def _keys(rows: int) -> tuple[int, ...]:
        return tuple(range(-rows, 0))[::-1]


def _by_time(trial: _Trial, most: int) -> Width:
    start = trial.clock()
    table: list[dict[str, Any]] = []
    least = float("inf")
    for rows in CPU_WIDTHS:
        took = table[-1]["seconds"] if table else 0.0
        left = BUDGET - (trial.clock() - start)
        if rows > most or 4 * took > left:  # twice the rows, twice a call
            break
        seconds = trial.seconds(rows)
        table.append({"rows": rows, "seconds": seconds, "seconds_per_row": seconds / rows})
        if seconds / rows > WORSE * least:
            break
        least = min(least, seconds / rows)
    chosen = next(int(line["rows"]) for line in table if line["seconds_per_row"] <= NEAR * least)
    return Width(chosen, tuple(table))


def _by_memory(trial: _Trial, most: int, memory: Memory) -> Width:
    few = min(2, len(trial.positions))
    many = min(4, len(trial.positions))
    if few == many:
        return Width(most, ())
    try:
        trial(many)  # programs and work spaces that are made once
        peaks = [memory.peak(lambda rows=rows: trial(rows)) for rows in (few, many)]  # type: ignore[misc]
    except torch.OutOfMemoryError:
        return Width(1, ())
    table = tuple({"rows": rows, "bytes": peak} for rows, peak in zip((few, many), peaks, strict=True))
    per_row = max((peaks[1] - peaks[0]) / (many - few), peaks[1] / many / 2, 1.0)
    base = max(peaks[1] - many * per_row, 0.0)
    rows = int((SHARE_OF_MEMORY * memory.free() - base) // per_row)
    return Width(max(1, min(most, rows)), table)

"""Some steps of a batch between two looks, in which the device is asked nothing if that can wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from .evaluator import Deferred, Evaluator
from .integrator import Inertia, State, nve_step

Timestep = Callable[[int], float | torch.Tensor]


class SegmentAbortedError(Exception):
    """A reason to stop came in the middle; what was done of the segment counts for nothing."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Walk:
    """Velocity Verlet steps.

    :param timestep: step's number in the segment → fs, or (rows, 1, 1), fs, see :func:`~.integrator.nve_step`.
    :param stop: asked before each step; a reason ends the segment.
    """

    def __init__(
        self, evaluate: Evaluator, body: Inertia, timestep: Timestep, stop: Callable[[], str | None] = lambda: None
    ) -> None:
        self.evaluate, self.body, self.timestep, self.stop = evaluate, body, timestep, stop

    def go(self, state: State, steps: int) -> State:
        """The state after ``steps`` steps.

        A deferred evaluator is asked once, at the end, whether its lists held.  If they did not, the segment is done
        again in halves, each with lists made for its start; a single step makes them where it arrives.

        :raises SegmentAbortedError: ``stop`` had a reason.
        """
        if not steps:
            return state
        late = waits(self.evaluate)
        if late is None:
            return self._steps(self.evaluate, state, 0, steps)
        return self._checked(late, state, 0, steps)

    def _steps(self, evaluate: Evaluator, state: State, first: int, count: int) -> State:
        for k in range(first, first + count):
            if (reason := self.stop()) is not None:
                raise SegmentAbortedError(reason)
            state = nve_step(evaluate, state, self.body, self.timestep(k))
        return state

    def _checked(self, late: Deferred, start: State, first: int, count: int) -> State:
        late.refresh(start.positions, start.keys)
        end = self._steps(self.evaluate, start, first, count)
        if not late.outrun():
            return end
        if count == 1:
            end = self._steps(_refreshed(self.evaluate, late), start, first, 1)
            late.outrun()  # answered by the refresh: forget it
            return end
        half = (count + 1) // 2
        return self._checked(late, self._checked(late, start, first, half), first + half, count - half)


def waits(evaluate: Evaluator) -> Deferred | None:
    """The evaluator, if it leaves the question whether its lists hold to the end of a segment."""
    return evaluate if isinstance(evaluate, Deferred) and evaluate.deferred else None


def _refreshed(evaluate: Evaluator, late: Deferred) -> Evaluator:
    """The same evaluator, its lists made anew before each call."""

    def call(positions: torch.Tensor, keys: Sequence[int] = ()) -> tuple[torch.Tensor, torch.Tensor]:
        late.refresh(positions, keys)
        return evaluate(positions, keys)

    return call

"""Shots in the air, parked ones, waiting ones; what a segment's edge does to them."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch

from ...contract.errors import RunFailedError
from ...contract.shooting import Dynamics
from .evaluator import Evaluator, Listing
from .flight import Flight, Launch
from .integrator import Inertia, State, kinetic_energy, nve_init
from .segment import SegmentAbortedError, Walk, waits
from .snapshot import Snapshot


class Batch:
    """``flights`` are in the air, in the order of the rows of ``state``; ``over`` are to be landed by the caller.

    :param launches: not begun yet; asked for one after the other, as places become free.
    :param width: places.
    """

    def __init__(
        self,
        launches: Iterable[Launch],
        evaluate: Evaluator,
        body: Inertia,
        dynamics: Dynamics,
        width: int,
    ) -> None:
        self.launches, self.evaluate, self.body, self.dynamics = iter(launches), evaluate, body, dynamics
        self.width = width
        self.lists = evaluate if isinstance(evaluate, Listing) else None
        self.waiting: deque[Launch] = deque()
        self.parked: deque[tuple[Flight, State]] = deque()
        self.over: deque[Flight] = deque()
        self.flights: list[Flight] = []
        self.state: State | None = None
        self.launched = self.steps = 0

    @property
    def busy(self) -> bool:
        """Whether a shot is not over yet."""
        return bool(self.flights or self.parked or self._wait_for(1))

    def fill(self) -> None:
        """Fill free places, with parked shots first, until all are taken by shots that go on or nobody waits."""
        while self.parked and len(self.flights) < self.width:
            flight, state = self.parked.popleft()
            self._add([flight], state)
        while new := self._wait_for(self.width - len(self.flights)):
            self._begin(new)

    def advance(self, stop: Callable[[], str | None]) -> str | None:
        """Go on to the next look.  If ``stop`` has a reason before, nothing has happened, and it is returned."""
        if self.state is None or not self.flights:
            return stop()
        left = [flight.left for flight in self.flights]
        n = min(self.dynamics.check_every, max(left))
        references = self._references(self.state.keys)
        try:
            state = Walk(self.evaluate, self.body, self._timesteps(left), stop).go(self.state, n)
        except (SegmentAbortedError, torch.OutOfMemoryError) as error:
            if self.lists is not None and references is not None:
                self.lists.recall(self.state.keys, references)
            if isinstance(error, SegmentAbortedError):
                return error.reason
            raise
        self.state = state
        done = [min(n, steps) for steps in left]
        self.steps += sum(done)
        self._look(done)
        return None

    def halve(self, error: torch.OutOfMemoryError) -> None:
        """Half as many places; whoever has none any more is parked.

        :raises RunFailedError: ``out_of_memory``: there is one place only.
        """
        if self.width == 1:
            raise RunFailedError("out_of_memory", "not even one shot at a time fits.") from error
        self.width = max(1, min(self.width, len(self.flights) or self.width) // 2)
        self._park()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def forget(self, shot: int) -> None:
        """The shot is over: its lists are of no use any more."""
        if self.lists is not None:
            self.lists.forget([shot])

    def snapshot(self) -> Snapshot:
        """Where the batch stands."""
        flights = [*self.flights, *(flight for flight, _ in self.parked)]
        states = [state for _, state in self.parked]
        if self.state is not None:
            states.insert(0, self.state)
        whole = State.join(states) if states else self._nobody()
        references = self._references(whole.keys)
        books = tuple(flight.state() for flight in flights)
        return Snapshot(whole, len(self.parked), references, books, self.launched, self.steps, self.width)

    def restore(self, snapshot: Snapshot, launches: Sequence[Launch]) -> None:
        """Go on from ``snapshot``; ``launches`` are those of its shots, in its order."""
        flights, state = [self._flight(launch) for launch in launches], snapshot.state
        positions, velocities = state.positions.cpu().numpy(), state.velocities.cpu().numpy()
        for row, flight in enumerate(flights):
            flight.restore(snapshot.books[row], positions[row], velocities[row])
        if self.lists is not None and snapshot.references is not None and len(state):
            self.lists.recall(state.keys, snapshot.references)
        aloft = len(flights) - snapshot.parked
        for row in range(aloft, len(flights)):
            self.parked.append((flights[row], state.rows([row])))
        self.flights, self.state = flights[:aloft], state.rows(list(range(aloft)))
        self.launched, self.steps = snapshot.launched, snapshot.steps
        self._park()

    def _begin(self, new: list[Launch]) -> None:
        """Take the first of those who wait into the air and look at them for the first time."""
        keys = [launch.shot for launch in new]
        positions = self._tensor([launch.positions for launch in new])
        velocities = self._tensor([launch.velocities for launch in new])
        if (late := waits(self.evaluate)) is not None:
            late.refresh(positions, keys)
        state = nve_init(self.evaluate, positions, velocities, self.body, keys)
        for _ in new:
            self.waiting.popleft()
        self.launched += len(new)
        first = len(self.flights)
        self._add([self._flight(launch) for launch in new], state)
        self._look([0] * len(new), first)

    def _park(self) -> None:
        """Take those who have no place out of the air, state kept."""
        if self.state is None or len(self.flights) <= self.width:
            return
        beyond = range(self.width, len(self.flights))
        self.parked.extend((self.flights[row], self.state.rows([row])) for row in beyond)
        self._keep(list(range(self.width)))

    def _flight(self, launch: Launch) -> Flight:
        return Flight(launch, self.dynamics.timestep_fs, self.dynamics.max_steps)

    def _wait_for(self, count: int) -> list[Launch]:
        """The next ``count`` launches, fewer if there are no more; they stay in ``waiting``."""
        self.waiting.extend(itertools.islice(self.launches, max(count - len(self.waiting), 0)))
        return list(itertools.islice(self.waiting, max(count, 0)))

    def _timesteps(self, left: list[int]) -> Callable[[int], float | torch.Tensor]:
        """The length of each step of a segment; shots that have no step left stand still."""
        dt, fewest = self.dynamics.timestep_fs, min(left)
        limits = torch.tensor(left, device=self.body.push.device)[:, None, None] if fewest < max(left) else None
        return lambda k: dt if limits is None or k < fewest else (limits > k).double() * dt

    def _look(self, steps: list[int], first: int = 0) -> None:
        """Look at the flights from row ``first`` on; take out those that are over."""
        assert self.state is not None
        total = (self.state.energies + kinetic_energy(self.state.velocities, self.body)).cpu().tolist()
        positions, velocities = self.state.positions.cpu().numpy(), self.state.velocities.cpu().numpy()
        spread = getattr(self.evaluate, "spread", None)  # of the last call, whose rows are those looked at
        spreads = [float("nan")] * len(steps) if spread is None else spread.cpu().tolist()
        going = list(range(first))
        for row, (n, force_spread) in enumerate(zip(steps, spreads, strict=True), start=first):
            if self.flights[row].look(n, positions[row], velocities[row], total[row], force_spread):
                self.over.append(self.flights[row])
            else:
                going.append(row)
        if len(going) < len(self.flights):
            self._keep(going)

    def _add(self, flights: list[Flight], state: State) -> None:
        self.state = State.join([self.state, state]) if self.state is not None and self.flights else state
        self.flights = self.flights + flights

    def _keep(self, rows: list[int]) -> None:
        assert self.state is not None
        self.flights, self.state = [self.flights[row] for row in rows], self.state.rows(rows)

    def _references(self, keys: Sequence[int]) -> torch.Tensor | None:
        return self.lists.references(keys) if self.lists is not None and len(keys) else None

    def _tensor(self, values: list[Any]) -> torch.Tensor:
        return torch.as_tensor(np.stack(values), dtype=torch.float64, device=self.body.push.device)

    def _nobody(self) -> State:
        nothing = torch.empty((0, len(self.body.push), 3), dtype=torch.float64, device=self.body.push.device)
        return State(nothing, nothing, nothing, nothing[:, 0, 0], ())

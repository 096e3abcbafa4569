"""Keeps a fixed number of shots in the air: who lands is replaced at once by who waits."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch

from ...contract.errors import RunFailedError
from ...contract.shooting import Dynamics
from .evaluator import Evaluator
from .flight import Flight, Landed, Launch
from .integrator import Inertia, State, kinetic_energy, nve_init, nve_step


@dataclass(frozen=True)
class Flown:
    """What a run did.

    :param stopped: why the run ended early; None if all launches landed.
    :param steps: steps of all shots together, those of unfinished ones included.
    :param width: how many shots flew side by side at most, after what the memory allowed.
    """

    stopped: str | None
    steps: int
    width: int


def fly(
    launches: Iterable[Launch],
    evaluate: Evaluator,
    body: Inertia,
    dynamics: Dynamics,
    *,
    land: Callable[[Landed], None],
    stop: Callable[[], str | None] = lambda: None,
    report: Callable[[int, int], None] = lambda landed, steps: None,
    keep_frames: bool = False,
) -> Flown:
    """Fly all ``launches`` (velocity Verlet, NVE) until each watcher says so or ``max_steps`` is reached.

    Work goes in segments of ``check_every`` steps.  At a segment's end each shot is looked at, those that are over are
    handed to ``land``, ``report(landed, steps)`` is called, and free places are filled.  ``stop`` is asked before each
    step; unfinished shots are then left to a later run.  If the device runs out of memory, the segment is done again
    with half as many shots; the others wait, their state kept.

    :param launches: asked for one after the other, as places become free.
    :raises RunFailedError: ``out_of_memory`` when not even one shot fits.
    """
    batch = _Batch(launches, evaluate, body, dynamics, keep_frames)
    stopped: str | None = None
    landed = steps = 0
    while batch.busy and stopped is None:
        try:
            batch.fill()
            flown, stopped = batch.advance(stop)
            steps += flown
        except torch.OutOfMemoryError as error:
            batch.halve(error)
        while batch.over:
            land(batch.over.popleft().land())
            landed += 1
        report(landed, steps)
    return Flown(stopped, steps, batch.width)


class _Batch:
    """Shots in the air (``flights`` and the rows of ``state``, in the same order), parked ones, waiting ones."""

    def __init__(
        self, launches: Iterable[Launch], evaluate: Evaluator, body: Inertia, dynamics: Dynamics, keep_frames: bool
    ) -> None:
        self.launches, self.evaluate, self.body, self.dynamics = iter(launches), evaluate, body, dynamics
        self.keep_frames, self.width = keep_frames, dynamics.batch_size
        self.waiting: deque[Launch] = deque()
        self.parked: deque[tuple[Flight, State]] = deque()
        self.over: deque[Flight] = deque()
        self.flights: list[Flight] = []
        self.state: State | None = None

    @property
    def busy(self) -> bool:
        return bool(self.flights or self.parked or self._wait_for(1))

    def fill(self) -> None:
        """Fill free places, with parked shots first."""
        while self.parked and len(self.flights) < self.width:
            flight, state = self.parked.popleft()
            self._add([flight], state)
        new = self._wait_for(self.width - len(self.flights))
        if not new:
            return
        device = self.body.push.device
        state = nve_init(
            self.evaluate,
            torch.as_tensor(np.stack([launch.positions for launch in new]), dtype=torch.float64, device=device),
            torch.as_tensor(np.stack([launch.velocities for launch in new]), dtype=torch.float64, device=device),
            self.body,
        )
        for _ in new:
            self.waiting.popleft()
        first, d = len(self.flights), self.dynamics
        self._add([Flight(launch, d.timestep_fs, d.max_steps, self.keep_frames) for launch in new], state)
        self._look([0] * len(new), first)

    def advance(self, stop: Callable[[], str | None]) -> tuple[int, str | None]:
        """Go on to the next look, or until ``stop`` has a reason; the steps done by all shots, and the reason."""
        if self.state is None or not self.flights:
            return 0, None
        left = [flight.left for flight in self.flights]
        n = min(self.dynamics.check_every, max(left))
        state = self.state
        for k in range(n):
            if (reason := stop()) is not None:
                return sum(min(k, steps) for steps in left), reason
            state = nve_step(self.evaluate, state, self.body, self._timestep(left, k))
        self.state = state
        done = [min(n, steps) for steps in left]
        self._look(done)
        return sum(done), None

    def halve(self, error: torch.OutOfMemoryError) -> None:
        """Half as many places; whoever has none any more is parked."""
        if self.width == 1:
            raise RunFailedError("out_of_memory", "not even one shot at a time fits.") from error
        self.width = max(1, min(self.width, len(self.flights) or self.width) // 2)
        if self.state is not None:
            for row in range(self.width, len(self.flights)):
                self.parked.append((self.flights[row], self.state.rows([row])))
            self._keep(list(range(min(self.width, len(self.flights)))))
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _wait_for(self, count: int) -> list[Launch]:
        """The next ``count`` launches, fewer if there are no more; they stay in ``waiting``."""
        self.waiting.extend(itertools.islice(self.launches, max(count - len(self.waiting), 0)))
        return list(itertools.islice(self.waiting, max(count, 0)))

    def _timestep(self, left: list[int], k: int) -> float | torch.Tensor:
        """Step ``k`` of a segment: shots that have no step left stand still."""
        if k < min(left):
            return self.dynamics.timestep_fs
        moving = torch.tensor([k < steps for steps in left], device=self.body.push.device)
        return (moving * self.dynamics.timestep_fs).double()[:, None, None]

    def _look(self, steps: list[int], first: int = 0) -> None:
        """Look at the flights from row ``first`` on; take out those that are over."""
        assert self.state is not None
        total = (self.state.energies + kinetic_energy(self.state.velocities, self.body)).cpu().tolist()
        positions, velocities = self.state.positions.cpu().numpy(), self.state.velocities.cpu().numpy()
        going = list(range(first))
        for row, n in enumerate(steps, start=first):
            if self.flights[row].look(n, positions[row], velocities[row], total[row]):
                self.over.append(self.flights[row])
            else:
                going.append(row)
        if len(going) < len(self.flights):
            self._keep(going)

    def _add(self, flights: list[Flight], state: State) -> None:
        if self.state is None or not self.flights:
            self.flights, self.state = list(flights), state
            return
        old = self.state
        self.flights = self.flights + flights
        self.state = State(
            torch.cat([old.positions, state.positions]),
            torch.cat([old.velocities, state.velocities]),
            torch.cat([old.forces, state.forces]),
            torch.cat([old.energies, state.energies]),
        )

    def _keep(self, rows: list[int]) -> None:
        assert self.state is not None
        self.flights, self.state = [self.flights[row] for row in rows], self.state.rows(rows)

"""Keeps a fixed number of shots in the air: who lands is replaced at once by who waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch

from ...contract.shooting import Dynamics
from .batch import Batch
from .evaluator import Evaluator
from .flight import Landed, Launch
from .integrator import Inertia
from .snapshot import Snapshot


@dataclass(frozen=True)
class Flown:
    """What a run did.

    :param stopped: why the run ended early; None if all launches landed.
    :param steps: steps of all shots together, those of unfinished ones and of earlier runs included.
    :param width: how many shots flew side by side at most, after what the memory allowed.
    """

    stopped: str | None
    steps: int
    width: int


@dataclass(frozen=True)
class Resumption:
    """Where to go on: a snapshot, and the launches of its shots in its order, their watchers new."""

    snapshot: Snapshot
    launches: Sequence[Launch]


def fly(
    launches: Iterable[Launch],
    evaluate: Evaluator,
    body: Inertia,
    dynamics: Dynamics,
    width: int,
    *,
    land: Callable[[Landed], None],
    stop: Callable[[], str | None] = lambda: None,
    report: Callable[[int, int, int], None] = lambda landed, steps, width: None,
    edge: Callable[[Callable[[], Snapshot], bool], None] = lambda snapshot, last: None,
    resume: Resumption | None = None,
) -> Flown:
    """Fly all ``launches`` (velocity Verlet, NVE) until each watcher says so or ``max_steps`` is reached.

    Work goes in segments of ``check_every`` steps.  At a segment's edge each shot is looked at, those that are over are
    handed to ``land``, ``report(landed, steps, width)`` is called, then ``edge(snapshot, last)``, which may keep what
    ``snapshot()`` gives, and free places are filled.  ``stop`` is asked before each step; if it has a reason, the
    segment counts for nothing, so that the run always ends at an edge, and ``last`` is True.  If the device runs out of
    memory, the segment is done again with half as many shots; the others wait, their state kept.

    :param launches: asked for one after the other, as places become free.
    :param width: shots that fly side by side.
    :param resume: go on from here; ``launches`` are then those that had not been begun.
    :raises RunFailedError: ``out_of_memory`` when not even one shot fits.
    """
    batch = Batch(launches, evaluate, body, dynamics, width)
    if resume is not None:
        batch.restore(resume.snapshot, resume.launches)
    stopped: str | None = None
    landed = 0
    while batch.busy and stopped is None:
        try:
            batch.fill()
            stopped = batch.advance(stop)
        except torch.OutOfMemoryError as error:
            batch.halve(error)
        while batch.over:
            flight = batch.over.popleft()
            batch.forget(flight.launch.shot)
            land(flight.land())
            landed += 1
        report(landed, batch.steps, batch.width)
        edge(batch.snapshot, stopped is not None)
    return Flown(stopped, batch.steps, batch.width)

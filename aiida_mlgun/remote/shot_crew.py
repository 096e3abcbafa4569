"""Who serves the shots of a batch: launches, lands, reports and saves them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..contract.errors import RunFailedError
from ..contract.jobs import ShootJob
from ..contract.status import OK
from ..science.aim import Shot
from ..science.outcomes import ShotTracker
from .engine.checkpoint import Checkpoints
from .engine.evaluator import Evaluator
from .engine.flight import Landed, Launch
from .engine.frame_keeper import FrameKeeper
from .engine.integrator import Inertia
from .engine.runner import Resumption, fly
from .engine.snapshot import Snapshot
from .engine.stop import Stop
from .recorder import Recorder
from .shot_books import Books
from .shot_progress import ShotProgress
from .shot_table import Row


class Crew:
    """What :func:`~.engine.runner.fly` calls in flight.

    :param job: with numbers for its heights.
    :param shots: all of the job, the first one first.
    :param r_max: Å, the model's cutoff.
    :param environment: what the numbers' last digits hang on, for the checkpoints.
    """

    def __init__(
        self,
        job: ShootJob,
        shots: list[Shot],
        r_max: float,
        books: Books,
        checkpoints: Checkpoints,
        progress: ShotProgress,
        stop: Stop,
        environment: dict[str, str],
    ) -> None:
        self.job, self.shots, self.r_max = job, shots, r_max
        self.books, self.checkpoints, self.progress, self.stop = books, checkpoints, progress, stop
        self._environment = environment
        self._recorders: dict[int, Recorder] = {}
        before = checkpoints.newest
        self._seconds_before = before.seconds if before else 0.0
        self._saved = (before.steps, before.shots) if before else (0, 0)
        self._start = self._saved_at = stop.seconds
        stop.patient = True  # until the first edge: a run that did nothing could be begun again for ever

    def fly(
        self, evaluate: Evaluator, body: Inertia, width: int, snapshot: Snapshot | None
    ) -> tuple[str, str, dict[str, Any]]:
        """Fly all shots, or those that ``snapshot`` leaves; status, sentence, and the numbers of this run."""
        n, books = self.job.n_shots, self.books
        steps = snapshot.steps if snapshot else 0
        try:
            flown = fly(
                map(self.launch, self.shots[snapshot.launched if snapshot else 0 :]),
                evaluate,
                body,
                self.job.dynamics,
                width,
                land=self.land,
                stop=self.stop,
                report=self.report,
                edge=self.edge,
                resume=self.resumption(snapshot) if snapshot else None,
            )
        except RunFailedError as error:
            numbers = {"steps": max(books.steps - steps, 0), "batch_size": 1}
            return error.status, f"{error} {books.shots} of {n} shots were finished.", numbers
        numbers = {"steps": flown.steps - steps, "batch_size": flown.width}
        if flown.stopped is None:
            return OK, "", numbers
        return flown.stopped, f"{books.shots} of {n} shots were finished after {self.stop.seconds:.0f} s.", numbers

    def launch(self, shot: Shot) -> Launch:
        """``shot``, with its tracker, and a keeper of its frames if any outcome's are asked for."""
        job, target = self.job, self.books.target
        slab, numbers, cell, pbc = target.slab, target.numbers, target.cell, target.pbc
        chemistry, decision = job.chemistry, job.decision
        tracker = ShotTracker(slab, numbers, target.n_slab, cell, pbc, chemistry, decision, shot.positions, self.r_max)
        recorder = Recorder(tracker, FrameKeeper(job.output) if job.output.trajectories else None)
        self._recorders[shot.index] = recorder
        return Launch(shot.index, shot.positions, shot.velocities, recorder)

    def resumption(self, snapshot: Snapshot) -> Resumption:
        """The shots that were in flight."""
        first = self.job.first_shot
        return Resumption(snapshot, [self.launch(self.shots[key - first]) for key in snapshot.state.keys])

    def land(self, landed: Landed) -> None:
        """What the job's output policy keeps of it goes into the books."""
        recorder = self._recorders.pop(landed.shot)
        self.books.add(Row.of(self.shots[landed.shot - self.job.first_shot], landed, recorder, self.job.output))

    def report(self, landed: int, steps: int, width: int) -> None:
        """Say how far the batch is."""
        self.progress(steps, self.stop.seconds - self._start, width)

    def edge(self, snapshot: Callable[[], Snapshot], last: bool) -> None:
        """Write a checkpoint if it is time, or if it is the last moment."""
        self.stop.patient = False
        if not last and self.stop.seconds - self._saved_at < self.job.checkpoint_every_s:
            return
        found = snapshot()
        if (found.steps, self.books.shots) != self._saved:
            self.checkpoints.write(
                found,
                self.books.pending(),
                shots=self.books.shots,
                seconds=self._seconds_before + self.stop.seconds,
                asked=self.job.dynamics.batch_size,
                evaluator=self.progress.evaluator,
                environment=self._environment,
            )
            self.books.filed()
            self._saved = found.steps, self.books.shots
        self._saved_at = self.stop.seconds

"""How far a batch of shots is: a line in the log, and the same for monitors."""

from __future__ import annotations

from pathlib import Path

from .io import Progress
from .shot_books import Books


class ShotProgress:
    """Writes at most every two seconds.

    ``progress.json`` holds ``done`` and ``total`` shots, of the finished ones ``decided``, ``undecided`` and
    ``outcomes`` (name → count), ``steps`` of all shots together, ``steps_per_s`` of this run, ``eta_s``, ``evaluator``
    and ``batch_size``.

    :param steps: done by earlier runs of the job.
    """

    def __init__(self, folder: Path, total: int, books: Books, evaluator: str, max_steps: int, steps: int) -> None:
        self.books, self.evaluator, self.max_steps, self.before = books, evaluator, max_steps, steps
        self.total, self._progress = total, Progress(folder, total, "shots")

    def __call__(self, steps: int, seconds: float, width: int) -> None:
        """``steps`` have been done by all runs; ``seconds`` of this one have passed in flight."""
        books = self.books
        rate = (steps - self.before) / max(seconds, 1e-9)
        mean = books.steps / books.shots if books.shots else float(self.max_steps)
        left = max(self.total * mean - steps, 0.0) / rate if rate > 0 and books.shots < self.total else 0.0
        told = [f"{name} {count}" for name, count in sorted(books.outcomes.items())]
        line = ", ".join([f"{books.shots}/{self.total} shots", *told, f"{rate:.0f} steps/s, {left:.0f} s to go"])
        self._progress.report(
            books.shots,
            line,
            decided=books.shots - books.undecided,
            undecided=books.undecided,
            outcomes=dict(sorted(books.outcomes.items())),
            steps=steps,
            steps_per_s=rate,
            eta_s=left,
            evaluator=self.evaluator,
            batch_size=width,
        )

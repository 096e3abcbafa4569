"""One shot per outcome to look at: which, and its geometry."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from .inputs import Ensemble, Floats, Movie


@dataclass(frozen=True)
class Example:
    """A shot that stands for an outcome.

    :param row: its row in the ensemble's arrays; shot: its number.
    :param positions: (n_atoms, 3), Å, at the end.
    :param movie: its kept path, if there is one.
    """

    outcome: str
    row: int
    shot: int
    positions: Floats
    movie: Movie | None = None


def example_rows(ensemble: Ensemble, moving: Collection[int] = ()) -> dict[str, int]:
    """Outcome → row of the shot that stands for it, in the order of ``ensemble.order``.

    The first shot with a kept path, else the first with a kept final geometry; outcomes that have neither are left out.

    :param moving: numbers of shots whose path is kept.
    """
    shots, outcomes = ensemble.arrays["shot"], np.array(ensemble.outcomes)
    moves = np.isin(shots, sorted(moving))
    found: dict[str, int] = {}
    for name in ensemble.order:
        mine = np.flatnonzero(outcomes == name)
        ordered = [*mine[moves[mine]].tolist(), *mine[~moves[mine]].tolist()]
        row = next((row for row in ordered if moves[row] or ensemble.final(row) is not None), None)
        if row is not None:
            found[name] = row
    return found


def examples(ensemble: Ensemble) -> list[Example]:
    """The examples of all outcomes that have one, with the ensemble's movies."""
    if not ensemble.has("numbers", "cell", "n_slab"):
        return []
    found = []
    for name, row in example_rows(ensemble, ensemble.movies).items():
        shot = int(ensemble.arrays["shot"][row])
        movie, last = ensemble.movies.get(shot), ensemble.final(row)
        if last is None and movie is not None:
            last = movie.positions[-1]
        if last is not None:
            found.append(Example(name, row, shot, last, movie))
    return found

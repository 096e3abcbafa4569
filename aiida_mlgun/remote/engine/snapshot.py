"""All that a run has to remember at a segment's edge, and the same as named arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from .flight import Saved
from .integrator import State


@dataclass(frozen=True)
class Snapshot:
    """Going on from it gives, to the last bit, what the run would have given without a break.

    :param state: the shots that are begun and not over: those in the air in the order of their rows, then parked ones.
    :param parked: how many of them, at the end, are parked.
    :param references: (rows, n, 3), Å, where the evaluator's lists were made; None if it has none.
    :param books: what each shot's flight has noted, one per row.
    :param launched: launches that have been begun, landed ones included; the next one is the first that waits.
    :param steps: of all shots together, landed ones included.
    :param width: how many shots may fly side by side.
    """

    state: State
    parked: int
    references: torch.Tensor | None
    books: tuple[Saved, ...]
    launched: int
    steps: int
    width: int

    def arrays(self) -> Saved:
        """Named arrays, from which :func:`from_arrays` makes it again."""
        state = self.state
        saved: Saved = {
            "positions": state.positions.cpu().numpy(),
            "velocities": state.velocities.cpu().numpy(),
            "forces": state.forces.cpu().numpy(),
            "energies": state.energies.cpu().numpy(),
            "keys": np.array(state.keys, dtype=np.int64),
            "counts": np.array([self.parked, self.launched, self.steps, self.width], dtype=np.int64),
        }
        if self.references is not None:
            saved["references"] = self.references.cpu().numpy()
        for row, book in enumerate(self.books):
            saved |= {f"book{row}.{name}": array for name, array in book.items()}
        return saved


def from_arrays(saved: Saved, device: torch.device | str) -> Snapshot:
    """The snapshot whose :meth:`Snapshot.arrays` these are.

    :raises KeyError: an array is missing.
    """
    keys = tuple(int(key) for key in saved["keys"])
    books: tuple[Saved, ...] = tuple({} for _ in keys)
    for name, array in saved.items():
        head, dot, rest = name.partition(".")
        if dot and head.startswith("book"):
            books[int(head.removeprefix("book"))][rest] = array
    numbers = {
        name: torch.as_tensor(saved[name], dtype=torch.float64, device=device)
        for name in ("positions", "velocities", "forces", "energies")
    }
    references = saved.get("references")
    parked, launched, steps, width = (int(count) for count in saved["counts"])
    return Snapshot(
        State(**numbers, keys=keys),
        parked,
        None if references is None else torch.as_tensor(references, dtype=torch.float64, device=device),
        books,
        launched,
        steps,
        width,
    )

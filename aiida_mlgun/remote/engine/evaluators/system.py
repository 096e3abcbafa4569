"""The atoms that all rows of a batch share, as a model sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from ase.data import chemical_symbols
from numpy.typing import NDArray

from ....contract.errors import RefusedError

SKIN = 0.5  # Å; about 50 rebuilds per 1000 steps of 0.5 fs at 300 K


@dataclass(frozen=True)
class System:
    """Atoms ``numbers`` (n,) in ``cell`` (3, 3), Å, with ``pbc`` (3,)."""

    numbers: NDArray[np.integer[Any]]
    cell: NDArray[np.float64]
    pbc: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.numbers)


@dataclass(frozen=True)
class Known:
    """What a MACE model knows of a system.

    :param elements: the model's atomic numbers, in its order.   :param species: (n,), each atom's place among them.
    :param heads: the model's heads.   :param head: the one to use.
    :param isolated: eV, sum of the isolated atoms' energies, float64.
    """

    elements: list[int]
    species: list[int]
    heads: list[str]
    head: int
    isolated: float


def look_up(model: torch.nn.Module, system: System, head: str | None = None) -> Known:
    """What ``model`` knows of ``system``.

    :param head: None takes the model's last one.
    :raises RefusedError: for an element (``element_not_covered``) or a head that the model lacks, or another kind of
        model.
    """
    elements = [int(z) for z in tensor(model, "atomic_numbers")]
    lacking = sorted({int(z) for z in system.numbers} - set(elements))
    if lacking:
        names = ", ".join(chemical_symbols[z] for z in lacking)
        raise RefusedError(f"the model does not know {names}.", status="element_not_covered")
    heads: list[str] = list(getattr(model, "heads", None) or ["Default"])
    if head is not None and head not in heads:
        raise RefusedError(f"the model has no head {head!r}. It has: {', '.join(heads)}.")
    place = len(heads) - 1 if head is None else heads.index(head)
    species = [elements.index(int(z)) for z in system.numbers]
    e0s = tensor(model.get_submodule("atomic_energies_fn"), "atomic_energies").double().reshape(-1, len(elements))
    isolated = float(e0s[min(place, len(e0s) - 1)].cpu()[species].sum())
    return Known(elements, species, heads, place, isolated)


def tensor(model: torch.nn.Module, name: str) -> torch.Tensor:
    """The model's tensor ``name``.

    :raises RefusedError: when it has none.
    """
    value = getattr(model, name, None)
    if not isinstance(value, torch.Tensor):
        raise RefusedError(f"this is no MACE model: it has no {name}.")
    return value

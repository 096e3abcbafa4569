"""Whether an outcome hangs on bonds of which one cannot say that they are there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .catalogue import classify
from .features import describe
from .reactants import Reactants

Bools = NDArray[np.bool_]


def doubt(reactants: Reactants, table: Bools, doubtful: Bools, weak: Bools | None = None) -> str:
    """What else the geometry would be called if doubtful bonds were not what the table says; empty if nothing else.

    Each doubtful bond is turned by itself, then all together.

    :param table, doubtful: (n_mol, n); weak: as :func:`~.features.describe` takes it.
    """
    atoms = np.argwhere(doubtful)
    if not len(atoms):
        return ""
    n_slab = reactants.n_slab
    called = classify(describe(reactants, table, weak=weak), reactants.chemistry).mode
    alone = np.zeros((len(atoms), *table.shape), dtype=bool)
    alone[np.arange(len(atoms)), atoms[:, 0], atoms[:, 1]] = True
    own = atoms[:, 1] >= n_slab
    alone[own, atoms[own, 1] - n_slab, atoms[own, 0] + n_slab] = True  # a bond within the molecule stands there twice
    others: list[str] = []
    pairs: list[tuple[int, int]] = []
    for flips in [*alone, doubtful]:
        mode = classify(describe(reactants, table ^ flips, weak=weak), reactants.chemistry).mode
        if mode != called:
            others.append(mode)
            if flips is not doubtful or not pairs:
                pairs += [(i, j) for i, j in np.argwhere(flips).tolist() if j < n_slab or i < j - n_slab]
    if not others:
        return ""
    names = dict.fromkeys(f"{reactants.name(i + n_slab)}-{reactants.name(j)}" for i, j in pairs)
    return f"{' '.join(names)} may or may not be bonded: {' or '.join(dict.fromkeys([called, *others]))}"

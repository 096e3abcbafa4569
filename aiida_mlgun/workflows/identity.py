"""What must be equal for the shots of two campaigns to be counted together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from ase import Atoms

from ..contract.strict import dump, load
from .campaign import GunParameters

#: Fields of GunParameters that decide how a shot goes and what its end is called; of the dynamics, those below.
MATTERS: Final = ("seed", "aim", "velocity", "decision", "chemistry", "fixed_layers")
#: The others say how the same dynamics is computed, and by how many at a time.
DYNAMICS: Final = ("timestep_fs", "max_steps", "check_every", "precision")


def identity(
    parameters: Mapping[str, Any], model: str, slab_states: str, molecule_states: str, slab: Atoms, molecule: Atoms
) -> dict[str, Any]:
    """Plain data, equal if shots of two campaigns belong to one sequence.

    :param parameters: fields of :class:`.GunParameters`.
    :param model, slab_states, molecule_states: their content hashes.
    """
    whole = dump(load(GunParameters, parameters, "gun"))
    return {
        "model": model,
        "slab": _hash(slab),
        "molecule": _hash(molecule),
        "slab_states": slab_states,
        "molecule_states": molecule_states,
        **{name: whole[name] for name in MATTERS},
        "dynamics": {name: whole["dynamics"][name] for name in DYNAMICS},
    }


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """What differs, in words, one entry per field; the names are those of inputs and parameters."""
    before, now = dict(_leaves(there)), dict(_leaves(here))
    found = []
    for name in dict.fromkeys([*before, *now]):
        old, new = before.get(name), now.get(name)
        if old == new:
            continue
        large = any(len(str(value)) > 40 for value in (old, new))
        found.append(f"{name} is another" if large else f"{name} was {old} there and is {new} here")
    return found


def _leaves(data: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in data.items():
        if isinstance(value, Mapping) and value and above.count(".") < 1:
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield above + name, value


def _hash(atoms: Atoms) -> str:
    """Of species, positions (1e-6 Å), cell and periodicity."""
    digest = hashlib.sha256()
    for array in (atoms.numbers.astype(np.int64), np.asarray(atoms.pbc, dtype=np.int64)):
        digest.update(np.ascontiguousarray(array).tobytes())
    for array in (atoms.positions, atoms.cell.array):
        digest.update(np.rint(np.asarray(array) * 1e6).astype(np.int64).tobytes())
    return digest.hexdigest()

"""The way a GPU is used, on the CPU: no question to the device on the way, pairs beyond the cutoff left in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from ase import Atoms
from torch.utils._python_dispatch import TorchDispatchMode

from aiida_mlgun.remote.engine.ase_calculator import PartCalculator
from aiida_mlgun.remote.engine.evaluators import System, TorchMace

Make = Callable[[str], torch.nn.Module]
#: What makes a host wait for a device: a number read from a tensor, a shape that depends on values.
WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "_unique", "is_nonzero", "equal.default")


class Waits(TorchDispatchMode):
    """Notes the operations that a host would wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.met: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if any(name in str(func) for name in WAITS):
            self.met.append(str(func))
        return func(*args, **(kwargs or {}))


@pytest.fixture
def rows(silicon_and_acetylene: Atoms) -> torch.Tensor:
    rng = np.random.default_rng(3)
    return torch.from_numpy(silicon_and_acetylene.positions + rng.normal(0, 0.04, (3, 12, 3)))


def _make(small_mace: Make, atoms: Atoms, dtype: str = "float64", **how: Any) -> TorchMace:
    return TorchMace(small_mace(dtype), System(atoms.numbers, atoms.cell.array, atoms.pbc), **how)


@pytest.mark.parametrize("own_graphs", [False, True])
def test_pairs_beyond_the_cutoff_add_nothing(
    small_mace: Make, silicon_and_acetylene: Atoms, rows: torch.Tensor, own_graphs: bool
) -> None:
    energies, forces = _make(small_mace, silicon_and_acetylene, skin=1.5)(rows)
    late = _make(small_mace, silicon_and_acetylene, skin=1.5, deferred=True, own_graphs=own_graphs)
    late.refresh(rows, range(3))
    told, pushed = late(rows, range(3))
    torch.testing.assert_close(told, energies, rtol=1e-15, atol=0)
    torch.testing.assert_close(pushed, forces, rtol=0, atol=1e-14)
    assert late.lists.held(rows).index.shape[1] > 1.5 * late.lists.edges(rows).index.shape[1]
    assert late.deferred and not late.outrun()


def test_nothing_is_asked_on_the_way(small_mace: Make, silicon_and_acetylene: Atoms, rows: torch.Tensor) -> None:
    late = _make(small_mace, silicon_and_acetylene, deferred=True)
    late.refresh(rows, range(3))
    late(rows, range(3))
    with Waits() as waits:
        late(rows + 0.01, range(3))
    assert waits.met == []
    with Waits() as waits:
        _make(small_mace, silicon_and_acetylene)(rows)
    assert waits.met, "the other way does ask; what is looked for is what torch does"


def test_who_outruns_its_list_is_told_afterwards_and_done_again(
    small_mace: Make, silicon_and_acetylene: Atoms, rows: torch.Tensor
) -> None:
    """A skin of 0.2 Å: at 0.15 Å a list may lack pairs; after a refresh the answer is the right one."""
    late = _make(small_mace, silicon_and_acetylene, deferred=True, skin=0.2)
    late.refresh(rows, range(3))
    late(rows, range(3))
    assert not late.outrun()
    moved = rows.clone()
    moved[1, 8:] += 0.15
    late(moved, range(3))
    assert late.outrun() and not late.outrun()
    late.refresh(moved, range(3))
    _, forces = late(moved, range(3))
    assert not late.outrun()
    torch.testing.assert_close(forces, _make(small_mace, silicon_and_acetylene)(moved)[1], rtol=0, atol=1e-14)


def test_ase_drives_it_with_lists_that_hold(small_mace: Make, silicon_and_acetylene: Atoms) -> None:
    atoms, forces = silicon_and_acetylene.copy(), []
    moving = np.ones(len(atoms), dtype=bool)
    for deferred in (True, False):
        evaluate = _make(small_mace, atoms, deferred=deferred)
        part = Atoms(atoms.numbers, atoms.positions)
        part.calc = PartCalculator(evaluate, atoms.positions, moving, evaluate.device)
        for _ in range(4):
            part.positions[8:, 2] -= 0.2  # towards the slab, in the end farther than a skin
            forces.append(part.get_forces())
    np.testing.assert_allclose(forces[:4], forces[4:], rtol=0, atol=1e-12)


def test_a_torn_row_has_no_energy(small_mace: Make, silicon_and_acetylene: Atoms, rows: torch.Tensor) -> None:
    late = _make(small_mace, silicon_and_acetylene, deferred=True)
    rows[0, 2] = torch.nan
    rows[1, 2] = 1e9
    late.refresh(rows, range(3))
    energies, _ = late(rows, range(3))
    assert energies.isnan().tolist() == [True, True, False]

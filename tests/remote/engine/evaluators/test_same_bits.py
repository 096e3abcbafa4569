"""A row's last digits, whoever stands beside it: torch with graphs of its own, on the CPU."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from ase import Atoms

from aiida_mlgun.remote.engine.evaluator import Evaluator
from aiida_mlgun.remote.engine.evaluators import System, TorchMace
from aiida_mlgun.remote.engine.integrator import inertia, nve_init, nve_step

Make = Callable[[str], torch.nn.Module]
STEPS = 50


def paths(evaluate: Evaluator, atoms: Atoms, rows: list[int], steps: int = STEPS) -> torch.Tensor:
    """(rows, n, 3): where five systems of which ``rows`` fly together are after ``steps`` of 1 fs; hot, to be wild."""
    rng = np.random.default_rng(9)
    x = torch.from_numpy(atoms.positions + rng.normal(0, 0.03, (5, len(atoms), 3)))
    v = torch.from_numpy(rng.normal(0, 0.03, x.shape))
    body = inertia(atoms.get_masses(), np.zeros(len(atoms), dtype=bool))
    state = nve_init(evaluate, x[rows], v[rows], body, rows)
    for _ in range(steps):
        state = nve_step(evaluate, state, body, 1.0)
    return state.positions


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_own_graphs_do_not_see_the_batch(small_mace: Make, silicon_and_acetylene: Atoms, dtype: str) -> None:
    model, atoms = small_mace(dtype), silicon_and_acetylene
    system = System(atoms.numbers, atoms.cell.array, atoms.pbc)

    def fly(rows: list[int]) -> torch.Tensor:
        return paths(TorchMace(model, system, own_graphs=True), atoms, rows)

    whole = fly([0, 1, 2, 3, 4])
    for rows in ([3], [4, 0], [1, 2]):
        assert torch.equal(fly(rows), whole[rows])
    start = torch.from_numpy(atoms.positions)
    assert float((whole - start).abs().max()) > 0.5, "lists were remade on the way"


def test_one_graph_for_all_agrees_to_rounding(small_mace: Make, silicon_and_acetylene: Atoms) -> None:
    model, atoms = small_mace("float64"), silicon_and_acetylene
    system = System(atoms.numbers, atoms.cell.array, atoms.pbc)
    own = paths(TorchMace(model, system, own_graphs=True), atoms, [0, 1, 2, 3, 4], 20)
    one = paths(TorchMace(model, system), atoms, [0, 1, 2, 3, 4], 20)
    torch.testing.assert_close(own, one, rtol=0, atol=1e-12)

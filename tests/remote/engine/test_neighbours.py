"""Skin lists against fresh lists of matscipy, whatever happened before."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matscipy.neighbours import neighbour_list

from aiida_mlgun.remote.engine.neighbours import REACH, Edges, SkinLists

CELL = np.array([[5.4, 0.0, 0.0], [1.1, 5.6, 0.0], [0.0, 0.0, 24.0]])
R_MAX = 4.0
Pbc = tuple[bool, bool, bool]


def _lists(n: int, pbc: Pbc, skin: float = 0.5) -> SkinLists:
    return SkinLists(n, CELL, np.array(pbc), R_MAX, skin, torch.device("cpu"), torch.float64)


def _told(edges: Edges, positions: torch.Tensor) -> list[set[tuple[int, ...]]]:
    """Per row the set of (sender, receiver, the vector in mÅ)."""
    rows, n = positions.shape[:2]
    flat = positions.reshape(-1, 3)
    vectors = flat[edges.index[1]] - flat[edges.index[0]] + edges.shifts
    found: list[set[tuple[int, ...]]] = [set() for _ in range(rows)]
    for (i, j), d in zip(edges.index.T.tolist(), np.rint(vectors.numpy() * 1000).astype(int).tolist(), strict=True):
        assert i // n == j // n, "an edge joins two systems"
        found[i // n].add((i % n, j % n, *d))
    assert sum(map(len, found)) == edges.index.shape[1], "an edge stands twice"
    return found


def _fresh(positions: torch.Tensor, pbc: Pbc) -> list[set[tuple[int, ...]]]:
    result = []
    for x in positions.numpy():
        i, j, d = neighbour_list("ijD", positions=x, cell=CELL, pbc=list(pbc), cutoff=R_MAX)
        table = np.column_stack([i, j, np.rint(d * 1000).astype(int)])
        result.append({tuple(map(int, line)) for line in table})
    return result


@pytest.mark.parametrize("pbc", [(True, True, True), (True, True, False)])
def test_lists_are_right_along_a_wild_path(pbc: Pbc) -> None:
    """Atoms leave the cell, systems change places, the batch shrinks and grows: always the pairs of a fresh list."""
    rng = np.random.default_rng(5)
    lists = _lists(9, pbc)
    x = torch.from_numpy(rng.uniform([0, 0, 8], [5, 5, 14], (3, 9, 3)))
    drift = torch.from_numpy(rng.normal(0, 0.03, (3, 9, 3)))
    for step in range(60):
        assert _told(lists.edges(x), x) == _fresh(x, pbc)
        x = x + drift
        if step == 20:
            x = x[[2, 0, 1]]
        elif step == 35:
            x, drift = x[:2], drift[:2]
        elif step == 45:
            x, drift = torch.cat([x, x[:1] + 0.3, x[1:]]), torch.cat([drift, drift])
    assert lists.builds < 60 * 3 / 2


def test_a_list_is_kept_until_half_the_skin() -> None:
    x = torch.zeros((1, 2, 3), dtype=torch.float64)
    x[0, 1, 0] = 2.0
    lists = _lists(2, (False, False, False))
    lists.edges(x)
    x[0, 1, 0] += 0.249
    lists.edges(x)
    assert lists.builds == 1
    x[0, 1, 0] += 0.002
    lists.edges(x)
    assert lists.builds == 2


def test_without_skin_each_move_rebuilds() -> None:
    x = torch.zeros((1, 1, 3), dtype=torch.float64)
    lists = _lists(1, (False, False, False), skin=0.0)
    for _ in range(3):
        lists.edges(x)
        x = x + 0.01
    assert lists.builds == 3


@pytest.mark.parametrize("bad", [np.nan, np.inf, 2 * REACH, -1e12])
@pytest.mark.parametrize("pbc", [(True, True, True), (True, True, False), (False, False, False)])
def test_a_torn_row_has_no_pairs_and_harms_no_other(bad: float, pbc: Pbc) -> None:
    x = torch.from_numpy(np.random.default_rng(1).uniform(0, 5, (2, 6, 3)))
    good = x.clone()
    x[0, 3, 2] = bad
    found = _told(_lists(6, pbc).edges(x), x)
    assert found[0] == set()
    assert found[1] == _fresh(good, pbc)[1]

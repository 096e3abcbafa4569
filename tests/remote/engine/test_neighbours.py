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


def test_lists_go_with_their_keys() -> None:
    """A system that changes its row keeps its list; one that is forgotten gets a new one."""
    x = torch.from_numpy(np.random.default_rng(2).uniform(0, 5, (3, 6, 3)))
    lists = _lists(6, (True, True, False))
    lists.edges(x, [7, 3, 5])
    moved = x + 0.1
    lists.edges(moved[[2, 0]], [5, 7])
    assert lists.builds == 3
    torch.testing.assert_close(lists.references([5, 7, 3]), x[[2, 0, 1]], rtol=0, atol=0)
    lists.forget([7, 99])
    assert lists.references([7]).isnan().all()
    lists.edges(moved, [7, 3, 5])
    assert lists.builds == 4
    torch.testing.assert_close(lists.references([7]), moved[:1], rtol=0, atol=0)


def test_keys_must_be_as_many_as_systems_and_different() -> None:
    x = torch.zeros((2, 1, 3), dtype=torch.float64)
    for keys in ([1], [1, 1]):
        with pytest.raises(ValueError, match="2 systems need 2 different keys"):
            _lists(1, (True, True, True)).edges(x, keys)


def test_recalled_lists_are_those_that_were() -> None:
    x = torch.from_numpy(np.random.default_rng(3).uniform(0, 5, (2, 6, 3)))
    first, second = _lists(6, (True, True, True)), _lists(6, (True, True, True))
    first.edges(x, [4, 9])
    references = torch.cat([first.references([4, 9]), torch.full((1, 6, 3), torch.nan)])
    second.recall([4, 9, 2], references)
    later = x + 0.1
    ours, theirs = first.held(later, [9, 4]), second.held(later, [9, 4])
    assert torch.equal(ours.index, theirs.index) and torch.equal(ours.shifts, theirs.shifts)
    assert second.builds == 2 and second.references([2]).isnan().all()


def test_the_pairs_handed_out_do_not_tell_when_the_list_was_made() -> None:
    x = torch.from_numpy(np.random.default_rng(4).uniform(0, 5, (1, 20, 3)))
    old, new = _lists(20, (True, True, True)), _lists(20, (True, True, True))
    old.edges(x)
    later = x + 0.14 * torch.rand(x.shape, generator=torch.Generator().manual_seed(1))
    ours, theirs = old.edges(later), new.edges(later)
    assert old.builds == 1 and not torch.equal(old.held(later).index, new.held(later).index)
    assert torch.equal(ours.index, theirs.index) and torch.equal(ours.shifts, theirs.shifts)


@pytest.mark.parametrize("cell", [CELL, np.diag([3.0, 4.0, 5.0]), np.array([[4.0, 0, 0], [3.9, 1.5, 0], [1, 1, 6.0]])])
@pytest.mark.parametrize("pbc", [(True, True, True), (True, False, True), (False, False, True), (False, False, False)])
def test_pairs_searched_by_torch_are_those_of_vesin(cell: np.ndarray, pbc: Pbc) -> None:
    """Row by row and in the same order; atoms far outside the cell, a torn row, a cell much flatter than the cutoff."""
    x = torch.from_numpy(np.random.default_rng(6).uniform(-9, 12, (4, 7, 3)))
    x[2, 1, 0] = torch.nan
    x[3] += 40.0
    tables = []
    for on_device in (False, True):
        lists = SkinLists(7, cell, np.array(pbc), R_MAX, 0.5, torch.device("cpu"), torch.float64, on_device=on_device)
        tables.append(lists.held(x))
    assert torch.equal(tables[0].index, tables[1].index)
    torch.testing.assert_close(tables[0].shifts, tables[1].shifts, rtol=0, atol=0)
    assert tables[0].index.shape[1] > 0


def test_a_molecule_without_a_cell_has_pairs_by_torch_too() -> None:
    cell, x = np.zeros((3, 3)), torch.from_numpy(np.random.default_rng(6).uniform(0, 6, (2, 7, 3)))
    both = [
        SkinLists(7, cell, np.zeros(3, dtype=bool), R_MAX, 0.5, torch.device("cpu"), torch.float64, on_device=d).held(x)
        for d in (False, True)
    ]
    assert torch.equal(both[0].index, both[1].index) and not both[1].shifts.any()


def test_who_outruns_a_list_is_found_out_afterwards() -> None:
    x = torch.from_numpy(np.random.default_rng(7).uniform(0, 5, (2, 5, 3)))
    lists = _lists(5, (True, True, False))
    lists.refresh(x, [0, 1], 0.125)
    for step, far in ((0.12, False), (0.249, False), (0.251, True)):
        y = x.clone()
        y[1, 3, 2] += step
        lists.held(y, [0, 1])
        lists.watch(y)
        assert lists.outrun() is far
    assert lists.outrun() is False, "asking resets"
    assert lists.builds == 2
    lists.refresh(y, [0, 1], 0.125)
    assert lists.builds == 3
    y[0, 0, 0] = torch.nan
    lists.held(y, [0, 1])
    lists.watch(y)
    assert lists.outrun() is False, "a torn row is over; nothing is gained by doing it again"

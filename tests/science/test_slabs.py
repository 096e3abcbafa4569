from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bcc100, diamond111, fcc110, fcc111

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.frames import from_atoms
from aiida_mlgun.science.slabs import Slab, analyse, analyse_states, fixed_mask, neighbouring_dimers, partners


def of(atoms: Atoms) -> Slab:
    return analyse(atoms.numbers.astype(np.int64), atoms.positions, atoms.cell.array, atoms.pbc)


def test_relaxed_silicon(si001: Any) -> None:
    slab = si001.slab
    assert slab.n_layers == 4
    assert slab.layer.tolist() == [3] * 4 + [2] * 4 + [1] * 4 + [0] * 4 + [3] * 8
    assert slab.dimers.tolist() == [[12, 14], [13, 15]]
    assert slab.surface_z == pytest.approx(si001.positions[12:16, 2].mean())


def test_lowest_layer_is_fixed_with_its_hydrogens(si001: Any) -> None:
    assert np.flatnonzero(fixed_mask(si001.slab, 1)).tolist() == [0, 1, 2, 3, *range(16, 24)]
    assert not fixed_mask(si001.slab, 0).any()
    assert fixed_mask(si001.slab, 3).sum() == 20


@pytest.mark.parametrize("layers", [-1, 4])
def test_something_must_move(si001: Any, layers: int) -> None:
    with pytest.raises(RefusedError, match="has 4 layers") as caught:
        fixed_mask(si001.slab, layers)
    assert caught.value.status == "geometry_refused"


def test_partners_and_neighbouring_dimers(si001: Any) -> None:
    pairs = partners(si001.slab)
    assert pairs[[12, 13, 14, 15]].tolist() == [14, 15, 12, 13] and (pairs[:12] == -1).all()
    near = neighbouring_dimers(si001.slab, si001.positions, si001.cell, si001.pbc)
    assert near.tolist() == [[False, True], [True, False]]


def test_dimers_across_the_boundary(si001: Any) -> None:
    shifted = si001.positions - [0.0, 1.5, 0.0]
    shifted[:, :2] %= np.diag(si001.cell)[:2]
    assert np.array_equal(analyse(si001.numbers, shifted, si001.cell, si001.pbc).dimers, si001.slab.dimers)


def test_order_of_atoms_does_not_matter(si001: Any) -> None:
    order = np.random.default_rng(2).permutation(24)
    slab = analyse(si001.numbers[order], si001.positions[order], si001.cell, si001.pbc)
    assert np.array_equal(slab.layer, si001.slab.layer[order])
    assert {frozenset(order[pair]) for pair in slab.dimers} == {frozenset((12, 14)), frozenset((13, 15))}


def test_strongly_buckled_dimer_that_hangs_as_low_as_the_layer_below(si001: Any) -> None:
    hot = si001.positions.copy()
    hot[14] += [0.0, -0.25, -0.55]  # bonded to 12, 10 and 11 still
    assert analyse(si001.numbers, hot, si001.cell, si001.pbc).layer.tolist() == si001.slab.layer.tolist()


def test_hot_four_by_four_slab_from_a_simulation(trajectory: Callable[[str], Any]) -> None:
    run = trajectory("si001_4x4_c8h12_precursor")
    n = run["n_slab"]
    slab = analyse(run["numbers"][:n], run["positions"][0][:n], run["cell"], run["pbc"])
    assert np.bincount(slab.layer).tolist() == [16, 16, 16, 48]
    assert len(slab.dimers) == 8 and (slab.layer[slab.dimers] == 0).all()
    near = neighbouring_dimers(slab, run["positions"][0][:n], run["cell"], run["pbc"])
    assert (near.sum(axis=1) == 2).all() and (near == near.T).all()  # two rows of four


def test_mean_over_snapshots(si001: Any) -> None:
    rng = np.random.default_rng(4)
    images = []
    for _ in range(8):
        positions = si001.positions + rng.normal(0, 0.15, (24, 3))
        positions[:, :2] += rng.integers(-2, 3, (24, 2)) * 7.734333972618458
        images.append(Atoms(si001.numbers, positions, cell=si001.cell, pbc=True))
    slab = analyse_states(from_atoms(images))
    assert np.array_equal(slab.layer, si001.slab.layer) and np.array_equal(slab.dimers, si001.slab.dimers)
    images[3].numbers[0] = 32
    with pytest.raises(RefusedError, match="differ"):
        analyse_states(from_atoms(images))


@pytest.mark.parametrize(
    ("atoms", "layers"),
    [
        (fcc111("Cu", (3, 3, 6), vacuum=10, a=3.65), 6),
        (fcc111("Cu", (3, 3, 6), vacuum=10, a=3.65, orthogonal=False), 6),
        (fcc110("Cu", (2, 3, 5), vacuum=10, a=3.65), 5),
        (bcc100("Fe", (3, 3, 5), vacuum=10, a=2.87), 5),
    ],
)
def test_metals_have_layers_and_no_dimers(atoms: Atoms, layers: int) -> None:
    atoms.rattle(0.08, seed=1)
    slab = of(atoms)
    assert slab.n_layers == layers and not len(slab.dimers)
    assert len(set(np.bincount(slab.layer))) == 1


def test_bilayers_of_silicon_111_stay_together() -> None:
    slab = of(diamond111("Si", (2, 2, 6), vacuum=10))  # cut so that the outermost atoms stand alone
    assert np.bincount(slab.layer).tolist() == [4, 8, 8, 4]


def test_one_layer_is_a_slab() -> None:
    slab = of(fcc111("Cu", (2, 2, 1), vacuum=10))
    assert slab.n_layers == 1 and (slab.layer == 0).all()


@pytest.mark.parametrize("numbers", [[1, 1], [14, 14]])
def test_no_slab_is_refused(numbers: list[int]) -> None:
    positions = np.array([[0.0, 0, 0], [np.nan, 0, 0]])
    with pytest.raises(RefusedError):
        analyse(np.array(numbers), positions, np.eye(3) * 9, np.array([True, True, False]))

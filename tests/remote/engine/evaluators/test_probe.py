"""The comparison with the reference: what passes, and each kind of error that must not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.data import covalent_radii

from aiida_mlgun.remote.engine.evaluators import System, TorchMace, probe

Energies = tuple[torch.Tensor, torch.Tensor]
Change = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], Energies]
Case = tuple[TorchMace, torch.Tensor, torch.Tensor, torch.Tensor]


class Altered:
    """An evaluator with an error."""

    def __init__(self, evaluate: TorchMace, change: Change) -> None:
        self.evaluate, self.change = evaluate, change

    def __call__(self, positions: torch.Tensor, keys: Sequence[int] = ()) -> Energies:
        return self.change(positions, *self.evaluate(positions, keys))


@pytest.fixture
def case(compact: torch.nn.Module, system: System, slab_and_gas: Atoms) -> Case:
    evaluate = TorchMace(compact, system)
    rows = probe.geometries(slab_and_gas.positions[None], system)
    return evaluate, rows, *evaluate(rows)


@pytest.mark.parametrize("deferred", [False, True])
def test_the_reference_passes(case: Case, compact: torch.nn.Module, system: System, deferred: bool) -> None:
    evaluate, (_, rows, energies, forces) = TorchMace(compact, system, deferred=deferred), case
    found = probe.compare(evaluate, torch.float64, rows, energies, forces)
    assert found.wrong == "" and found.energy_error < 1e-13 and found.force_error < 1e-12
    assert found.slope_error < 1e-5
    assert evaluate.references(range(10)).isnan().all(), "nothing stays behind"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda x, e, f: (e + 0.02, f), "energies differ by"),
        (lambda x, e, f: (e, f * 1.01), "forces differ by"),
        (lambda x, e, f: (e, f + 2e-3), "forces differ by"),
        (lambda x, e, f: (e * torch.nan, f), "energies differ by nan"),
        (lambda x, e, f: (e, f * torch.nan), "forces differ by nan"),
        # right at the geometries themselves, wrong beside them: the energy does not follow the forces
        (
            lambda x, e, f: (e + 1e-3 * torch.sin(30 * x.square().sum(dim=(1, 2))), f),
            "along the forces the energy falls by",
        ),
    ],
)
def test_each_error_is_found(case: Case, change: Change, sentence: str) -> None:
    evaluate, rows, energies, forces = case
    found = probe.compare(Altered(evaluate, change), torch.float64, rows, energies, forces)
    assert sentence in found.wrong


def test_the_geometries_have_a_contact_and_are_always_the_same(system: System, slab_and_gas: Atoms) -> None:
    far = slab_and_gas.positions.copy()
    far[-4:, 2] += 9.0
    rows = probe.geometries(np.stack([far, far + 0.01]), system)
    assert rows.shape == (4, len(far), 3)
    assert torch.equal(rows, probe.geometries(np.stack([far, far + 0.01]), system))
    np.testing.assert_array_equal(rows[0].numpy(), far)
    touching = slab_and_gas.copy()
    touching.positions = rows[-1].numpy()
    distances = touching.get_all_distances(mic=True)[-4:, :-4]
    sums = covalent_radii[touching.numbers[-4:]][:, None] + covalent_radii[touching.numbers[:-4]][None, :]
    assert (distances / sums).min() == pytest.approx(1.0, abs=0.02)
    np.testing.assert_array_equal(rows[-1, :-4].numpy(), far[:-4])


def test_one_fragment_has_no_contact_to_make(slab_and_gas: Atoms) -> None:
    slab = slab_and_gas[:-4]
    alone = System(slab.numbers, slab.cell.array, slab.pbc)
    assert probe.touched(slab.positions, alone) is None
    assert len(probe.geometries(slab.positions[None], alone)) == 2

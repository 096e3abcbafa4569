"""The mean of several models, and how far they are apart."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from ase import Atoms

from aiida_mlgun.remote.engine.evaluator import Deferred, Listing
from aiida_mlgun.remote.engine.evaluators import Committee, System, TorchMace

Make = Callable[[str], torch.nn.Module]


@pytest.fixture
def members(small_mace: Make, silicon_and_acetylene: Atoms) -> list[TorchMace]:
    """The small model, and one whose interaction is 1.2 times as strong."""
    first = small_mace("float64")
    second = copy.deepcopy(first)
    second.get_submodule("scale_shift").scale.mul_(1.2)  # type: ignore[operator, union-attr]
    atoms = silicon_and_acetylene
    return [TorchMace(model, System(atoms.numbers, atoms.cell.array, atoms.pbc)) for model in (first, second)]


def test_it_is_the_mean_and_knows_the_spread(members: list[TorchMace], silicon_and_acetylene: Atoms) -> None:
    x = torch.from_numpy(silicon_and_acetylene.positions).repeat(2, 1, 1)
    x[1, 9, 2] += 0.1
    committee = Committee(members)
    energies, forces = committee(x, [4, 2])
    (e1, f1), (e2, f2) = (member(x, [4, 2]) for member in members)
    torch.testing.assert_close(energies, (e1 + e2) / 2, rtol=1e-15, atol=0)
    torch.testing.assert_close(forces, (f1 + f2) / 2, rtol=0, atol=1e-14)
    torch.testing.assert_close(committee.spread, (f1 - f2).abs().amax(dim=(1, 2)) / 2, rtol=1e-12, atol=0)
    assert (committee.spread > 1e-3).all()
    assert (committee.r_max, committee.n_atoms, committee.device.type) == (4.0, 12, "cpu")


def test_its_lists_are_its_members(members: list[TorchMace], silicon_and_acetylene: Atoms) -> None:
    x = torch.from_numpy(silicon_and_acetylene.positions)[None]
    committee = Committee(members)
    assert isinstance(committee, Listing)
    committee(x, [4])
    assert torch.equal(committee.references([4]), x)
    committee.forget([4])
    assert all(member.references([4]).isnan().all() for member in members)
    committee.recall([7], x)
    assert all(torch.equal(member.references([7]), x) for member in members)


def test_it_is_deferred_if_a_member_is(small_mace: Make, silicon_and_acetylene: Atoms) -> None:
    atoms = silicon_and_acetylene
    system = System(atoms.numbers, atoms.cell.array, atoms.pbc)
    now, late = TorchMace(small_mace("float64"), system), TorchMace(small_mace("float64"), system, deferred=True)
    assert not Committee([now, now]).deferred
    committee = Committee([now, late])
    assert isinstance(committee, Deferred) and committee.deferred
    x = torch.from_numpy(atoms.positions)[None]
    committee.refresh(x, [0])
    committee(x, [0])
    assert not committee.outrun()
    committee(x + torch.linspace(0, 0.4, 12, dtype=torch.float64)[None, :, None], [0])
    assert committee.outrun() and not committee.outrun()


def test_a_row_torn_for_one_is_torn(members: list[TorchMace], silicon_and_acetylene: Atoms) -> None:
    x = torch.from_numpy(silicon_and_acetylene.positions).repeat(2, 1, 1)
    x[0, 1] = torch.nan
    energies, _ = Committee(members)(x)
    assert energies.isnan().tolist() == [True, False]

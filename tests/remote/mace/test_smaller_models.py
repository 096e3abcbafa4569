"""Models rewritten for speed mean what they meant: fewer elements, correlation raised, NVIDIA's kernels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule
from e3nn import o3
from mace import modules

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.remote.engine.evaluators import System, TorchMace
from aiida_mlgun.remote.mace import cuequivariance_model
from aiida_mlgun.remote.mace.correlation import raised
from aiida_mlgun.remote.mace.cuequivariance_model import accelerated
from aiida_mlgun.remote.mace.elements import restricted
from aiida_mlgun.remote.mace.rebuild import describe

Make = Callable[[str], torch.nn.Module]
RESIDUAL = "RealAgnosticResidualInteractionBlock"


def _model(elements: list[int], correlation: int = 2, first: str = RESIDUAL, rest: str = RESIDUAL) -> torch.nn.Module:
    state, default = torch.get_rng_state(), torch.get_default_dtype()
    torch.manual_seed(3)
    torch.set_default_dtype(torch.float64)
    try:
        return modules.ScaleShiftMACE(
            r_max=4.0,
            num_bessel=6,
            num_polynomial_cutoff=5,
            max_ell=2,
            interaction_cls=modules.interaction_classes[rest],
            interaction_cls_first=modules.interaction_classes[first],
            num_interactions=2,
            num_elements=len(elements),
            hidden_irreps=o3.Irreps("8x0e + 8x1o"),
            MLP_irreps=o3.Irreps("8x0e"),
            atomic_energies=np.array([-1.0 * z for z in elements]),
            avg_num_neighbors=8.0,
            atomic_numbers=elements,
            correlation=correlation,
            gate=torch.nn.functional.silu,
            pair_repulsion=True,
            radial_MLP=[16, 16],
            atomic_inter_scale=0.3,
            atomic_inter_shift=0.1,
            heads=["Default"],
        ).eval()
    finally:
        torch.set_default_dtype(default)
        torch.set_rng_state(state)


@pytest.fixture
def atoms() -> Atoms:
    gas = molecule("C2H2")
    gas.translate([2.7, 2.7, 7.0])
    both = bulk("Si", cubic=True) + gas
    both.rattle(0.08, seed=3)
    both.cell[2, 2] = 25.0
    return both


def _same(one: torch.nn.Module, other: torch.nn.Module, atoms: Atoms, share: float) -> None:
    system = System(atoms.numbers, atoms.cell.array, atoms.pbc)
    x = torch.from_numpy(atoms.positions)[None]
    (e1, f1), (e2, f2) = TorchMace(one, system)(x), TorchMace(other, system)(x)
    assert float((f1 - f2).abs().max() / f1.abs().max()) < share
    assert float((e1 - e2).abs().max()) < share * len(atoms)


@pytest.mark.parametrize(
    ("first", "rest"),
    [
        (RESIDUAL, RESIDUAL),
        ("RealAgnosticInteractionBlock", RESIDUAL),
        ("RealAgnosticDensityInteractionBlock", "RealAgnosticDensityResidualInteractionBlock"),
    ],
)
def test_fewer_elements(atoms: Atoms, first: str, rest: str) -> None:
    model = _model([1, 6, 7, 8, 14, 53], first=first, rest=rest)
    small = restricted(model, atoms.numbers.tolist())
    assert small is not model and small.atomic_numbers.tolist() == [1, 6, 14]
    assert sum(p.numel() for p in small.parameters()) < sum(p.numel() for p in model.parameters())
    _same(model, small, atoms, 1e-12)


def test_all_elements_there_is_the_model_itself(small_mace: Make) -> None:
    model = small_mace("float64")
    assert restricted(model, [14, 1, 6, 6]) is model


@pytest.mark.parametrize("correlation", [1, 2])
def test_correlation_raised_to_three(atoms: Atoms, correlation: int) -> None:
    model = _model([1, 6, 14], correlation)
    three = raised(model)
    assert describe(three)["correlation"] == 3
    _same(model, three, atoms, 1e-13)


def test_correlation_three_is_the_model_itself_and_four_is_refused(atoms: Atoms) -> None:
    three = _model([1, 14], 3)
    assert raised(three) is three
    with pytest.raises(RefusedError, match="correlation 4, more than 3"):
        raised(_model([1], 4))


def test_cuequivariance_gives_the_same_forces(small_mace: Make, atoms: Atoms) -> None:
    model, default = small_mace("float64"), torch.get_default_dtype()
    twin = accelerated(model)
    assert twin is not model and torch.get_default_dtype() == default
    assert any("cuequivariance" in type(part).__module__ for part in twin.modules())
    assert not any(parameter.requires_grad for parameter in twin.parameters())
    _same(model, twin, atoms, 1e-12)


def test_cuequivariance_that_is_not_installed_is_refused(small_mace: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuequivariance_model, "find_spec", lambda name: None)
    with pytest.raises(RefusedError, match=r"evaluator cuequivariance: the package is not installed"):
        accelerated(small_mace("float64"))

"""The rearranged sums against MACE's own modules, for every kind of model they claim to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from ase import Atoms

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.remote.engine.evaluators import FactorisedMace, System, TorchMace, probe
from aiida_mlgun.remote.mace.factorised import convolution, radial

from .test_deferred import Waits
from .test_same_bits import paths

Make = Callable[[str], torch.nn.Module]


def _model(**changes: Any) -> torch.nn.Module:
    """A small MACE of hydrogen, carbon and silicon with random weights, always the same; float64."""
    from e3nn import o3
    from mace import modules

    block = modules.interaction_classes[changes.pop("block", "RealAgnosticResidualInteractionBlock")]
    state, default = torch.get_rng_state(), torch.get_default_dtype()
    torch.manual_seed(11)
    torch.set_default_dtype(torch.float64)
    how: dict[str, Any] = {
        "r_max": 4.0,
        "num_bessel": 6,
        "num_polynomial_cutoff": 5,
        "max_ell": 3,
        "interaction_cls": block,
        "interaction_cls_first": block,
        "num_interactions": 2,
        "hidden_irreps": o3.Irreps("8x0e + 8x1o"),
        "MLP_irreps": o3.Irreps("8x0e"),
        "correlation": 3,
        "gate": torch.nn.functional.silu,
        "radial_MLP": [16, 16],
    }
    try:
        return modules.ScaleShiftMACE(
            **how | changes,
            num_elements=3,
            atomic_numbers=[1, 6, 14],
            atomic_energies=np.array([-13.6, -1030.0, -7800.0]),
            avg_num_neighbors=8.0,
            atomic_inter_scale=5.0,
            atomic_inter_shift=0.1,
            heads=["Default"],
        )
    finally:
        torch.set_default_dtype(default)
        torch.set_rng_state(state)


@pytest.fixture(scope="module")
def atoms(silicon_and_acetylene: Atoms) -> Atoms:
    return silicon_and_acetylene


@pytest.fixture(scope="module")
def small(atoms: Atoms) -> System:
    return System(atoms.numbers, atoms.cell.array, atoms.pbc)


@pytest.fixture(scope="module")
def many(atoms: Atoms) -> torch.Tensor:
    """Three geometries (3, 12, 3), Å; rows and atoms have different numbers of neighbours."""
    return torch.from_numpy(atoms.positions + np.random.default_rng(5).normal(0, 0.06, (3, 12, 3)))


KINDS: dict[str, dict[str, Any]] = {
    "two layers, order 3": {},
    "as large foundation models' density blocks": {"block": "RealAgnosticDensityResidualInteractionBlock"},
    "density without a shortcut": {"block": "RealAgnosticDensityInteractionBlock"},
    "no shortcut": {"block": "RealAgnosticInteractionBlock"},
    "one layer, order 1": {"num_interactions": 1, "correlation": 1, "max_ell": 2},
    "three layers, order 2, lengths rescaled": {
        "num_interactions": 3,
        "correlation": 2,
        "distance_transform": "Agnesi",
        "pair_repulsion": True,
    },
    "cutoff on the weights": {"apply_cutoff": False},
}


@pytest.mark.parametrize("kind", KINDS)
def test_energies_and_forces_are_those_of_mace(kind: str, small: System, many: torch.Tensor) -> None:
    model = _model(**KINDS[kind])
    energies, forces = TorchMace(model, small)(many)
    told, pushed = FactorisedMace(model, small)(many)
    assert float(forces.abs().max()) > 0.05
    torch.testing.assert_close(told, energies, rtol=1e-14, atol=0)
    torch.testing.assert_close(pushed, forces, rtol=0, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_in_float32_it_errs_as_mace_does(kind: str, small: System, many: torch.Tensor) -> None:
    model = _model(**KINDS[kind])
    energies, forces = TorchMace(model, small)(many)
    fast = FactorisedMace(model, small, dtype=torch.float32)
    told, pushed = fast(many)
    assert fast.dtype == torch.float32 and told.dtype == pushed.dtype == torch.float64
    tabled = isinstance(fast.model.get_submodule("radial_embedding"), radial.Lengths)
    assert tabled == ("Density" not in KINDS[kind].get("block", "") and "distance_transform" not in KINDS[kind])
    rounded, jerked = TorchMace(model.float(), small)(many)
    own = float((rounded - energies).abs().max()), float((jerked - forces).abs().max())
    rounding = probe.ROUNDING[torch.float32] * len(small)
    torch.testing.assert_close(told, energies, rtol=0, atol=max(3 * own[0], rounding))
    torch.testing.assert_close(pushed, forces, rtol=0, atol=max(3 * own[1], 1e-6 * float(forces.abs().max())))


def test_the_shipped_model(compact: torch.nn.Module, system: System, rows: torch.Tensor) -> None:
    energies, forces = TorchMace(compact, system)(rows)
    told, pushed = FactorisedMace(compact, system)(rows)
    torch.testing.assert_close(told, energies, rtol=1e-14, atol=0)
    torch.testing.assert_close(pushed, forces, rtol=0, atol=1e-11)


def test_the_model_given_stays_as_it_is(small: System, many: torch.Tensor) -> None:
    model = _model()
    names = [type(module).__name__ for module in model.modules()]
    before = {key: value.clone() for key, value in model.state_dict().items()}
    FactorisedMace(model, small, dtype=torch.float32)(many)
    assert [type(module).__name__ for module in model.modules()] == names
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_chunks_change_nothing(small: System, many: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    model = _model()
    whole = FactorisedMace(model, small)(many)
    monkeypatch.setitem(convolution.CHUNK, "cpu", 1)  # one receiver at a time
    told = FactorisedMace(model, small)(many)
    torch.testing.assert_close(told[0], whole[0], rtol=1e-15, atol=0)
    torch.testing.assert_close(told[1], whole[1], rtol=0, atol=1e-12)


def test_atoms_without_neighbours(compact: torch.nn.Module) -> None:
    apart = System(np.array([1, 6, 14]), np.zeros((3, 3)), np.zeros(3, dtype=bool))
    x = torch.tensor([[[0.0, 0, 0], [30, 0, 0], [0, 30, 0]]], dtype=torch.float64)
    told, pushed = FactorisedMace(compact, apart)(x)
    torch.testing.assert_close(told, TorchMace(compact, apart)(x)[0], rtol=1e-15, atol=0)
    assert not pushed.any()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_torn_row_has_no_energy_and_harms_no_other(
    compact: torch.nn.Module, system: System, rows: torch.Tensor, dtype: torch.dtype
) -> None:
    evaluate = FactorisedMace(compact, system, dtype=dtype)
    x, good = rows.clone(), evaluate(rows)
    x[0, 4] = torch.nan
    x[1, 4] = 1e9
    x[2, 4] = x[2, 5]
    energies, forces = evaluate(x)
    assert energies[:2].isnan().all()
    assert not (energies[2].isfinite() and forces[2].isfinite().all())
    small = 1e-12 if dtype == torch.float64 else 1e-4
    torch.testing.assert_close(energies[3:], good[0][3:], rtol=0, atol=10 * small)
    torch.testing.assert_close(forces[3:], good[1][3:], rtol=0, atol=small)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_own_graphs_do_not_see_the_batch(atoms: Atoms, small: System, dtype: torch.dtype) -> None:
    model = _model()

    def fly(rows: list[int]) -> torch.Tensor:
        return paths(FactorisedMace(model, small, dtype=dtype, own_graphs=True), atoms, rows, 30)

    whole = fly([0, 1, 2, 3, 4])
    for rows in ([3], [4, 0], [1, 2]):
        assert torch.equal(fly(rows), whole[rows])


def test_as_on_a_gpu_nothing_is_asked_on_the_way(small: System, many: torch.Tensor) -> None:
    late = FactorisedMace(_model(), small, deferred=True, skin=1.0)
    late.refresh(many, range(3))
    late(many, range(3))
    with Waits() as waits:
        told, pushed = late(many + 0.01, range(3))
    assert waits.met == []
    energies, forces = FactorisedMace(_model(), small)(many + 0.01)
    torch.testing.assert_close(told, energies, rtol=1e-15, atol=0)
    torch.testing.assert_close(pushed, forces, rtol=0, atol=1e-12)
    moved = many.clone()
    moved[0, 8:, 2] -= 1.5
    late.refresh(moved, range(3))
    told, pushed = late(moved, range(3))
    torch.testing.assert_close(pushed, FactorisedMace(_model(), small)(moved)[1], rtol=0, atol=1e-11)


def test_what_it_can_not_do_is_refused_by_name(small: System) -> None:
    with pytest.raises(RefusedError, match="its correlation is 4, more than 3"):
        FactorisedMace(_model(correlation=4, max_ell=1), small)
    odd = _model()
    odd.get_submodule("interactions").append(torch.nn.Identity())
    with pytest.raises(RefusedError, match="its interaction is a Identity"):
        FactorisedMace(odd, small)


def test_the_table_is_the_network() -> None:
    """Values, slope, nothing beyond the cutoff, and no number where two nuclei meet."""
    r_max = 4.0

    def function(r: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.sin(3 * r) * (r_max - r) ** 3, (r_max - r) ** 4], dim=1)

    table = radial.Table(function, r_max)
    r = torch.rand(500, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 3.8 + 0.1
    r.requires_grad_()
    exact = r.detach().clone().requires_grad_()
    told, truth = table(r), function(exact)
    torch.testing.assert_close(told, truth, rtol=0, atol=1e-8 * float(truth.detach().abs().max()))
    weights = torch.tensor([1.0, -2.0], dtype=torch.float64)
    (slope,) = torch.autograd.grad((told * weights).sum(), r)
    (steep,) = torch.autograd.grad((truth * weights).sum(), exact)
    torch.testing.assert_close(slope, steep, rtol=0, atol=1e-5 * float(steep.abs().max()))
    far = table(torch.tensor([[4.0], [8.0]], dtype=torch.float64))
    assert not far.any()
    assert table(torch.tensor([[1e-4]], dtype=torch.float64)).isnan().all()

"""Who moves the atoms: by order, by name, and what happens when someone does not pass."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from ase import Atoms

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.shooting import Dynamics
from aiida_mlgun.remote.engine.evaluators import (
    Committee,
    FactorisedMace,
    SymmetrixMace,
    System,
    TorchMace,
    choose,
    make_evaluator,
)
from aiida_mlgun.remote.mace import symmetrix_model

Make = Callable[[str], torch.nn.Module]


def _make(models: Any, atoms: Atoms, **how: Any) -> tuple[Any, dict[str, Any]]:
    made = make_evaluator(
        models, atoms.numbers, atoms.cell.array, atoms.pbc, Dynamics(**how), "cpu", atoms.positions[None]
    )
    assert json.loads(json.dumps(made[1], allow_nan=False)) == made[1], "the record goes into the manifest"
    return made


@pytest.mark.parametrize("precision", ["float64", "mixed"])
def test_auto_takes_the_fastest_that_passes(compact: torch.nn.Module, slab_and_gas: Atoms, precision: str) -> None:
    weights = {key: value.clone() for key, value in compact.state_dict().items()}
    evaluate, record = _make(compact, slab_and_gas, precision=precision)
    assert isinstance(evaluate, SymmetrixMace)
    assert (record["asked"], record["evaluator"], record["precision"]) == ("auto", "symmetrix", precision)
    (tried,) = record["tried"]
    assert (tried["name"], tried["status"]) == ("symmetrix", "ok")
    assert tried["force_error"] < {"float64": 1e-5, "mixed": 1e-3}[precision]
    assert tried["setup_seconds"] <= tried["seconds"] <= record["seconds"]
    assert record["elements"] == [["H", "C", "Si"]]
    assert evaluate.references(range(10)).isnan().all(), "shot 0 must not find a list of the probe's"
    assert all(torch.equal(value, weights[key]) for key, value in compact.state_dict().items())


def test_torch_by_name_is_not_probed(compact: torch.nn.Module, slab_and_gas: Atoms) -> None:
    evaluate, record = _make(compact, slab_and_gas, evaluator="torch", precision="float64", own_graphs=True, skin=0.3)
    assert isinstance(evaluate, TorchMace) and evaluate.own_graphs and evaluate.lists.skin == 0.3
    assert [one["name"] for one in record["tried"]] == ["torch"]
    x = torch.from_numpy(slab_and_gas.positions)[None]
    whole = TorchMace(compact, System(slab_and_gas.numbers, slab_and_gas.cell.array, slab_and_gas.pbc))(x)
    told = evaluate(x)
    torch.testing.assert_close(told[0], whole[0], rtol=1e-14, atol=0)
    torch.testing.assert_close(told[1], whole[1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("evaluator", ["auto", "symmetrix"])
def test_a_failed_probe_falls_back_and_says_so(
    compact: torch.nn.Module, slab_and_gas: Atoms, monkeypatch: pytest.MonkeyPatch, evaluator: str
) -> None:
    def worse(model: torch.nn.Module, *rest: Any, **how: Any) -> SymmetrixMace:
        """The program on weights of which one layer is off by a thousandth."""
        other = copy.deepcopy(model)
        other.get_submodule("interactions.0.linear_up").weight.data *= 1.001
        return SymmetrixMace(other, *rest, **how)

    monkeypatch.setattr(choose, "SymmetrixMace", worse)
    made, record = _make(compact, slab_and_gas, evaluator=evaluator)
    next_one = ("factorised", "ok") if evaluator == "auto" else ("torch", "reference")
    assert isinstance(made, TorchMace) and made.dtype == torch.float32
    assert record["evaluator"] == next_one[0]
    first, last = record["tried"]
    assert (first["name"], first["status"]) == ("symmetrix", "failed")
    assert "forces differ by" in first["detail"] and "it is passed over" in first["detail"]
    assert (last["name"], last["status"]) == next_one


def test_what_is_not_there_is_passed_over_or_refused(
    compact: torch.nn.Module, slab_and_gas: Atoms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(symmetrix_model, "find_spec", lambda name: None)
    evaluate, record = _make(compact, slab_and_gas)
    assert isinstance(evaluate, FactorisedMace)
    assert record["tried"][0]["status"] == "unavailable" and "not installed" in record["tried"][0]["detail"]
    with pytest.raises(RefusedError, match="evaluator symmetrix: the package is not installed"):
        _make(compact, slab_and_gas, evaluator="symmetrix")


def test_a_model_that_symmetrix_can_not_do(small_mace: Make, silicon_and_acetylene: Atoms) -> None:
    _, record = _make(small_mace("float64"), silicon_and_acetylene)
    assert record["evaluator"] == "factorised" and "max_ell 3 are needed" in record["tried"][0]["detail"]
    with pytest.raises(RefusedError, match="max_ell 3 are needed"):
        _make(small_mace("float64"), silicon_and_acetylene, evaluator="symmetrix")


def test_a_committee_is_made_of_one_kind(compact: torch.nn.Module, slab_and_gas: Atoms) -> None:
    other = copy.deepcopy(compact)
    other.get_submodule("interactions.0.linear_up").weight.data *= 1.01
    evaluate, record = _make([compact, other], slab_and_gas, precision="float64")
    assert isinstance(evaluate, Committee) and record["models"] == 2 and record["evaluator"] == "symmetrix"
    assert all(isinstance(member, SymmetrixMace) for member in evaluate.members)
    x = torch.from_numpy(slab_and_gas.positions)[None]
    system = System(slab_and_gas.numbers, slab_and_gas.cell.array, slab_and_gas.pbc)
    forces = torch.stack([TorchMace(model, system)(x)[1] for model in (compact, other)])
    torch.testing.assert_close(evaluate(x)[1], forces.mean(dim=0), rtol=0, atol=1e-5)
    assert float(evaluate.spread) == pytest.approx(float((forces[0] - forces[1]).abs().max()) / 2, rel=1e-3)


def test_an_element_that_a_model_lacks_is_refused(compact: torch.nn.Module) -> None:
    atoms = Atoms("HAu", [[0, 0, 0], [1.5, 0, 0]])
    with pytest.raises(RefusedError, match="does not know Au") as refused:
        _make(compact, atoms)
    assert refused.value.status == "element_not_covered"


def test_a_molecule_without_a_cell(compact: torch.nn.Module) -> None:
    atoms = Atoms("C2H2", [[0, 0, 0.6], [0, 0, -0.6], [0, 0, 1.67], [0, 0, -1.67]])
    evaluate, record = _make(compact, atoms)
    assert isinstance(evaluate, SymmetrixMace) and record["tried"][0]["status"] == "ok"
    assert np.isfinite(float(evaluate(torch.from_numpy(atoms.positions)[None])[0]))

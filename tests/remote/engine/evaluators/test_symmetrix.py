"""Symmetrix against torch, bit against bit, and what it can't do."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.remote.engine.evaluators import SymmetrixMace, System, TorchMace, probe
from aiida_mlgun.remote.engine.integrator import inertia, nve_init, nve_step
from aiida_mlgun.remote.mace import symmetrix_model

Make = Callable[..., torch.nn.Module]


def _free(evaluate: SymmetrixMace) -> SymmetrixMace:
    evaluate.forget(range(100))
    return evaluate


def test_energies_and_forces_are_those_of_torch(
    compact: torch.nn.Module, system: System, symmetrix: SymmetrixMace, rows: torch.Tensor
) -> None:
    energies, forces = TorchMace(compact, system)(rows)
    _free(symmetrix)(rows + 0.06)
    builds = symmetrix.lists.builds
    told, pushed = symmetrix(rows)
    assert symmetrix.lists.builds == builds, "with lists made elsewhere"
    torch.testing.assert_close(told, energies, rtol=0, atol=1e-7)
    torch.testing.assert_close(pushed, forces, rtol=0, atol=1e-5)
    assert float(forces.abs().max()) > 1
    assert symmetrix.r_max == 5.0 and symmetrix.n_atoms == len(system) and not symmetrix.deferred


def test_float32_keeps_what_changes(
    compact: torch.nn.Module, system: System, rows: torch.Tensor, symmetrix: SymmetrixMace
) -> None:
    exact, forces = _free(symmetrix)(rows)
    mixed, pushed = SymmetrixMace(compact, system, dtype=torch.float32)(rows)
    assert mixed.dtype == pushed.dtype == torch.float64
    rounding = probe.ROUNDING[torch.float32] * len(system)  # what the probe of each job reckons with
    torch.testing.assert_close(mixed - mixed[0], exact - exact[0], rtol=0, atol=rounding)
    torch.testing.assert_close(pushed, forces, rtol=0, atol=2e-4)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_a_model_like_the_foundation_models(
    small_mace: Make, system: System, rows: torch.Tensor, dtype: torch.dtype
) -> None:
    """Vectors, correlation 3: their products are a kernel of their own, and no batch is to be seen in its numbers."""
    model = small_mace("float64", max_ell=3, correlation=3)
    energies, forces = TorchMace(model, system)(rows)
    evaluate = SymmetrixMace(model, system, dtype=dtype)
    assert evaluate._program._native.m0_implementation == "host_plugin"
    told, pushed = evaluate(rows, range(5))
    exact = dtype == torch.float64
    torch.testing.assert_close(told - told[0], energies - energies[0], rtol=0, atol=1e-7 if exact else 1e-4)
    torch.testing.assert_close(pushed, forces, rtol=0, atol=1e-5 if exact else 2e-4)
    assert float(forces.abs().max()) > 0.1
    for some in ([2], [4, 0], [1, 3, 2]):
        e, f = _free(evaluate)(rows[some], range(len(some)))
        assert torch.equal(e, told[some]) and torch.equal(f, pushed[some])


def test_two_hundred_steps_do_not_see_the_batch(slab_and_gas: Atoms, symmetrix: SymmetrixMace) -> None:
    """To the last bit: batches of 1, 2 and 5, other places in them, lists remade on the way."""
    atoms, rng = slab_and_gas, np.random.default_rng(9)
    x = torch.from_numpy(atoms.positions + rng.normal(0, 0.03, (5, len(atoms), 3)))
    v = torch.from_numpy(rng.normal(0, 0.01, x.shape))
    body = inertia(atoms.get_masses(), np.zeros(len(atoms), dtype=bool))

    def fly(rows: list[int]) -> torch.Tensor:
        _free(symmetrix)
        state = nve_init(symmetrix, x[rows], v[rows], body, rows)
        for _ in range(200):
            state = nve_step(symmetrix, state, body, 0.5)
        return state.positions

    before = symmetrix.lists.builds
    whole = fly([0, 1, 2, 3, 4])
    assert symmetrix.lists.builds - before > 10
    for rows in ([2], [4, 0], [1, 3]):
        assert torch.equal(fly(rows), whole[rows])


def test_who_comes_and_goes_changes_nothing(symmetrix: SymmetrixMace, rows: torch.Tensor) -> None:
    _free(symmetrix)(rows, [10, 11, 12, 13, 14])
    later = rows + 0.05
    whole = symmetrix(later, [10, 11, 12, 13, 14])
    symmetrix.forget([11])
    part = symmetrix(later[[3, 0]], [13, 10])
    assert torch.equal(part[0], whole[0][[3, 0]]) and torch.equal(part[1], whole[1][[3, 0]])


def test_recalled_lists_give_the_same_bits(
    compact: torch.nn.Module, system: System, symmetrix: SymmetrixMace, rows: torch.Tensor
) -> None:
    _free(symmetrix)(rows, range(5))
    later = rows + 0.1
    energies, forces = symmetrix(later, range(5))
    other = SymmetrixMace(compact, system)
    other.recall([3, 1], symmetrix.references([3, 1]))
    told, pushed = other(later[[3, 1]], [3, 1])
    assert torch.equal(other.references([3, 1]), rows[[3, 1]])
    assert torch.equal(told, energies[[3, 1]]) and torch.equal(pushed, forces[[3, 1]])


def test_a_torn_row_has_no_energy_and_harms_no_other(symmetrix: SymmetrixMace, rows: torch.Tensor) -> None:
    x = rows.clone()
    x[0, 4] = torch.nan
    x[1, 4] = 1e9
    x[2, 4] = x[2, 5]
    energies, forces = _free(symmetrix)(x)
    assert energies.isnan().tolist() == [True, True, True, False, False]
    good = _free(symmetrix)(rows)
    assert torch.equal(energies[3:], good[0][3:]) and torch.equal(forces[3:], good[1][3:])


def test_far_apart_atoms_have_their_own_energies(compact: torch.nn.Module) -> None:
    atoms = Atoms("HCSi", [[0, 0, 0], [30, 0, 0], [0, 30, 0]])
    apart = System(atoms.numbers, atoms.cell.array, atoms.pbc)
    x = torch.from_numpy(atoms.positions)[None]
    told, pushed = SymmetrixMace(compact, apart)(x)
    torch.testing.assert_close(told, TorchMace(compact, apart)(x)[0], rtol=0, atol=1e-9)
    assert not pushed.any()


def test_what_it_can_not_do_is_refused_by_name(
    small_mace: Make, system: System, compact: torch.nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RefusedError, match="max_ell 3 are needed, this model has 2 and 2"):
        SymmetrixMace(small_mace("float64"), system)
    with pytest.raises(RefusedError, match="computes on cpu, not on cuda"):
        SymmetrixMace(compact, system, device=torch.device("cuda"))
    monkeypatch.setattr(symmetrix_model, "find_spec", lambda name: None)
    with pytest.raises(RefusedError, match=r"not installed. Install aiida-mlgun\[symmetrix\]"):
        SymmetrixMace(compact, system)


def test_the_way_it_can_not_compute_gives_place_to_the_next(
    compact: torch.nn.Module,
    system: System,
    symmetrix: SymmetrixMace,
    rows: torch.Tensor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And both ways of computing give the same numbers."""
    energies, forces = _free(symmetrix)(rows)
    monkeypatch.setattr(symmetrix_model, "_PROFILES", {"cpu": ("no such profile", "speed")})
    other = SymmetrixMace(compact, system)
    assert other.note.startswith("not by its profile no such profile: ") and symmetrix.note == ""
    assert len(symmetrix.kernels) == 2 and set(other.kernels) < set(symmetrix.kernels)
    told, pushed = other(rows)
    torch.testing.assert_close(told, energies, rtol=0, atol=1e-11)
    torch.testing.assert_close(pushed, forces, rtol=0, atol=1e-11)
    monkeypatch.setattr(symmetrix_model, "_PROFILES", {"cpu": ("no such profile",)})
    with pytest.raises(RefusedError, match=r"symmetrix can.t start: .*execution_profile"):
        SymmetrixMace(compact, system)


def test_a_compiler_that_does_not_know_the_flags_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "g++ -O1")
    assert symmetrix_model._swift_compiler() == {"CXX": "g++ -O1 -fno-tree-pre -fno-code-hoisting"}
    other = tmp_path / "other++"
    other.write_text('#!/bin/sh\ncase "$*" in *-fno-tree-pre*) exit 1;; esac\nexec g++ "$@"\n')
    other.chmod(0o755)
    for command in (str(other), str(tmp_path / "none"), "g++ 'unbalanced"):
        monkeypatch.setenv("CXX", command)
        assert symmetrix_model._swift_compiler() == {}


def test_without_a_compiler_it_says_so(
    compact: torch.nn.Module, system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYMMETRIX_JIT_CACHE", str(tmp_path / "kernels"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(RefusedError, match=r"here is no C\+\+20 compiler \(looked for \$CXX, c\+\+"):
        SymmetrixMace(compact, system)


CHILD = """
import sys
from pathlib import Path
import numpy as np, torch
from aiida_mlgun.assets import COMPACT_MODEL, shipped_models
from aiida_mlgun.remote.engine.evaluators import SymmetrixMace, System
from aiida_mlgun.remote.mace import load_model
print("--", file=sys.stderr, flush=True)
print("--", flush=True)
model = load_model(Path(shipped_models()[COMPACT_MODEL]), "cpu", "float64")
evaluate = SymmetrixMace(model, System(np.array([1, 1]), np.eye(3), np.zeros(3, dtype=bool)))
print(evaluate(torch.tensor([[[0.0, 0, 0], [0.8, 0, 0]]]).double())[0].tolist())
"""


TWO_THREADS = """
import sys
from pathlib import Path
import numpy as np, torch
torch.set_num_threads(2)
from aiida_mlgun.assets import COMPACT_MODEL, shipped_models
from aiida_mlgun.remote.engine.evaluators import SymmetrixMace, System, TorchMace
from aiida_mlgun.remote.mace import load_model
told = np.load(sys.argv[1])
rows, system = torch.from_numpy(told["rows"]), System(told["numbers"], told["cell"], told["pbc"])
model = load_model(Path(shipped_models()[COMPACT_MODEL]), "cpu", "float64")
evaluate = SymmetrixMace(model, system)
energies, forces = evaluate(rows, range(5))
torch.testing.assert_close(forces, TorchMace(model, system)(rows)[1], rtol=0, atol=1e-5)
for _ in range(100):
    e, f = evaluate(rows, range(5))
    assert torch.equal(e, energies) and torch.equal(f, forces), "again"
for some in ([0], [2], [4, 0], [1, 3, 2]):
    evaluate.forget(range(5))
    e, f = evaluate(rows[some], range(len(some)))
    assert torch.equal(e, energies[some]) and torch.equal(f, forces[some]), some
"""


def test_two_threads_give_the_same_bits_each_time_and_in_every_batch(
    system: System, rows: torch.Tensor, tmp_path: Path
) -> None:
    told = tmp_path / "told.npz"
    np.savez(told, rows=rows.numpy(), numbers=system.numbers, cell=system.cell, pbc=system.pbc)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
    command = [sys.executable, "-W", "ignore", "-c", TWO_THREADS, str(told)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr


def test_its_kernels_lie_in_a_private_folder_and_it_gives_no_advice(tmp_path: Path) -> None:
    cache = tmp_path / "kernels"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "KOKKOS_"))}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHILD],
        env=environment | {"SYMMETRIX_JIT_CACHE": str(cache)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.partition("--\n")[2].splitlines()) == 1
    assert done.stderr.partition("--\n")[2] == ""
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert any(cache.rglob("*.so"))


def test_tiny_numbers_stay_what_they_are(symmetrix: SymmetrixMace, rows: torch.Tensor) -> None:
    """The kernel's -ffast-math must not reach the rest of the process."""
    _free(symmetrix)(rows)
    tiny = torch.tensor([1e-40])
    assert float(tiny * torch.ones(1)) == float(tiny) > 0.0

"""The verb ``shoot`` from files to files: with a small real MACE, and against an elastic wall with a closed form."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule

from aiida_mlgun.contract import files
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.jobs import ShootJob
from aiida_mlgun.contract.shooting import Aim, Chemistry, Decision, Dynamics, ReactiveGroup, Velocity
from aiida_mlgun.remote import shoot
from aiida_mlgun.remote.io import write_frames
from aiida_mlgun.remote.mace import save_model
from aiida_mlgun.science.frames import Frames, from_atoms
from aiida_mlgun.science.npz import unpack
from aiida_mlgun.science.outcomes import load_catalogue
from aiida_mlgun.science.units import KINETIC

from .toys import Energies

FIXTURES = Path(__file__).parent.parent / "fixtures"
N_SLAB, N_ATOMS = 24, 28
Change = Callable[[Atoms], None]


def _states(atoms: Atoms, count: int, heat: float, seed: int) -> Frames:
    """``count`` states around ``atoms``: normal displacements and velocities, Å and Å/fs."""
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        image = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        image.positions += rng.normal(0, heat, image.positions.shape)
        image.arrays["velocities_A_fs"] = rng.normal(0, 0.1 * heat, image.positions.shape)
        images.append(image)
    return from_atoms(images)


@pytest.fixture
def slab() -> Atoms:
    """The relaxed 2×2 Si(001) slab, not periodic along z."""
    with (FIXTURES / "si001_2x2_relaxed.extxyz").open() as handle:
        atoms = ase.io.read(handle, format="extxyz")
    atoms.pbc = (True, True, False)
    return atoms


@pytest.fixture
def folder(
    tmp_path: Path, slab: Atoms, small_mace: Callable[[str], torch.nn.Module], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A job's folder: two slab states, three of C2H2; the small model is at hand without a file."""
    write_frames(tmp_path / files.SLAB_STATES, _states(slab, 2, 0.01, 1))
    write_frames(tmp_path / files.MOLECULE_STATES, _states(molecule("C2H2"), 3, 0.01, 2))
    monkeypatch.setattr(shoot, "load_model", lambda folder, device, dtype: small_mace(dtype))
    return tmp_path


def _job(**changes: Any) -> ShootJob:
    job = ShootJob(
        n_shots=5,
        seed=11,
        chemistry=Chemistry((ReactiveGroup("CC", (0, 1)),), load_catalogue()),
        aim=Aim(height=9.0),
        velocity=Velocity(recipe="beam", kinetic_energy=0.5),
        dynamics=Dynamics(max_steps=30, check_every=10, batch_size=2, threads=1),
        decision=Decision(max_drift=1e3, max_unresolved=1.0),
        device="cpu",
    )
    return replace(job, **changes)


def _shots(folder: Path) -> dict[str, np.ndarray]:
    return unpack((folder / files.SHOTS).read_bytes())


def test_a_job_from_files_to_files(
    folder: Path, small_mace: Callable[[str], torch.nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    save_model(small_mace("float64"), folder / files.MODEL)
    result = shoot.run(_job(keep_trajectories=("*",)), folder)
    assert (result.status, result.detail) == ("ok", "")
    assert result.outputs == (files.SHOTS, files.TRAJECTORIES)
    table = _shots(folder)
    n = 5
    shapes = {
        "xy": (n, 2), "quaternion": (n, 4), "impulse": (n, 3),
        "positions": (n, N_ATOMS, 3), "velocities": (n, N_ATOMS, 3),
        "numbers": (N_ATOMS,), "cell": (3, 3), "pbc": (3,), "n_slab": (), "layer": (N_SLAB,), "dimers": (2, 2),
        "surface_z": (), "path_offsets": (n + 1,), "event_offsets": (n + 1,),
    }  # fmt: skip
    for name, shape in shapes.items():
        assert table[name].shape == shape, name
    scalars = (
        "seed",
        "slab_state",
        "molecule_state",
        "kinetic_energy_in",
        "outcome",
        "group",
        "site",
        "reason",
        "ended",
    )
    scalars += ("contact_fs", "bond_fs", "end_fs", "n_steps", "energy_start", "energy_end", "drift", "energy_max_dev")
    for name in (*scalars, "temperature_max", "min_height"):
        assert table[name].shape == (n,), name
    np.testing.assert_array_equal(table["shot"], range(5))
    np.testing.assert_array_equal(table["n_steps"], 30)
    np.testing.assert_array_equal(table["end_fs"], 15.0)
    np.testing.assert_array_equal(table["ended"], "max_steps")
    np.testing.assert_array_equal(table["outcome"], "undecided")
    np.testing.assert_allclose(table["kinetic_energy_in"], 0.5, rtol=1e-9)
    assert table["path"].shape == (int(table["path_offsets"][-1]), 5)
    np.testing.assert_array_equal(np.diff(table["path_offsets"]), 4)  # looks at 0, 5, 10 and 15 fs
    assert (np.abs(table["energy_end"] - table["energy_start"]) < 1e-2).all()
    assert result.numbers["shots"] == 5 and result.numbers["outcomes"] == {"undecided": 5}
    assert result.numbers["steps"] == 150 and result.numbers["batch_size"] == 2
    paths = unpack((folder / files.TRAJECTORIES).read_bytes())
    np.testing.assert_array_equal(paths["offsets"], [0, 4, 8, 12, 16, 20])
    assert paths["positions"].shape == (20, N_ATOMS, 3) and paths["positions"].dtype == np.float32
    np.testing.assert_allclose(paths["positions"][3], table["positions"][0], atol=1e-5)
    progress = json.loads((folder / files.PROGRESS).read_text())
    assert (progress["done"], progress["total"], progress["eta_s"]) == (5, 5, 0.0)
    assert progress["steps"] == 150 and progress["steps_per_s"] > 0


def test_the_fixed_layer_does_not_move(folder: Path, slab: Atoms) -> None:
    shoot.run(_job(fixed_layers=2), folder)
    table = _shots(folder)
    still = np.flatnonzero(table["layer"] >= table["layer"].max() - 1)
    states = _states(slab, 2, 0.01, 1).positions.reshape(2, N_SLAB, 3)
    for i in range(5):
        np.testing.assert_array_equal(table["positions"][i][still], states[table["slab_state"][i]][still])
        assert not table["velocities"][i][still].any()
        assert table["velocities"][i][N_SLAB:].any()


def test_the_same_job_gives_the_same_bytes(folder: Path) -> None:
    shoot.run(_job(), folder)
    first = (folder / files.SHOTS).read_bytes()
    shoot.run(_job(), folder)
    assert (folder / files.SHOTS).read_bytes() == first


def test_a_shot_does_not_depend_on_its_batch(folder: Path) -> None:
    """Starts are equal to the bit; paths to the last digits of a float32 model over 30 steps."""
    shoot.run(_job(), folder)
    together = _shots(folder)
    shoot.run(
        _job(first_shot=3, n_shots=2, dynamics=Dynamics(max_steps=30, check_every=10, batch_size=1, threads=1)), folder
    )
    alone = _shots(folder)
    for name in ("shot", "seed", "slab_state", "molecule_state", "xy", "quaternion", "impulse", "outcome"):
        np.testing.assert_array_equal(alone[name], together[name][3:])
    np.testing.assert_allclose(alone["positions"], together["positions"][3:], rtol=0, atol=1e-6)


def test_when_time_is_up_the_finished_part_is_kept(folder: Path) -> None:
    result = shoot.run(_job(max_seconds=0.0), folder)
    assert result.status == "wall_time" and "0 of 5 shots" in result.detail
    table = _shots(folder)
    assert table["shot"].shape == (0,) and table["positions"].shape == (0, N_ATOMS, 3)
    assert table["path"].shape == (0, 5) and table["outcome"].dtype.kind == "U"


def test_statuses_of_a_failed_science(folder: Path) -> None:
    strict = Decision(max_drift=1e-12, max_unresolved=1.0)
    result = shoot.run(_job(decision=strict), folder)
    assert result.status == "energy_drift" and "meV/atom/ps" in result.detail
    result = shoot.run(_job(decision=Decision(max_drift=1e3, max_unresolved=0.0)), folder)
    assert result.status == "shots_unresolved" and result.detail.startswith("5 of 5 shots")
    assert result.outputs == (files.SHOTS,)


class Wall:
    """Springs hold C2H2 together; a harmonic wall at z = 13 Å, felt by its centre of mass alone, turns it round."""

    z, k = 13.0, 40.0
    device, r_max = torch.device("cpu"), 4.0

    def __init__(self, *_: Any) -> None:
        shape = molecule("C2H2").positions
        self.lengths = torch.from_numpy(np.linalg.norm(shape[:, None] - shape, axis=-1))
        masses = torch.from_numpy(molecule("C2H2").get_masses())
        self.weights = masses / masses.sum()

    def __call__(self, positions: torch.Tensor) -> Energies:
        x = positions.detach().clone().requires_grad_(True)
        gas = x[:, N_SLAB:]
        d = (gas[:, :, None] - gas[:, None] + torch.eye(4, dtype=x.dtype)[None, :, :, None] * 1e-3).norm(dim=3)
        inner = 2.5 * (d - self.lengths).square() * (1 - torch.eye(4, dtype=x.dtype))
        depth = (self.z - gas[:, :, 2] @ self.weights).clamp(min=0)
        energies = inner.sum(dim=(1, 2)) + 0.5 * self.k * depth.square()
        (gradient,) = torch.autograd.grad(energies.sum(), x)
        return energies.detach(), -gradient


def test_an_elastic_wall_sends_every_molecule_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cold, broadside, straight down: the centre of mass comes back with its speed, no mode is bound."""
    monkeypatch.setattr(shoot, "MaceEvaluator", Wall)
    flat = molecule("C2H2")
    flat.rotate(90, "x")  # from the z axis into the surface plane
    write_frames(folder / files.MOLECULE_STATES, _states(flat, 1, 0.0, 2))
    job = _job(
        aim=Aim(height=9.0, orientation="snapshot"),
        dynamics=Dynamics(timestep_fs=0.25, max_steps=4000, check_every=20, batch_size=3, threads=1),
        decision=Decision(leave_height=7.5, max_drift=0.5),
        keep_trajectories=("intact",),
    )
    result = shoot.run(job, folder)
    assert result.status == "ok", result.detail
    table = _shots(folder)
    np.testing.assert_array_equal(table["outcome"], "intact")
    np.testing.assert_array_equal(table["ended"], "left")
    masses = molecule("C2H2").get_masses()
    v = np.einsum("a,sax->sx", masses, table["velocities"][:, N_SLAB:]) / masses.sum()
    speed = np.sqrt(2 * 0.5 / (KINETIC * masses.sum()))
    np.testing.assert_allclose(v, np.tile([0, 0, speed], (5, 1)), atol=1e-4 * speed)
    top = float(table["surface_z"]) + 9.0
    lowest = float(table["surface_z"]) + table["min_height"]
    assert (lowest < Wall.z).all() and (lowest > Wall.z - 1).all()
    back = float(table["surface_z"]) + 7.5
    expected = (top - Wall.z + back - Wall.z) / speed  # the way there and back
    np.testing.assert_allclose(table["end_fs"], expected, rtol=0.1)
    assert (np.abs(table["drift"]) < 0.5).all()
    paths = unpack((folder / files.TRAJECTORIES).read_bytes())
    np.testing.assert_array_equal(paths["shot"], range(5))


def test_a_signal_ends_the_run_and_the_finished_part_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(Wall):
        calls = 0

        def __call__(self, positions: torch.Tensor) -> Energies:
            self.calls += 1
            if self.calls == 45:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().__call__(positions)

    monkeypatch.setattr(shoot, "MaceEvaluator", Killed)
    result = shoot.run(_job(), folder)
    assert result.status == "terminated" and result.detail.startswith("2 of 5 shots")
    np.testing.assert_array_equal(_shots(folder)["shot"], [0, 1])
    assert result.numbers["steps"] == 86  # two whole shots, and thirteen steps of two others


def test_trajectories_of_other_outcomes_are_not_kept(folder: Path) -> None:
    shoot.run(_job(keep_trajectories=("intact",)), folder)
    paths = unpack((folder / files.TRAJECTORIES).read_bytes())
    assert paths["shot"].shape == (0,) and paths["positions"].shape == (0, N_ATOMS, 3)
    np.testing.assert_array_equal(paths["offsets"], [0])


def _still(states: Frames) -> Frames:
    return replace(states, velocities=None)


def _mixed(states: Frames) -> Frames:
    return replace(states, cell=states.cell * np.array([1.0, 1.1])[:, None, None])


@pytest.mark.parametrize(
    ("change", "says"), [(_still, "need velocities"), (_mixed, "state 1 has other atoms, cell or periodicity")]
)
def test_start_states_that_do_not_fit_are_refused(folder: Path, slab: Atoms, change: Any, says: str) -> None:
    write_frames(folder / files.SLAB_STATES, change(_states(slab, 2, 0.01, 1)))
    with pytest.raises(RefusedError, match=f"{files.SLAB_STATES}: .*{says}"):
        shoot.run(_job(), folder)


def test_geometry_is_checked_before_the_first_step(folder: Path, slab: Atoms) -> None:
    slab.pbc = True
    write_frames(folder / files.SLAB_STATES, _states(slab, 2, 0.01, 1))
    with pytest.raises(RefusedError, match=r"shot 0: the vacuum is too small") as refused:
        shoot.run(_job(), folder)
    assert refused.value.status == "geometry_refused"
    assert not (folder / files.SHOTS).exists()


def test_an_element_that_the_model_lacks_is_refused(folder: Path) -> None:
    write_frames(folder / files.MOLECULE_STATES, _states(molecule("CO"), 1, 0.01, 2))
    with pytest.raises(RefusedError, match="does not know O") as refused:
        shoot.run(_job(), folder)
    assert refused.value.status == "element_not_covered"


def test_outcomes_are_named_in_full_or_without_their_group() -> None:
    assert shoot._is_kept("on_top CC", ("on_top",)) and shoot._is_kept("on_top CC", ("on_top CC",))
    assert shoot._is_kept("explosion", ("*",)) and not shoot._is_kept("bridge CC", ("on_top",))
    assert not shoot._is_kept("on_top CC", ())

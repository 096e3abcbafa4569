"""The verb ``shoot`` from files to files: with a small real MACE, and against an elastic wall with a closed form."""

from __future__ import annotations

import copy
import json
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule

from aiida_mlgun.contract import files
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.shooting import Aim, Decision, Dynamics, Output
from aiida_mlgun.remote import shoot
from aiida_mlgun.remote.io import write_frames
from aiida_mlgun.remote.mace import save_model
from aiida_mlgun.science.frames import Frames
from aiida_mlgun.science.npz import unpack
from aiida_mlgun.science.shot_arrays import paths, trajectory
from aiida_mlgun.science.units import KINETIC

from .shots import N_ATOMS, N_SLAB, clean_slab, shots_of, small_job, states, write_starts
from .toys import Energies


@pytest.fixture
def slab() -> Atoms:
    return clean_slab()


@pytest.fixture
def folder(tmp_path: Path, small_mace: Callable[[str], torch.nn.Module], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A job's folder: two slab states, three of C2H2; the small model is at hand without a file."""
    write_starts(tmp_path)
    monkeypatch.setattr(shoot, "load_model", lambda folder, device, dtype: small_mace(dtype))
    return tmp_path


def test_a_job_from_files_to_files(
    folder: Path, small_mace: Callable[[str], torch.nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    save_model(small_mace("float64"), folder / files.MODEL)
    result = shoot.run(small_job(output=Output(trajectories=("*",), frame_every_fs=5.0)), folder)
    assert (result.status, result.detail) == ("ok", "")
    assert result.outputs == (files.SHOTS, files.TRAJECTORIES)
    table = shots_of(folder)
    n = 5
    shapes = {
        "xy": (n, 2), "quaternion": (n, 4), "impulse": (n, 3),
        "positions": (n, N_ATOMS, 3), "velocities": (n, N_ATOMS, 3),
        "numbers": (N_ATOMS,), "cell": (3, 3), "pbc": (3,), "n_slab": (), "layer": (N_SLAB,), "dimers": (2, 2),
        "surface_z": (), "path_offsets": (n + 1,), "event_offsets": (n + 1,), "final_offsets": (n + 1,),
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
    for name in (*scalars, "temperature_max", "min_height", "force_spread_max"):
        assert table[name].shape == (n,), name
    np.testing.assert_array_equal(table["shot"], range(5))
    np.testing.assert_array_equal(table["n_steps"], 30)
    np.testing.assert_array_equal(table["end_fs"], 15.0)
    np.testing.assert_array_equal(table["ended"], "max_steps")
    np.testing.assert_array_equal(table["outcome"], "undecided")
    np.testing.assert_allclose(table["kinetic_energy_in"], 0.5, rtol=1e-9)
    for path in paths(table):
        np.testing.assert_array_equal(path.time_fs, [0.0, 10.0, 15.0])
    assert (np.abs(table["energy_end"] - table["energy_start"]) < 1e-2).all()
    assert result.numbers["shots"] == 5 and result.numbers["outcomes"] == {"undecided": 5}
    assert result.numbers["steps"] == 150 and result.numbers["batch_size"] == 2
    kept = unpack((folder / files.TRAJECTORIES).read_bytes())
    for row, shot in enumerate(range(5)):
        path = trajectory(kept, shot)
        assert path is not None
        np.testing.assert_array_equal(path[0], [0.0, 5.0, 10.0, 15.0])
        np.testing.assert_allclose(path[1][-1], table["positions"][row], atol=6e-4)
    progress = json.loads((folder / files.PROGRESS).read_text())
    assert (progress["done"], progress["total"], progress["eta_s"]) == (5, 5, 0.0)
    assert progress["steps"] == 150 and progress["steps_per_s"] > 0
    assert (progress["decided"], progress["undecided"], progress["outcomes"]) == (0, 5, {"undecided": 5})
    assert (progress["evaluator"], progress["batch_size"]) == (result.numbers["evaluator"], 2)
    assert result.numbers["resumed"] is None and np.isnan(table["force_spread_max"]).all()


def test_the_fixed_layer_does_not_move(folder: Path, slab: Atoms) -> None:
    shoot.run(small_job(fixed_layers=2), folder)
    table = shots_of(folder)
    still = np.flatnonzero(table["layer"] >= table["layer"].max() - 1)
    before = states(slab, 2, 0.01, 1).positions.reshape(2, N_SLAB, 3)
    for i in range(5):
        np.testing.assert_array_equal(table["positions"][i][still], before[table["slab_state"][i]][still])
        assert not table["velocities"][i][still].any()
        assert table["velocities"][i][N_SLAB:].any()


def test_the_same_job_gives_the_same_bytes(folder: Path) -> None:
    shoot.run(small_job(), folder)
    first = (folder / files.SHOTS).read_bytes()
    shoot.run(small_job(), folder)
    assert (folder / files.SHOTS).read_bytes() == first


def test_a_shot_does_not_depend_on_its_batch(folder: Path) -> None:
    """Starts are equal to the bit; paths to the last digits of a float32 model over 30 steps."""
    shoot.run(small_job(), folder)
    together = shots_of(folder)
    shoot.run(
        small_job(first_shot=3, n_shots=2, dynamics=Dynamics(max_steps=30, check_every=10, batch_size=1, threads=1)),
        folder,
    )
    alone = shots_of(folder)
    for name in ("shot", "seed", "slab_state", "molecule_state", "xy", "quaternion", "impulse", "outcome"):
        np.testing.assert_array_equal(alone[name], together[name][3:])
    np.testing.assert_allclose(alone["positions"], together["positions"][3:], rtol=0, atol=1e-6)


def test_when_time_is_up_the_finished_part_is_kept(folder: Path) -> None:
    """However little time there is, each run does one segment; the runs together do the job."""
    result = shoot.run(small_job(max_seconds=0.0), folder)
    assert result.status == "wall_time" and "0 of 5 shots" in result.detail
    assert result.numbers["steps"] == 20
    table = shots_of(folder)
    assert table["shot"].shape == (0,) and table["positions"].shape == (0, N_ATOMS, 3)
    assert table["path"].shape == (0,) and table["outcome"].dtype.kind == "U"
    shots = []
    while result.status == "wall_time":
        assert any(name.startswith(files.CHECKPOINT) for name in result.outputs)
        result = shoot.run(small_job(max_seconds=0.0, resume=True), folder)
        shots.append(len(shots_of(folder)["shot"]))
    assert (result.status, result.numbers["steps"]) == ("ok", 10)
    assert shots == [0, 2, 2, 2, 4, 4, 4, 5]


def test_statuses_of_a_failed_science(folder: Path) -> None:
    strict = Decision(max_drift=1e-12, max_unresolved=1.0)
    exact = Dynamics(max_steps=30, check_every=10, batch_size=2, threads=1, precision="float64")
    result = shoot.run(small_job(decision=strict, dynamics=exact), folder)
    assert result.status == "energy_drift" and "meV/atom/ps" in result.detail
    result = shoot.run(small_job(decision=Decision(max_drift=1e3, max_unresolved=0.0)), folder)
    assert result.status == "shots_unresolved" and result.detail.startswith("5 of 5 shots")
    assert result.outputs == (files.SHOTS,)


class Wall:
    """Springs hold C2H2 together; a harmonic wall at z = 13 Å, felt by its centre of mass alone, turns it round."""

    z, k = 13.0, 40.0
    device, r_max = torch.device("cpu"), 4.0

    def __init__(self) -> None:
        shape = molecule("C2H2").positions
        self.lengths = torch.from_numpy(np.linalg.norm(shape[:, None] - shape, axis=-1))
        masses = torch.from_numpy(molecule("C2H2").get_masses())
        self.weights = masses / masses.sum()

    def __call__(self, positions: torch.Tensor, keys: Sequence[int] = ()) -> Energies:
        x = positions.detach().clone().requires_grad_(True)
        gas = x[:, N_SLAB:]
        d = (gas[:, :, None] - gas[:, None] + torch.eye(4, dtype=x.dtype)[None, :, :, None] * 1e-3).norm(dim=3)
        inner = 2.5 * (d - self.lengths).square() * (1 - torch.eye(4, dtype=x.dtype))
        depth = (self.z - gas[:, :, 2] @ self.weights).clamp(min=0)
        energies = inner.sum(dim=(1, 2)) + 0.5 * self.k * depth.square()
        (gradient,) = torch.autograd.grad(energies.sum(), x)
        return energies.detach(), -gradient


def _use(monkeypatch: pytest.MonkeyPatch, evaluate: Wall) -> None:
    monkeypatch.setattr(shoot, "make_evaluator", lambda *_: (evaluate, {"evaluator": "wall", "kernels": []}))


def test_an_elastic_wall_sends_every_molecule_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cold, broadside, straight down: the centre of mass comes back with its speed, no mode is bound."""
    _use(monkeypatch, Wall())
    flat = molecule("C2H2")
    flat.rotate(90, "x")  # from the z axis into the surface plane
    write_frames(folder / files.MOLECULE_STATES, states(flat, 1, 0.0, 2))
    job = small_job(
        aim=Aim(height=9.0, orientation="snapshot"),
        dynamics=Dynamics(timestep_fs=0.25, max_steps=4000, check_every=20, batch_size=3, threads=1),
        decision=Decision(leave_height=7.5, max_drift=0.5),
        output=Output(trajectories=("intact",)),
    )
    result = shoot.run(job, folder)
    assert result.status == "ok", result.detail
    table = shots_of(folder)
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
    kept = unpack((folder / files.TRAJECTORIES).read_bytes())
    np.testing.assert_array_equal(kept["shot"], range(5))


def test_a_signal_ends_the_run_and_the_finished_part_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(Wall):
        calls = 0

        def __call__(self, positions: torch.Tensor, keys: Sequence[int] = ()) -> Energies:
            self.calls += 1
            if self.calls == 45:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().__call__(positions, keys)

    _use(monkeypatch, Killed())
    result = shoot.run(small_job(), folder)
    assert result.status == "terminated" and result.detail.startswith("2 of 5 shots")
    np.testing.assert_array_equal(shots_of(folder)["shot"], [0, 1])
    assert result.numbers["steps"] == 80  # two whole shots, and one segment of two others; part of a segment is none
    kept = [name for name in result.outputs if name.startswith(files.CHECKPOINT)]
    assert sorted(Path(name).name for name in kept) == ["shard-000000.npz", "state-000000.json", "state-000000.npz"]
    assert all((folder / name).is_file() for name in kept) and result.leftovers == ()


def test_trajectories_of_other_outcomes_are_not_kept(folder: Path) -> None:
    shoot.run(small_job(output=Output(trajectories=("intact",))), folder)
    kept = unpack((folder / files.TRAJECTORIES).read_bytes())
    assert kept["shot"].shape == (0,) and trajectory(kept, 0) is None
    np.testing.assert_array_equal(kept["offsets"], [0])


def _still(states: Frames) -> Frames:
    return replace(states, velocities=None)


def _mixed(states: Frames) -> Frames:
    return replace(states, cell=states.cell * np.array([1.0, 1.1])[:, None, None])


@pytest.mark.parametrize(
    ("change", "says"), [(_still, "need velocities"), (_mixed, "state 1 has other atoms, cell or periodicity")]
)
def test_start_states_that_do_not_fit_are_refused(folder: Path, slab: Atoms, change: Any, says: str) -> None:
    write_frames(folder / files.SLAB_STATES, change(states(slab, 2, 0.01, 1)))
    with pytest.raises(RefusedError, match=f"{files.SLAB_STATES}: .*{says}"):
        shoot.run(small_job(), folder)


def test_geometry_is_checked_before_the_first_step(folder: Path, slab: Atoms) -> None:
    slab.pbc = True
    write_frames(folder / files.SLAB_STATES, states(slab, 2, 0.01, 1))
    with pytest.raises(RefusedError, match=r"shot 0: the vacuum is too small") as refused:
        shoot.run(small_job(), folder)
    assert refused.value.status == "geometry_refused"
    assert not (folder / files.SHOTS).exists()


def test_an_element_that_the_model_lacks_is_refused(folder: Path) -> None:
    write_frames(folder / files.MOLECULE_STATES, states(molecule("CO"), 1, 0.01, 2))
    with pytest.raises(RefusedError, match="does not know O") as refused:
        shoot.run(small_job(), folder)
    assert refused.value.status == "element_not_covered"


def test_a_committee_tells_how_far_its_members_are_apart(
    folder: Path, small_mace: Callable[[str], torch.nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice the same model: no spread.  Another one beside it: its forces differ, and a shot's largest is told."""
    shoot.run(small_job(), folder)
    alone = shots_of(folder)
    shoot.run(small_job(committee=1), folder)
    np.testing.assert_array_equal(shots_of(folder)["force_spread_max"], 0.0)
    other = copy.deepcopy(small_mace("float64"))
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(1.05)
    models = {files.MODEL: small_mace("float64"), "committee_0": other}
    monkeypatch.setattr(shoot, "load_model", lambda path, device, dtype: models[path.name])
    shoot.run(small_job(committee=1), folder)
    table = shots_of(folder)
    assert (table["force_spread_max"] > 1e-3).all()
    assert np.abs(table["positions"] - alone["positions"]).max() > 1e-6

"""ASE's trajectories, written by ASE with a real calculator."""

import gzip
import pickle
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.io.trajectory import Trajectory
from ase.md.verlet import VelocityVerlet

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.reading.trajectory import TrajectorySource
from aiida_mlgun.science.frames import Frames, concatenate


def everything(path: Path, size: int = 256) -> Frames:
    return concatenate(list(TrajectorySource(path).chunks(size)))


@pytest.fixture
def dynamics(tmp_path: Path) -> tuple[Path, list[Atoms]]:
    """Five frames of copper at 600 K, two atoms fixed, with what ASE says of each."""
    atoms = bulk("Cu", cubic=True).repeat((2, 1, 1))
    atoms.rattle(0.1, seed=1)
    atoms.set_constraint(FixAtoms([0, 1]))
    atoms.calc = EMT()
    spread = np.sqrt(600 * units.kB * atoms.get_masses())[:, None]
    atoms.set_momenta(np.random.default_rng(2).normal(size=(len(atoms), 3)) * spread)
    path, images = tmp_path / "md.traj", []
    with Trajectory(str(path), "w") as trajectory:
        for _ in range(5):
            with VelocityVerlet(atoms, 1 * units.fs) as run:
                run.run(1)
            atoms.get_stress()
            trajectory.write(atoms)
            images.append(atoms.copy())
            images[-1].calc = SinglePointCalculator(
                atoms,
                energy=atoms.get_potential_energy(),
                forces=atoms.get_forces(apply_constraint=False),
                stress=atoms.get_stress(apply_constraint=False),
            )
    return path, images


def test_dynamics(dynamics: tuple[Path, list[Atoms]]) -> None:
    path, images = dynamics
    source = TrajectorySource(path)
    frames = concatenate(list(source.chunks(2)))
    assert len(frames) == 5
    assert frames.energy is not None and frames.forces is not None
    assert frames.stress is not None and frames.velocities is not None
    assert frames.energy.tolist() == [a.get_potential_energy() for a in images]
    assert np.array_equal(frames.forces, np.concatenate([a.calc.results["forces"] for a in images]))
    assert np.array_equal(frames.stress, [a.calc.results["stress"] for a in images])
    assert np.array_equal(frames.positions, np.concatenate([a.positions for a in images]))
    # Å/fs: the kinetic energy in eV of m v² / 2 with m in u
    kinetic = 0.5 * (images[4].get_masses()[:, None] * frames.velocities[frames.part(4)] ** 2).sum() / units.fs**2
    assert kinetic == pytest.approx(images[4].get_kinetic_energy(), rel=1e-12)
    assert np.abs(frames.velocities).max() < 0.02
    assert source.keys.energy == "free_energy"
    picked = source.pick(np.array([1, 4]))
    assert picked.energy is not None
    assert picked.energy.tolist() == frames.energy[[1, 4]].tolist()
    assert picked.tag("step").tolist() == ["1", "4"]
    with pytest.raises(RefusedError, match="it has 5"):
        source.pick(np.array([5]))


def test_different_systems_and_missing_labels(tmp_path: Path) -> None:
    path = tmp_path / "mixed.traj"
    water, copper = molecule("H2O", vacuum=3.0), bulk("Cu")
    water.info["config_type"] = "molecules"
    copper.calc = EMT()
    copper.get_forces()
    with Trajectory(str(path), "w") as trajectory:
        trajectory.write(water)
        trajectory.write(copper)
    frames = everything(path)
    assert frames.n_atoms.tolist() == [3, 1]
    assert frames.energy is not None and frames.forces is not None
    assert np.isnan(frames.energy).tolist() == [True, False]
    assert np.isnan(frames.forces).all(axis=1).tolist() == [True] * 3 + [False]
    assert frames.pbc.tolist() == [[False] * 3, [True] * 3]
    assert frames.tag("stratum").tolist() == ["molecules", ""]


def test_energies_differ(tmp_path: Path) -> None:
    path = tmp_path / "two.traj"
    atoms = bulk("Cu")
    with Trajectory(str(path), "w") as trajectory:
        for results in ({"energy": -1.0, "free_energy": -1.5}, {"energy": -2.0}):
            atoms.calc = SinglePointCalculator(atoms, forces=np.zeros((1, 3)), **results)
            trajectory.write(atoms)
    with pytest.raises(
        RefusedError, match="frame 1: it has its energy only as 'energy', frames before as 'free_energy'"
    ):
        everything(path)
    frames = concatenate(list(TrajectorySource(path, {"energy": "energy"}).chunks()))
    assert frames.energy is not None
    assert frames.energy.tolist() == [-1.0, -2.0]


def test_forces_of_held_atoms(dynamics: tuple[Path, list[Atoms]], tmp_path: Path) -> None:
    path, atoms = tmp_path / "held.traj", dynamics[1][0]
    with Trajectory(str(path), "w") as trajectory:
        atoms.calc = SinglePointCalculator(atoms, energy=-1.0, forces=atoms.get_forces(apply_constraint=True))
        trajectory.write(atoms)
    with pytest.raises(RefusedError, match="frame 0: the forces on atoms 0, 1 are exactly zero"):
        everything(path)


def test_packed(dynamics: tuple[Path, list[Atoms]], tmp_path: Path) -> None:
    path = tmp_path / "md.traj.gz"
    path.write_bytes(gzip.compress(dynamics[0].read_bytes()))
    assert np.array_equal(everything(path).positions, everything(dynamics[0]).positions)


def test_damaged(dynamics: tuple[Path, list[Atoms]], tmp_path: Path) -> None:
    content, path = dynamics[0].read_bytes(), tmp_path / "bad.traj"
    for length in (4, 30, 60, 200, len(content) // 2, len(content) - 50):
        path.write_bytes(content[:length])
        with pytest.raises(RefusedError, match=r"bad\.traj"):
            everything(path)
    path.write_bytes(content.replace(b"ASE-Trajectory", b"GPAW          "))
    with pytest.raises(RefusedError, match="no trajectory of ASE"):
        everything(path)


class Trap:
    """What a pickle could do."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("never"),))  # type: ignore[return-value]


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "old.traj"
    path.write_bytes(b"PickleTrajectory" + pickle.dumps(Trap()))
    with pytest.raises(RefusedError, match="no trajectory of ASE"):
        everything(path)


def test_mutations_are_read_or_refused(dynamics: tuple[Path, list[Atoms]], tmp_path: Path) -> None:
    content, path = dynamics[0].read_bytes(), tmp_path / "m.traj"
    rng = np.random.default_rng(7)
    refused = 0
    for _ in range(300):
        mutated = bytearray(content)
        for place in rng.integers(0, len(content), 3):
            mutated[place] = int(rng.integers(0, 256))
        path.write_bytes(mutated)
        try:
            everything(path)
        except RefusedError:
            refused += 1
    assert 0 < refused < 300


def test_positions_that_are_not_finite(tmp_path: Path) -> None:
    path = tmp_path / "nan.traj"
    atoms = Atoms("Cu2", positions=[[0, 0, 0], [np.nan, 0, 0]])
    with Trajectory(str(path), "w") as trajectory:
        trajectory.write(atoms)
    with pytest.raises(RefusedError, match="frame 0: atom 1 has a position that is not finite"):
        everything(path)

"""The verb ``equilibrate``: slab and molecule apart, relaxed, then kept at a temperature; snapshots are start states.

Slab: Nosé-Hoover chain, as in Weiske et al., Digital Discovery 2026, 5, 1501, on the moving atoms alone.  Molecule:
Langevin, because a few free atoms under a Nosé-Hoover chain keep their momenta and miss the canonical
distribution; its centre of mass, which the thermostat kicks too, is put at rest at the origin in each snapshot.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms, units
from ase.data import atomic_masses
from ase.md.langevin import Langevin
from ase.md.nose_hoover_chain import NoseHooverChainNVT
from ase.optimize import BFGS

from ..contract import files
from ..contract.errors import RefusedError, RunFailedError
from ..contract.jobs import EquilibrateJob
from ..contract.shooting import Dynamics
from ..science.aim import centre_of_mass
from ..science.frames import Floats, Frames, from_atoms
from ..science.slabs import analyse, fixed_mask
from ..science.units import BOLTZMANN
from .device import choose, set_threads
from .engine.ase_calculator import PartCalculator
from .engine.evaluators import make_evaluator
from .io import Progress, read_frames, write_frames, write_json
from .mace import load_model
from .result import RunResult

SLAB_DAMPING_FS = 50.0  # time scale of the Nosé-Hoover chain
MOLECULE_DAMPING_FS = 100.0  # reciprocal of Langevin's friction
_LOOK_EVERY = 20  # steps between two samples of temperature and energy
Thermostat = Callable[[Any, EquilibrateJob, np.random.Generator], Any]


def run(job: EquilibrateJob, folder: Path) -> RunResult:
    """Two sets of snapshots, and what temperature and energy were.

    :raises RefusedError: when a structure is missing, or no layer of the slab is left to move.
    :raises RunFailedError: ``unexpected`` when the model tears a structure apart.
    """
    set_threads(job.threads)
    model = load_model(folder / files.MODEL, choose(job.device), "float64")
    slab, molecule = _structure(folder / files.SLAB), _structure(folder / files.MOLECULE)
    molecule.cell[:] = 0.0
    molecule.pbc = False
    layers = analyse(slab.numbers.astype(np.int64), slab.positions, slab.cell.array, slab.pbc)
    fixed = fixed_mask(layers, job.fixed_layers)
    streams = np.random.default_rng(job.seed).spawn(2)
    progress = Progress(folder, 2 * _steps(job), "steps")

    slab_states, slab_facts = sample(job, model, slab, ~fixed, nose_hoover, streams[0], progress, 0)
    free = np.ones(len(molecule), dtype=bool)
    molecule_states, facts = sample(job, model, molecule, free, langevin, streams[1], progress, _steps(job))
    write_frames(folder / files.SLAB_STATES, slab_states)
    write_frames(folder / files.MOLECULE_STATES, at_rest(molecule_states))
    write_json(folder / files.EQUILIBRATION, {"slab": slab_facts, "molecule": facts})
    numbers = {f"{name}_{key}": d[key] for name, d in (("slab", slab_facts), ("molecule", facts)) for key in _NUMBERS}
    numbers |= {
        "slab_evaluator": slab_facts["evaluator"]["evaluator"],
        "molecule_evaluator": facts["evaluator"]["evaluator"],
    }
    return RunResult((files.SLAB_STATES, files.MOLECULE_STATES, files.EQUILIBRATION), numbers)


_NUMBERS = ("temperature", "temperature_std", "energy_relaxed", "relaxed", "snapshots")


def sample(
    job: EquilibrateJob,
    model: torch.nn.Module,
    atoms: Atoms,
    moving: Any,
    thermostat: Thermostat,
    rng: np.random.Generator,
    progress: Progress,
    done: int,
) -> tuple[Frames, dict[str, Any]]:
    """Relax, heat, wait ``discard_fs``, then a snapshot each ``interval_fs``; Å, Å/fs.

    :param moving: (n,) bool.
    :param done: steps that ``progress`` has counted before.
    """
    how = Dynamics(job.timestep_fs, precision=job.precision, evaluator=job.evaluator)
    start, device = atoms.positions[None], choose(job.device)
    evaluate, record = make_evaluator([model], atoms.numbers, atoms.cell.array, atoms.pbc, how, device, start)
    part: Any = Atoms(atoms.numbers[moving], atoms.positions[moving])
    part.set_masses(atomic_masses[part.numbers])
    part.calc = PartCalculator(evaluate, atoms.positions, moving, evaluate.device)
    optimizer: Any = BFGS(part, logfile=None)
    relaxed = optimizer.run(fmax=job.relax_fmax, steps=job.relax_steps)
    facts: dict[str, Any] = {
        "relaxed": bool(relaxed),
        "energy_relaxed": _finite(part),
        "fixed_atoms": int((~moving).sum()),
    }

    speed = np.sqrt(units.kB * job.temperature / part.get_masses())
    part.set_velocities(speed[:, None] * rng.standard_normal((len(part), 3)))  # Maxwell and Boltzmann
    dynamics = thermostat(part, job, rng)
    temperatures: list[float] = []
    energies: list[float] = []
    snapshots: list[Atoms] = []
    discard, interval = round(job.discard_fs / job.timestep_fs), round(job.interval_fs / job.timestep_fs)
    for step in range(1, _steps(job) + 1):
        dynamics.run(1)
        if step % _LOOK_EVERY == 0:
            energies.append(_finite(part))
            temperatures.append(2 * part.get_kinetic_energy() / (3 * len(part) * BOLTZMANN))
            progress.report(done + step)
        if step >= discard and (step - discard) % interval == 0 and len(snapshots) < job.snapshots:
            _finite(part)
            snapshots.append(_whole(atoms, part, moving))
    later = slice(discard // _LOOK_EVERY, None)
    facts |= {
        "evaluator": record,
        "thermostat": type(dynamics).__name__,
        "snapshots": len(snapshots),
        "temperature": _mean(temperatures[later]),
        "temperature_std": float(np.std(temperatures[later])) if temperatures[later] else None,
        "energy_mean": _mean(energies[later]),
        "look_every_fs": _LOOK_EVERY * job.timestep_fs,
        "temperatures": temperatures,
        "energies": energies,
    }
    return from_atoms(snapshots), facts


def nose_hoover(atoms: Atoms, job: EquilibrateJob, rng: np.random.Generator) -> Any:
    """A Nosé-Hoover chain of three (Martyna et al., J. Chem. Phys. 1992, 97, 2635)."""
    dt, damping = job.timestep_fs * units.fs, SLAB_DAMPING_FS * units.fs
    return NoseHooverChainNVT(atoms, dt, temperature_K=job.temperature, tdamp=damping)


def langevin(atoms: Atoms, job: EquilibrateJob, rng: np.random.Generator) -> Any:
    """Langevin dynamics (Vanden-Eijnden and Ciccotti, Chem. Phys. Lett. 2006, 429, 310)."""
    dt, friction = job.timestep_fs * units.fs, 1 / (MOLECULE_DAMPING_FS * units.fs)
    return Langevin(atoms, dt, temperature_K=job.temperature, friction=friction, fixcm=False, rng=rng)


def at_rest(states: Frames) -> Frames:
    """The same molecules, each with its centre of mass at rest at the origin; turning and vibrating as they come."""
    images = []
    for atoms in states:
        masses = atomic_masses[atoms.numbers]
        atoms.positions -= centre_of_mass(masses, atoms.positions)
        atoms.arrays["velocities_A_fs"] -= centre_of_mass(masses, atoms.arrays["velocities_A_fs"])
        images.append(atoms)
    return from_atoms(images)


def _structure(path: Path) -> Atoms:
    frames = read_frames(path)
    if len(frames) != 1:
        raise RefusedError(f"{path.name} holds {len(frames)} structures; one is needed.")
    return frames.atoms(0)


def _steps(job: EquilibrateJob) -> int:
    """Steps of one of the two runs: the first snapshot comes after ``discard_fs``, at the earliest after one step."""
    discard, interval = round(job.discard_fs / job.timestep_fs), round(job.interval_fs / job.timestep_fs)
    return discard + interval * (job.snapshots - (discard > 0))


def _whole(atoms: Atoms, part: Any, moving: Any) -> Atoms:
    whole = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    velocities: Floats = np.zeros((len(atoms), 3))
    whole.positions[moving], velocities[moving] = part.positions, part.get_velocities() * units.fs
    whole.arrays["velocities_A_fs"] = velocities
    return whole


def _finite(part: Any) -> float:
    energy = float(part.get_potential_energy())
    if not np.isfinite(energy) or not np.isfinite(part.positions).all():
        name = part.get_chemical_formula()
        message = f"the model tore {name} apart: train it on this structure, or shorten timestep_fs."
        raise RunFailedError("unexpected", message)
    return energy


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None

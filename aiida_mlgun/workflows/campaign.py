"""The parameters of a gun campaign, checked as a whole before anything is submitted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_masses

from ..contract.jobs import EquilibrateJob, ShootJob
from ..contract.shooting import Aim, Chemistry, Decision, Dynamics, Output, Velocity
from ..contract.strict import dump, load, require
from ..science.aim_checks import check_atoms, check_geometry, check_images
from ..science.flight_height import with_height
from ..science.frames import from_atoms
from ..science.outcomes.catalogue import check_catalogue
from ..science.slabs import analyse
from ..science.time_step import check_time_step, impact_speed

SHARED = ("aim", "velocity", "dynamics", "decision", "chemistry", "seed", "fixed_layers", "output", "device")


@dataclass(frozen=True)
class GunParameters:
    """What a campaign is.

    :param seed: every draw of every shot descends from it and the shot's number.
    :param first_shot: number of the first shot; a later campaign goes on where an earlier one ended.
    :param shots_per_job: shots in one CalcJob.
    :param jobs_at_once: CalcJobs that are submitted side by side; None: all.
    :param min_image_gap: Å, smallest gap between the molecule and its own periodic image; None: the model's r_max, so
        that no atom feels an image of its own molecule.
    :param min_vacuum: Å, smallest gap between the molecule at its start and the slab's image above it; the model's
        r_max, nearer than which the molecule would feel that image, if that is more.
    :param equilibrate: fields of :class:`~aiida_mlgun.contract.jobs.EquilibrateJob` (seed, fixed layers and device are
        the campaign's).
    """

    n_shots: int
    chemistry: Chemistry
    seed: int = 24
    first_shot: int = 0
    shots_per_job: int = 100
    jobs_at_once: int | None = None
    fixed_layers: int = 1
    min_image_gap: float | None = None
    min_vacuum: float = 0.0
    aim: Aim = Aim()
    velocity: Velocity = Velocity()
    dynamics: Dynamics = Dynamics()
    decision: Decision = Decision()
    equilibrate: dict[str, Any] = field(default_factory=dict)
    output: Output = Output()
    device: str = "auto"

    def __post_init__(self) -> None:
        require(self.n_shots >= 1, f"n_shots must be at least 1, not {self.n_shots}.")
        require(self.shots_per_job >= 1, f"shots_per_job must be at least 1, not {self.shots_per_job}.")
        require(self.jobs_at_once is None or self.jobs_at_once >= 1, "jobs_at_once must be at least 1.")
        taken = sorted({"seed", "fixed_layers", "device", "threads"} & set(self.equilibrate))
        require(not taken, f"equilibrate.{''.join(taken[:1])} is the campaign's own; set it there.")
        check_catalogue(self.chemistry.catalogue)
        load(EquilibrateJob, self.equilibrate_parameters(), "equilibrate")
        for parameters in self.batches():
            load(ShootJob, parameters, "shoot")

    def equilibrate_parameters(self) -> dict[str, Any]:
        """The parameters of the equilibration."""
        shared = {"seed": self.seed, "fixed_layers": self.fixed_layers, "device": self.device}
        shared["threads"] = self.dynamics.threads
        return {**self.equilibrate, **shared}

    def batches(self) -> list[dict[str, Any]]:
        """The parameters of each shoot job, in order."""
        whole = dump(self)
        shared = {name: whole[name] for name in SHARED}
        last = self.first_shot + self.n_shots
        return [
            {**shared, "first_shot": first, "n_shots": min(self.shots_per_job, last - first)}
            for first in range(self.first_shot, last, self.shots_per_job)
        ]


def check_system(parameters: GunParameters, slab: Atoms, molecule: Atoms, r_max: float) -> None:
    """Refuse a slab and a molecule with which these parameters cannot give shots.

    :param slab: periodic in x and y, surface up.
    :raises RefusedError: atoms without a mass, time steps too long, the molecule inside the slab or below it, its
        images or the vacuum too close, no layer left to move, groups that name atoms the molecule lacks.
    """
    check_atoms(slab.numbers, slab.get_masses(), "the slab")
    check_atoms(molecule.numbers, molecule.get_masses(), "the molecule")
    _check_time_steps(parameters, slab, molecule)
    found = analyse(slab.numbers, slab.positions, slab.cell.array, slab.pbc)
    require(
        parameters.fixed_layers < found.n_layers,
        f"fixed_layers is {parameters.fixed_layers}, and the slab has {found.n_layers} layers: none would move.",
    )
    for group in parameters.chemistry.groups:
        beyond = [i for i in group.atoms if not 0 <= i < len(molecule)]
        require(
            not beyond,
            f"the group {group.name!r} names atom {beyond[:1]}; the molecule's atoms are 0 to {len(molecule) - 1}.",
        )
    gap = r_max if parameters.min_image_gap is None else parameters.min_image_gap
    check_images(molecule.positions, slab.cell.array, slab.pbc, gap)
    states = from_atoms([slab]), from_atoms([molecule])
    aim = with_height(parameters.aim, parameters.decision, *states, found, r_max)
    assert aim.height is not None
    masses = atomic_masses[molecule.numbers]
    start = molecule.positions - masses @ molecule.positions / masses.sum()
    lowest = -start[:, 2].min()
    require(
        aim.height > lowest,
        f"aim.height is {aim.height} Å and the molecule reaches {lowest:.1f} Å below its centre of mass: it "
        "would start inside the slab. Start it higher.",
    )
    centre = slab.cell.array[:2].sum(axis=0) / 2
    start += [centre[0], centre[1], found.surface_z + aim.height]
    down = np.zeros((len(slab) + len(molecule), 3))
    down[len(slab) :, 2] = -1e-3
    check_geometry(
        np.concatenate([slab.numbers, molecule.numbers]),
        np.concatenate([slab.positions, start]),
        down,
        slab.cell.array,
        slab.pbc,
        found,
        min_gap=max(parameters.min_vacuum, r_max),
    )


def _check_time_steps(parameters: GunParameters, slab: Atoms, molecule: Atoms) -> None:
    """Of the shots and of the equilibration before them."""
    numbers, velocity = np.concatenate([slab.numbers, molecule.numbers]), parameters.velocity
    before = load(EquilibrateJob, parameters.equilibrate_parameters(), "equilibrate")
    check_time_step(before.timestep_fs, numbers, before.temperature, 0.0, "equilibrate.timestep_fs")
    impact = impact_speed(velocity, molecule.numbers)
    check_time_step(parameters.dynamics.timestep_fs, numbers, before.temperature, impact, "dynamics.timestep_fs")

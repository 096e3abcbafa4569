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
from ..science.outcomes.catalogue import UNDECIDED, check_catalogue, outcome_names
from ..science.slabs import analyse
from ..science.time_step import check_time_step, impact_speed

SHARED = (
    *("aim", "velocity", "dynamics", "decision", "chemistry", "seed", "fixed_layers", "output", "device"),
    "checkpoint_every_s",
)


@dataclass(frozen=True)
class Precision:
    """When a campaign knows enough (:func:`aiida_mlgun.science.statistics.required`).

    :param half_width: of the interval of every watched outcome's share: 0.02 is ± 2 %.
    :param watched: the outcomes that must be known, named beforehand; None: all of the catalogue, and undecided.
    :param alpha: probability that one of the intervals misses at any look.
    :param tuned_for: half-width that the first campaign of this sequence of shots asked for; None: ``half_width``.
    """

    half_width: float
    watched: tuple[str, ...] | None = None
    alpha: float = 0.05
    tuned_for: float | None = None

    def __post_init__(self) -> None:
        for name in ("half_width", "tuned_for"):
            value = getattr(self, name)
            require(
                value is None or 0 < value < 0.5,
                f"precision.{name} must lie between 0 and 0.5 (shares, not percent), not {value}.",
            )
        require(0 < self.alpha < 1, f"precision.alpha must lie between 0 and 1, not {self.alpha}.")
        require(self.watched is None or bool(self.watched), "precision.watched: name an outcome, or null for all.")


@dataclass(frozen=True)
class GunParameters:
    """What a campaign is.

    :param n_shots: shots of the whole sequence, at most; those taken over from an earlier campaign count among them.
    :param seed: every draw of every shot descends from it and the shot's number.
    :param first_shot: number of the first shot of the sequence.
    :param shots_per_job: shots in one CalcJob.
    :param jobs_at_once: batches that are in the hands of daemon and scheduler together; None: all.
    :param precision: stop when the shares are known so well; None: shoot ``n_shots``.
    :param max_hours: after so long no batch is submitted any more; None: no limit.
    :param retries: how often a batch that lost shots is flown again.
    :param checkpoint_every_s: s between two checkpoints of a job: what it flies again if it vanishes.
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
    jobs_at_once: int | None = 20
    precision: Precision | None = None
    max_hours: float | None = None
    retries: int = 1
    checkpoint_every_s: float = 300.0
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
        require(self.max_hours is None or self.max_hours > 0, f"max_hours must be positive, not {self.max_hours}.")
        require(self.retries >= 0, f"retries must not be negative, not {self.retries}.")
        check_catalogue(self.chemistry.catalogue)
        watched = (self.precision.watched if self.precision else None) or ()
        unknown = [name for name in watched if name not in self.outcomes()]
        require(
            not unknown,
            f"precision.watched: {unknown[:1]} is no outcome of this catalogue. Known: {', '.join(self.outcomes())}.",
        )
        load(EquilibrateJob, self.equilibrate_parameters(), "equilibrate")
        load(ShootJob, self.batch(self.first_shot, min(self.n_shots, self.shots_per_job)), "shoot")

    def outcomes(self) -> tuple[str, ...]:
        """All that a shot can end in."""
        return (*outcome_names(self.chemistry), UNDECIDED)

    def equilibrate_parameters(self) -> dict[str, Any]:
        """The parameters of the equilibration."""
        shared = {"seed": self.seed, "fixed_layers": self.fixed_layers, "device": self.device}
        shared["threads"] = self.dynamics.threads
        return {**self.equilibrate, **shared}

    def batch(self, first: int, n: int) -> dict[str, Any]:
        """The parameters of the shoot job of ``n`` shots from ``first`` on."""
        return {**{name: dump(getattr(self, name)) for name in SHARED}, "first_shot": first, "n_shots": n}


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

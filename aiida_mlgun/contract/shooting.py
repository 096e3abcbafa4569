"""The parts of a shoot job: aim, velocity, dynamics, decision, chemistry.  Units: Å, fs, eV, K, degrees."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from .strict import require


@dataclass(frozen=True)
class Aim:
    """Where a shot starts ([W] 2.2).

    :param height: molecule's centre of mass above the surface plane (mean z of the top layer), Å.
    :param orientation: ``random`` turns the molecule uniformly over all rotations, ``snapshot`` leaves it.
    """

    height: float = 20.0
    orientation: Literal["random", "snapshot"] = "random"

    def __post_init__(self) -> None:
        require(0.0 < self.height <= 200.0, f"aim.height must lie in (0, 200] Å, not {self.height}.")


@dataclass(frozen=True)
class Velocity:
    """How a molecule is set going towards the surface ([W] 2.1 and 2.2, rows G3 a-c).

    ``thermal``: a random downward plus random ±x, ±y direction, rescaled so that the centre of mass carries
    (3/2) k_B T, added to the snapshot's velocities.  ``thermal_z``: a random downward z component drawn from the
    half-normal distribution of one degree of freedom at T, added to the snapshot's velocities.  ``beam``: the centre
    of mass carries ``kinetic_energy`` (eV) at ``polar_angle`` from the downward normal; ``azimuth`` None is random.
    """

    recipe: Literal["thermal", "thermal_z", "beam"] = "thermal"
    temperature: float = 300.0
    kinetic_energy: float | None = None
    polar_angle: float = 0.0
    azimuth: float | None = None

    def __post_init__(self) -> None:
        require(self.temperature > 0, f"velocity.temperature must be positive, not {self.temperature} K.")
        if self.recipe == "beam":
            energy = self.kinetic_energy
            require(energy is not None and energy > 0, "velocity.kinetic_energy (eV) must be positive for a beam.")
        else:
            require(self.kinetic_energy is None, f"velocity.kinetic_energy belongs to `beam`, not `{self.recipe}`.")
        require(
            0 <= self.polar_angle < 85, f"velocity.polar_angle must lie in [0, 85) degrees, not {self.polar_angle}."
        )


@dataclass(frozen=True)
class Dynamics:
    """NVE velocity Verlet ([W] 2.2: 0.5 fs, 20 000 steps).

    :param check_every: steps between looks at a shot (decision, path point).
    :param batch_size: shots that move side by side; a finished one is replaced at once by a waiting one.
    :param precision: ``mixed`` evaluates the model in float32; positions and velocities are float64 always.
    :param threads: torch threads; 0 leaves torch's own choice.
    """

    timestep_fs: float = 0.5
    max_steps: int = 20000
    check_every: int = 20
    batch_size: int = 16
    precision: Literal["float64", "mixed"] = "mixed"
    threads: int = 0

    def __post_init__(self) -> None:
        require(0 < self.timestep_fs <= 5, f"dynamics.timestep_fs must lie in (0, 5] fs, not {self.timestep_fs}.")
        require(self.max_steps >= 1, f"dynamics.max_steps must be at least 1, not {self.max_steps}.")
        require(self.check_every >= 1, f"dynamics.check_every must be at least 1, not {self.check_every}.")
        require(self.batch_size >= 1, f"dynamics.batch_size must be at least 1, not {self.batch_size}.")
        require(self.threads >= 0, f"dynamics.threads must not be negative, not {self.threads}.")


@dataclass(frozen=True)
class Decision:
    """When a shot is over before ``max_steps`` (row G7).  ``early`` False runs every shot to the end.

    :param settle_fs: bound in the same mode without a break for this long: decided.
    :param leave_height: unbound, moving up, and the whole molecule at least this far (Å) above the surface plane: left.
    :param explosion_temperature: the molecule's internal kinetic temperature (K) above which it is torn apart.
    :param max_drift: limit of |total-energy drift|, meV/atom/ps, of a whole job's median shot.
    :param max_unresolved: largest share of undecided shots with which a job still counts as good.
    """

    early: bool = True
    settle_fs: float = 500.0
    leave_height: float = 8.0
    explosion_temperature: float = 30000.0
    max_drift: float = 0.5
    max_unresolved: float = 0.5

    def __post_init__(self) -> None:
        require(self.settle_fs > 0, f"decision.settle_fs must be positive, not {self.settle_fs}.")
        require(self.leave_height > 0, f"decision.leave_height must be positive, not {self.leave_height}.")
        require(self.max_drift > 0, f"decision.max_drift must be positive, not {self.max_drift}.")
        require(0 <= self.max_unresolved <= 1, "decision.max_unresolved is a share between 0 and 1.")


@dataclass(frozen=True)
class BondRule:
    """A bond is made below ``make`` and broken above ``break_`` times the sum of covalent radii (hysteresis)."""

    make: float = 1.25
    break_: float = 1.50

    def __post_init__(self) -> None:
        require(0.5 < self.make < self.break_ < 3.0, "bonds: 0.5 < make < break_ < 3.0 must hold.")


@dataclass(frozen=True)
class ReactiveGroup:
    """A part of the molecule that can bind: a name and its atoms (indices into the molecule, from 0)."""

    name: str
    atoms: tuple[int, ...]

    def __post_init__(self) -> None:
        require(bool(self.name) and bool(self.atoms), "a reactive group needs a name and at least one atom.")
        require(len(set(self.atoms)) == len(self.atoms), f"reactive group {self.name!r} names an atom twice.")


@dataclass(frozen=True)
class Mode:
    """One row of a catalogue: a name, whether it is productive, and what must hold (see ``science.outcomes``).

    :param final: whether a shot may end early in it; False for a stage on the way, such as a precursor.
    """

    name: str
    productive: bool
    description: str
    when: dict[str, Any] = field(default_factory=dict)
    final: bool = True


@dataclass(frozen=True)
class Chemistry:
    """What decides how an end is called: the molecule's groups, the bond rule, the catalogue (first match wins)."""

    groups: tuple[ReactiveGroup, ...]
    catalogue: tuple[Mode, ...]
    bonds: BondRule = BondRule()

    def __post_init__(self) -> None:
        require(bool(self.groups), "chemistry.groups: name at least one reactive group of the molecule.")
        require(bool(self.catalogue), "chemistry.catalogue: the catalogue of modes is empty.")
        names = [g.name for g in self.groups]
        require(len(set(names)) == len(names), "chemistry.groups: two groups share a name.")

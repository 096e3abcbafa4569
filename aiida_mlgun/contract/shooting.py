"""The parts of a shoot job: aim, velocity, dynamics, decision, chemistry.  Units: Å, fs, eV, K, degrees."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from .strict import require

EvaluatorName = Literal["auto", "torch", "factorised", "cuequivariance", "symmetrix"]


@dataclass(frozen=True)
class Aim:
    """Where a shot starts ([W] 2.2).

    :param height: molecule's centre of mass above the surface plane (mean z of the top layer), Å.  None: the job takes
        the lowest from which no start state feels the slab (``science.flight_height``).
    :param orientation: ``random`` turns the molecule uniformly over all rotations, ``snapshot`` leaves it.
    """

    height: float | None = 20.0
    orientation: Literal["random", "snapshot"] = "random"

    def __post_init__(self) -> None:
        height = self.height
        require(height is None or 0.0 < height <= 200.0, f"aim.height must lie in (0, 200] Å, not {height}.")


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


#: meV/atom/ps; a tighter limit cannot be promised with float32 forces: over 0.75 ps single shots in mixed precision
#: drifted by up to a third of it.
MIXED_DRIFT_FLOOR: Final = 0.02


@dataclass(frozen=True)
class Dynamics:
    """NVE velocity Verlet ([W] 2.2: 0.5 fs, 20 000 steps).

    :param check_every: steps between looks at a shot (decision, path point).  A run ends at such a point only: what was
        done after the last one when the time is over or a signal comes is done again by the run that goes on.
    :param batch_size: shots that move side by side; a finished one is replaced at once by a waiting one.  None: found
        at the start of the job (a GPU: as many as its memory holds; a CPU: the number with the least time per shot).
    :param precision: ``mixed`` evaluates the model in float32; positions and velocities are float64 always.
    :param evaluator: what computes forces: ``torch`` is the reference, every other is probed against it when the job
        starts; ``auto`` takes the fastest that passes, and torch if none does.
    :param own_graphs: torch (and factorised) evaluates each shot as a graph of its own, so that a shot's path does not
        depend, to the last bit, on who flies beside it.  Slower for tiny models; symmetrix does so anyway.
    :param skin: Å, how much farther than the model's r_max the neighbour lists reach.
    :param threads: torch threads; 0 leaves torch's own choice.
    """

    timestep_fs: float = 0.5
    max_steps: int = 20000
    check_every: int = 20
    batch_size: int | None = None
    precision: Literal["float64", "mixed"] = "mixed"
    evaluator: EvaluatorName = "auto"
    own_graphs: bool = False
    skin: float = 0.5
    threads: int = 0

    def __post_init__(self) -> None:
        require(0 < self.timestep_fs <= 5, f"dynamics.timestep_fs must lie in (0, 5] fs, not {self.timestep_fs}.")
        require(self.max_steps >= 1, f"dynamics.max_steps must be at least 1, not {self.max_steps}.")
        require(self.check_every >= 1, f"dynamics.check_every must be at least 1, not {self.check_every}.")
        width = self.batch_size
        require(width is None or width >= 1, f"dynamics.batch_size must be at least 1, not {width}.")
        require(0 < self.skin <= 2, f"dynamics.skin must lie in (0, 2] Å, not {self.skin}.")
        require(self.threads >= 0, f"dynamics.threads must not be negative, not {self.threads}.")


@dataclass(frozen=True)
class Output:
    """What is kept of a shot beside its row in the table, by the name of its outcome (``on_top`` means all groups').

    A name list may hold ``*`` for every outcome; ``[]`` keeps none.

    :param final_frames: outcomes whose last positions and velocities are kept, exactly.
    :param trajectories: outcomes whose path of all atoms is kept, to 0.001 Å: a frame every ``frame_every_fs``, and a
        frame at every look within ``event_window_fs`` of an event (contact, bond made or broken, change of mode).
    :param path_every_fs: time between two points of the reactive groups' paths, from which sampling maps are drawn.
    """

    final_frames: tuple[str, ...] = ("*",)
    trajectories: tuple[str, ...] = ()
    frame_every_fs: float = 200.0
    event_window_fs: float = 50.0
    path_every_fs: float = 10.0

    def __post_init__(self) -> None:
        require(self.frame_every_fs > 0, f"output.frame_every_fs must be positive, not {self.frame_every_fs}.")
        require(self.event_window_fs >= 0, "output.event_window_fs must not be negative.")
        require(self.path_every_fs > 0, f"output.path_every_fs must be positive, not {self.path_every_fs}.")


@dataclass(frozen=True)
class Decision:
    """When a shot is over before ``max_steps`` (row G7).  ``early`` False runs every shot to the end.

    :param settle_fs: bound in the same mode without a break for this long: decided.  At the last step a mode counts if
        it was held for half of this time.
    :param leave_height: unbound, moving up, and the whole molecule at least this far (Å) above the surface plane: left.
        None: so high that it can never feel again what it left behind (``science.flight_height``).
    :param explosion_temperature: the molecule's internal kinetic temperature (K) above which it is torn apart.
    :param max_drift: limit of |total-energy drift|, meV/atom/ps, of a whole job's median shot.
    :param max_unresolved: largest share of undecided shots with which a job still counts as good.
    """

    early: bool = True
    settle_fs: float = 500.0
    leave_height: float | None = 8.0
    explosion_temperature: float = 30000.0
    max_drift: float = 0.5
    max_unresolved: float = 0.5

    def __post_init__(self) -> None:
        require(self.settle_fs > 0, f"decision.settle_fs must be positive, not {self.settle_fs}.")
        low = self.leave_height
        require(low is None or low > 0, f"decision.leave_height must be positive, not {low}.")
        require(self.max_drift > 0, f"decision.max_drift must be positive, not {self.max_drift}.")
        require(0 <= self.max_unresolved <= 1, "decision.max_unresolved is a share between 0 and 1.")


@dataclass(frozen=True)
class PairLimits:
    """Two lengths (Å) for one pair of elements: made below ``below``, broken above ``above``."""

    below: float
    above: float

    def __post_init__(self) -> None:
        limits = f"not {self.below} and {self.above}"
        require(0.3 < self.below < self.above < 10.0, f"bonds: 0.3 < below < above < 10 Å must hold, {limits}.")


@dataclass(frozen=True)
class BondRule:
    """When two atoms are bonded: hysteresis in distance and in time, so that a vibrating bond does not flicker.

    :param make, break_: a bond is made below ``make`` and broken above ``break_`` times the sum of covalent radii.
    :param hold_fs: a bond counts as made or broken once it has been so for this long; its time is when that began.
        20 fs are two periods of the fastest vibration, an N-H or C-H stretch (3000 cm⁻¹: 11 fs), and three looks in a
        row at the default ``check_every``; slower vibrations do not cross from ``make`` to ``break_``.  If looks are
        ``hold_fs`` or more apart, each counts by itself.
    :param pairs: pairs of elements with lengths of their own, such as ``N-Pb``; the order of the two is free.
    :param contacts: weak contacts between molecule and slab, counted but not binding, such as ``H-I`` for the hydrogen
        bond N-H…I: the molecule's element first.
    """

    make: float = 1.25
    break_: float = 1.50
    hold_fs: float = 20.0
    pairs: dict[str, PairLimits] = field(default_factory=dict)
    contacts: dict[str, PairLimits] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(0.5 < self.make < self.break_ < 3.0, "bonds: 0.5 < make < break_ < 3.0 must hold.")
        require(0 <= self.hold_fs <= 1000, f"bonds.hold_fs must lie in [0, 1000] fs, not {self.hold_fs}.")
        for where, names in (("pairs", self.pairs), ("contacts", self.contacts)):
            for name in names:
                require(_is_pair(name), f"bonds.{where}: {name!r} is no pair of elements such as N-Pb.")
        twice = sorted(name for name in self.pairs if _reversed(name) != name and _reversed(name) in self.pairs)
        require(not twice, f"bonds.pairs: {'-'.join(twice[:1])!r} is there in both orders; name it once.")


@dataclass(frozen=True)
class ReactiveGroup:
    """A part of the molecule that can bind: a name and its atoms (indices into the molecule, from 0).

    :param pattern: the SMARTS pattern that the atoms were found with; empty if they were named.
    """

    name: str
    atoms: tuple[int, ...]
    pattern: str = ""

    def __post_init__(self) -> None:
        require(bool(self.name) and bool(self.atoms), "a reactive group needs a name and at least one atom.")
        require(len(set(self.atoms)) == len(self.atoms), f"reactive group {self.name!r} names an atom twice.")


@dataclass(frozen=True)
class Mode:
    """One row of a catalogue: a name, whether it is productive, and what must hold (see ``science.outcomes``).

    :param final: whether a shot may end early in it; False for a stage on the way, such as a precursor.
    :param rank: rows that share a rank exclude each other: a geometry that fits two of them is ambiguous and goes to
        the catalogue's last row.  None: the order decides.
    """

    name: str
    productive: bool
    description: str
    when: dict[str, Any] = field(default_factory=dict)
    final: bool = True
    rank: int | None = None


@dataclass(frozen=True)
class Chemistry:
    """What decides how an end is called: the molecule's groups, the bond rule, the catalogue (first match wins).

    :param source: where the catalogue comes from.
    """

    groups: tuple[ReactiveGroup, ...]
    catalogue: tuple[Mode, ...]
    bonds: BondRule = BondRule()
    source: str = ""

    def __post_init__(self) -> None:
        require(bool(self.groups), "chemistry.groups: name at least one reactive group of the molecule.")
        require(bool(self.catalogue), "chemistry.catalogue: the catalogue of modes is empty.")
        names = [g.name for g in self.groups]
        require(len(set(names)) == len(names), "chemistry.groups: two groups share a name.")


def _is_pair(name: str) -> bool:
    first, _, second = name.partition("-")
    return all(part.isalpha() and part.isascii() and part == part.capitalize() for part in (first, second))


def _reversed(name: str) -> str:
    return "-".join(reversed(name.split("-")))

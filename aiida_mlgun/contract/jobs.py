"""One frozen description per verb: what ``job.json`` holds.  Units: Å, fs, eV, eV/Å, u, K."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from .curating import CurateJob
from .describing import DescribeJob
from .errors import RefusedError
from .exporting import ExportJob
from .manifest import SCHEMA
from .probing import ProbeJob
from .shooting import MIXED_DRIFT_FLOOR, Aim, Chemistry, Decision, Dynamics, EvaluatorName, Output, Velocity
from .strict import dump, load, require
from .training import Architecture, Stage

Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class ConvertJob:
    """A pickled MACE model → weights and JSON.  Opening a pickle runs what is in it: ``sha256`` says which is trusted.

    :param sha256: hexadecimal sha256 of the file that may be opened; any other is refused unopened.
    :param path: the file on the compute machine, absolute; None: the job's own folder holds it as ``foreign.model``.
    :param official: the name of an official MACE model to take from MACE's cache on the compute machine.
    """

    verb: ClassVar[str] = "convert"
    sha256: str
    path: str | None = None
    official: str | None = None
    seed: int = 0
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        hexadecimal = len(self.sha256) == 64 and not set(self.sha256.lower()) - set("0123456789abcdef")
        require(hexadecimal, f"sha256 must be 64 hexadecimal digits, not {self.sha256!r}.")
        require(self.path is None or self.official is None, "convert: give a path or an official name, not both.")
        require(self.path is None or self.path.startswith("/"), f"convert: the path {self.path!r} must be absolute.")


@dataclass(frozen=True)
class TrainJob:
    """Train one stage; ``parent`` True means that ``parent_model/`` holds the model to go on from.

    :param has_replay: ``replay.npz`` holds earlier frames for the stage's method ``replay``.
    :param resume: ``checkpoint/`` holds what an earlier run of this job left; go on from it.
    :param processes: data-parallel processes; ``batch_size`` of the stage is per process.
    :param launcher: who starts them: ``torchrun`` (this job does) or ``slurm`` (this job calls ``srun``).
    :param shrink_batch: when the device's memory ends, halve the batch and say so; False: fail by name.
    """

    verb: ClassVar[str] = "train"
    stage: Stage = Stage()
    parent: bool = True
    architecture: Architecture | None = None
    name: str = "model"
    has_test: bool = False
    has_replay: bool = False
    resume: bool = False
    processes: int = 1
    launcher: Literal["torchrun", "slurm"] = "torchrun"
    shrink_batch: bool = True
    device: Device = "auto"
    threads: int = 0
    max_seconds: float | None = None
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        stage = self.stage
        require(
            self.parent != (self.architecture is not None), "train: give a parent model or an architecture, not both."
        )
        require(self.parent or stage.e0s in ("isolated", "given"), "train: from scratch, e0s are isolated or given.")
        require(self.parent or stage.method == "naive", f"train: method {stage.method} needs a parent model.")
        require(self.parent or stage.parent_head is None, "train: stage.parent_head needs a parent model.")
        if stage.method == "replay" and not self.has_replay:
            raise RefusedError("train: method replay needs a replay set.", status="replay_missing")
        require(not self.has_replay or stage.method == "replay", "train: a replay set goes with method: replay alone.")
        require(self.processes >= 1, f"train: processes must be at least 1, not {self.processes}.")

    @property
    def seed(self) -> int:
        """The integer from which every draw of the run descends."""
        return self.stage.seed


@dataclass(frozen=True)
class EvaluateJob:
    """Predict energies and forces of ``frames.npz`` with ``model/``; errors in total and per stratum (T4)."""

    verb: ClassVar[str] = "evaluate"
    batch_size: int = 16
    precision: Literal["float32", "float64"] = "float64"
    stratum: str = "stratum"
    device: Device = "auto"
    threads: int = 0
    seed: int = 0
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        require(self.batch_size >= 1, f"batch_size must be at least 1, not {self.batch_size}.")


@dataclass(frozen=True)
class EquilibrateJob:
    """Relax, then NVT apart: ``slab.npz`` and ``molecule.npz`` → snapshots (G1; [W]: 40 ps, 300 K, each 1 ps).

    :param fixed_layers: layers of the slab that do not move, counted from the bottom (hydrogens below included).
    :param discard_fs: time before the first snapshot.
    :param evaluator: what computes forces, as in :class:`~.shooting.Dynamics`.
    """

    verb: ClassVar[str] = "equilibrate"
    seed: int = 24
    temperature: float = 300.0
    timestep_fs: float = 0.5
    snapshots: int = 10
    interval_fs: float = 1000.0
    discard_fs: float = 30000.0
    fixed_layers: int = 1
    relax_fmax: float = 0.05
    relax_steps: int = 200
    precision: Literal["float64", "mixed"] = "mixed"
    evaluator: EvaluatorName = "auto"
    device: Device = "auto"
    threads: int = 0
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        require(self.temperature > 0, f"temperature must be positive, not {self.temperature} K.")
        require(0 < self.timestep_fs <= 5, f"timestep_fs must lie in (0, 5] fs, not {self.timestep_fs}.")
        require(self.snapshots >= 1, f"snapshots must be at least 1, not {self.snapshots}.")
        require(self.interval_fs >= self.timestep_fs, "interval_fs must be at least one time step.")
        require(self.discard_fs >= 0, "discard_fs must not be negative.")
        require(self.fixed_layers >= 1, "fixed_layers must be at least 1: a slab without a fixed layer drifts.")


@dataclass(frozen=True)
class ShootJob:
    """A batch of shots ``first_shot … first_shot + n_shots − 1`` of the campaign with this seed.

    :param fixed_layers: as in :class:`EquilibrateJob`; the same atoms stay where they are.
    :param committee: number of further models in ``committee_0/``, ``committee_1/`` …; forces are then the mean of all.
    :param resume: ``checkpoint/`` holds what an earlier run of this job left; go on from it.
    :param checkpoint_every_s: wall time between two checkpoints, s.
    :param max_seconds: own time budget; shots unfinished by then are left, with a checkpoint, to a further run.  Each
        run does at least ``check_every`` steps.
    """

    verb: ClassVar[str] = "shoot"
    n_shots: int
    chemistry: Chemistry
    seed: int = 24
    first_shot: int = 0
    aim: Aim = Aim()
    velocity: Velocity = Velocity()
    dynamics: Dynamics = Dynamics()
    decision: Decision = Decision()
    fixed_layers: int = 1
    output: Output = Output()
    committee: int = 0
    resume: bool = False
    checkpoint_every_s: float = 300.0
    device: Device = "auto"
    max_seconds: float | None = None
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        require(self.n_shots >= 1, f"n_shots must be at least 1, not {self.n_shots}.")
        require(self.first_shot >= 0, f"first_shot must not be negative, not {self.first_shot}.")
        require(0 <= self.seed < 2**63, "seed must lie in [0, 2^63).")
        require(self.fixed_layers >= 1, "fixed_layers must be at least 1: a slab without a fixed layer drifts.")
        require(self.committee >= 0, f"committee must not be negative, not {self.committee}.")
        require(self.checkpoint_every_s > 0, f"checkpoint_every_s must be positive, not {self.checkpoint_every_s}.")
        high, low = self.aim.height, self.decision.leave_height
        require(
            high is None or low is None or high > low or not self.decision.early,
            f"aim.height ({high} Å) must exceed decision.leave_height ({low} Å).",
        )
        drift = self.decision.max_drift
        require(
            self.dynamics.precision != "mixed" or drift >= MIXED_DRIFT_FLOOR,
            f"decision.max_drift is {drift:g} meV/atom/ps, and dynamics.precision is mixed: float32 forces cannot hold "
            f"less than {MIXED_DRIFT_FLOOR:g}. Take precision float64, or a wider limit.",
        )


Job = ConvertJob | CurateJob | TrainJob | EvaluateJob | DescribeJob | EquilibrateJob | ShootJob | ExportJob | ProbeJob

VERBS: dict[str, type[Job]] = {
    job.verb: job
    for job in (
        ConvertJob,
        CurateJob,
        TrainJob,
        EvaluateJob,
        DescribeJob,
        EquilibrateJob,
        ShootJob,
        ExportJob,
        ProbeJob,
    )
}


def to_json(job: Job) -> str:
    """The text of ``job.json``: sorted, so that equal jobs give equal bytes."""
    return json.dumps(dump(job), indent=1, sort_keys=True, allow_nan=False) + "\n"


def from_json(verb: str, text: str) -> Job:
    """Read ``job.json`` for ``verb``.

    :raises RefusedError: not JSON, unknown verb, unknown key, wrong type, value out of range, or other schema.
    """
    if verb not in VERBS:
        raise RefusedError(f"unknown verb {verb!r}. Known: {', '.join(VERBS)}.")
    try:
        data: Any = json.loads(text)
    except json.JSONDecodeError as error:
        raise RefusedError(f"job.json is not JSON: {error}.") from error
    schema = data.get("schema", SCHEMA) if isinstance(data, dict) else SCHEMA
    if schema != SCHEMA:
        raise RefusedError(f"job.json has schema {schema}, this version reads {SCHEMA}.", status="schema_mismatch")
    job: Job = load(VERBS[verb], data, verb)
    return job

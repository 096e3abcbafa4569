"""What ``mlgun curate`` is asked to do.  Units: Å, eV, eV/Å."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from .manifest import SCHEMA
from .strict import require

LABELS = ("energy", "forces", "stress")


@dataclass(frozen=True)
class CurateJob:
    """Clean, thin and split raw frames: ``frames.npz``, or files that lie on the compute machine.

    :param raw: absolute paths of raw files on the compute machine; empty: ``frames.npz`` in the job's folder.
    :param keys: ``energy``, ``forces``, ``stress`` → the label's key in the raw files; a missing one is detected.
    :param level: level of theory of the raw files' frames that do not say theirs.
    :param allow_mixed_levels: keep frames of different levels of theory in one dataset.
    :param bond_fission: pairs of symbols such as ``["C", "H"]``: a frame in which such a bond of the run's first frame
        is longer than ``bond_break`` × the sum of covalent radii is dropped ([W] 2.1).
    :param fission_drops: that frame alone, or the run from there on ([W] 2.1).
    :param max_force: eV/Å; a frame with a larger force component is dropped.  None: no ceiling.
    :param min_distance: Å; a frame with two atoms closer than this is dropped.  0: keep all.
    :param max_stray: Å; a frame with an atom farther than this outside the cell is dropped.  None: keep all.
    :param energy_outlier: robust z-score (median absolute deviations, per composition) above which a frame is
        dropped.  None: keep all.
    :param drop_duplicates: keep the first of frames whose geometries agree (see ``science.fingerprints``); all are
        dropped if their energies contradict each other by more than ``conflict`` (eV/atom).
    :param near_duplicate: Å; a frame is dropped if an earlier one lies within this root-mean-square displacement.
        None: keep all.
    :param keep_every: shuffle with ``seed``, then keep each n-th frame ([W]: 25).
    :param split: ``random`` ([W]), ``by_run`` (no run stands on two sides), ``by_stratum`` (each stratum gives the same
        shares), or ``tag`` (the frame's ``split`` tag).
    :param validation, test: a share of the kept frames if below 1, a number of frames if 1 or more.
    :param test_outside: draw the test frames from those that thinning left out ([W]: 10 000 outside the 13 000).
    :param no_shared_runs: refuse a split in which a run stands on two sides.
    :param subsets: sizes of nested training sets for a learning curve; the smaller ones lie within the larger ones.
    :param pool: number of clean frames, drawn before thinning, that stand for the full set in the coverage.
    :param e0s: reference energies: of the ``isolated`` atoms among the frames, by ``least_squares`` over the
        compositions of the clean frames, ``given`` (``e0_values``, eV per symbol), or ``none``.
    """

    verb: ClassVar[str] = "curate"
    seed: int = 24
    raw: tuple[str, ...] = ()
    keys: dict[str, str] = field(default_factory=dict)
    level: str | None = None
    allow_mixed_levels: bool = False
    bond_fission: tuple[tuple[str, str], ...] = (("C", "H"),)
    bond_break: float = 1.4
    fission_drops: Literal["frame", "rest_of_run"] = "rest_of_run"
    max_force: float | None = 50.0
    min_distance: float = 0.5
    max_stray: float | None = 50.0
    energy_outlier: float | None = 20.0
    drop_unconverged: bool = True
    drop_duplicates: bool = True
    conflict: float = 1e-3
    near_duplicate: float | None = 1e-3
    keep_every: int = 1
    split: Literal["random", "by_run", "by_stratum", "tag"] = "random"
    validation: float = 0.05
    test: float = 0.0
    test_outside: bool = False
    no_shared_runs: bool = False
    subsets: tuple[int, ...] = ()
    pool: int = 0
    e0s: Literal["isolated", "least_squares", "given", "none"] = "isolated"
    e0_values: dict[str, float] | None = None
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        require(0 <= self.seed < 2**63, "seed must lie in [0, 2^63).")
        for path in self.raw:
            plain = path.startswith("/") and "\n" not in path and "\0" not in path
            require(plain, f"curate: the raw path {path!r} must be absolute, on one line.")
        require(len(set(self.raw)) == len(self.raw), "curate: a raw path is named twice.")
        unknown = sorted(set(self.keys) - set(LABELS))
        require(not unknown, f"curate.keys: {unknown[:1]} is no label; the labels are {', '.join(LABELS)}.")
        require(self.keep_every >= 1, f"keep_every must be at least 1, not {self.keep_every}.")
        require(self.bond_break > 1, f"bond_break must exceed 1, not {self.bond_break}.")
        require(self.max_force is None or self.max_force > 0, "max_force must be positive.")
        require(0 <= self.min_distance <= 3, f"min_distance must lie in [0, 3] Å, not {self.min_distance}.")
        require(self.max_stray is None or self.max_stray > 0, "max_stray must be positive.")
        require(self.energy_outlier is None or self.energy_outlier > 0, "energy_outlier must be positive.")
        require(self.conflict > 0, "conflict must be positive.")
        require(self.near_duplicate is None or self.near_duplicate > 0, "near_duplicate must be positive.")
        require(self.validation >= 0 and self.test >= 0, "validation and test must not be negative.")
        shares = sum(value for value in (self.validation, self.test) if value < 1)
        require(shares < 1, "validation and test shares leave nothing to train on.")
        if self.test_outside:
            require(self.split == "random", "test_outside goes with split: random.")
            require(self.keep_every > 1, "test_outside needs keep_every > 1: nothing is left out otherwise.")
        growing = list(self.subsets) == sorted(set(self.subsets)) and all(size >= 1 for size in self.subsets)
        require(growing, f"subsets must be positive and increasing, not {list(self.subsets)}.")
        require(self.pool >= 0, f"pool must not be negative, not {self.pool}.")
        require((self.e0s == "given") == (self.e0_values is not None), "e0_values goes with e0s: given.")

"""The parts of a training job: architecture, stage settings.  Units: eV, Å."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .strict import require


@dataclass(frozen=True)
class Architecture:
    """A MACE model to train from scratch (options of ``mace_run_train``; Batatia et al., NeurIPS 2022).

    :param r_max: cutoff radius, Å.
    :param radial_mlp: hidden widths of the radial network.
    """

    r_max: float = 5.0
    channels: int = 32
    max_l: int = 0
    max_ell: int = 3
    interactions: int = 2
    correlation: int = 2
    bessel: int = 8
    radial_mlp: tuple[int, ...] = (64, 64, 64)
    readout_mlp: int = 16

    def __post_init__(self) -> None:
        require(1.5 <= self.r_max <= 12, f"architecture.r_max must lie in [1.5, 12] Å, not {self.r_max}.")
        require(self.channels >= 1, f"architecture.channels must be at least 1, not {self.channels}.")
        require(0 <= self.max_l <= self.max_ell, "architecture: 0 <= max_l <= max_ell must hold.")
        require(self.interactions >= 1, "architecture.interactions must be at least 1.")
        require(self.correlation >= 1, "architecture.correlation must be at least 1.")


@dataclass(frozen=True)
class Stage:
    """One stage of training ([W] 2.3 for the defaults: lr 0.001, 100 epochs, batch 16, 1:100, seed 24, readouts anew).

    :param readout: ``reinitialise`` starts the readouts anew as [W] does; ``keep`` goes on from the parent's.
    :param e0s: where the isolated atoms' energies come from: ``isolated`` (frames of one atom in the training set),
        ``parent`` (the parent model's), ``estimated`` (parent's, corrected by least squares so that the parent's mean
        error per element vanishes on the training set), or ``given`` (``e0_values``).
    :param e0_values: eV per chemical symbol, for ``given``.
    :param scheduler: ``plateau`` (MACE's default) or ``exponential`` with ``scheduler_gamma`` per epoch.
    :param eval_interval: epochs between looks at the validation set, the first epoch included; the last must be one.
    :param ema_decay: exponential moving average of the weights; None switches it off (MACE's default).
    """

    epochs: int = 100
    lr: float = 0.001
    batch_size: int = 16
    energy_weight: float = 1.0
    forces_weight: float = 100.0
    readout: Literal["reinitialise", "keep"] = "reinitialise"
    e0s: Literal["isolated", "parent", "estimated", "given"] = "isolated"
    e0_values: dict[str, float] | None = None
    scheduler: Literal["plateau", "exponential"] = "plateau"
    scheduler_gamma: float = 0.95
    ema_decay: float | None = None
    weight_decay: float = 5e-7
    clip_grad: float = 10.0
    eval_interval: int = 1
    precision: Literal["float32", "float64"] = "float64"
    seed: int = 24

    def __post_init__(self) -> None:
        require(self.epochs >= 1, f"stage.epochs must be at least 1, not {self.epochs}.")
        require(0 < self.lr < 1, f"stage.lr must lie in (0, 1), not {self.lr}.")
        require(self.batch_size >= 1, f"stage.batch_size must be at least 1, not {self.batch_size}.")
        require(self.energy_weight >= 0, "stage.energy_weight must not be negative.")
        require(self.forces_weight > 0, "stage.forces_weight must be positive: forces drive the dynamics.")
        require((self.e0s == "given") == (self.e0_values is not None), "stage.e0_values goes with e0s: given.")
        require(0 < self.scheduler_gamma <= 1, "stage.scheduler_gamma must lie in (0, 1].")
        require(self.ema_decay is None or 0 < self.ema_decay < 1, "stage.ema_decay must lie in (0, 1).")
        require(self.eval_interval >= 1, "stage.eval_interval must be at least 1.")
        require(
            (self.epochs - 1) % self.eval_interval == 0,
            f"stage.eval_interval {self.eval_interval} skips the last of {self.epochs} epochs, and MACE keeps the best "
            f"epoch that it evaluated: train {self.epochs - (self.epochs - 1) % self.eval_interval} epochs.",
        )
        require(0 <= self.seed < 2**31, "stage.seed must lie in [0, 2^31).")

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

    :param method: ``naive`` trains all weights on the training set alone; ``replay`` trains two heads, one on the
        training set and one (the parent's E0s) on a replay set, and keeps the first; ``frozen`` leaves the layers of
        ``freeze`` as they are; ``lora`` trains corrections of low rank to the parent's linear layers.
    :param loss: ``weighted`` is the mean square of energy per atom and of force components; ``universal`` is MACE's
        Huber loss with ``huber_delta`` (what its multihead fine-tuning takes unasked).  Not said to be otherwise, the
        loss is ``weighted`` for all methods, so that methods can be compared.
    :param readout: ``reinitialise`` starts the readouts anew as [W] does; ``keep`` goes on from the parent's.
    :param freeze: for ``frozen``: ``embedding``, ``interactions`` (with the embedding), or ``products`` (with both, so
        that the readouts alone learn).  MACE numbers these 1, 5 and 6; its other numbers freeze nothing more.
    :param lora_rank: rank of the corrections, for ``lora``; ``lora_alpha`` / ``lora_rank`` scales them.
    :param replay_weight: weight of a replay frame's labels against those of a training frame, for ``replay``; in the
        ``universal`` loss it scales the residual inside the Huber function.
    :param elements: ``parent`` keeps every element of the parent; ``training`` those of training, validation and
        replay alone (MACE's own default, and [W]'s).
    :param parent_head: the head to go on from; must be named when the parent has several.
    :param e0s: where the isolated atoms' energies come from: ``isolated`` (frames of one atom in the training set),
        ``parent`` (the parent model's), ``estimated`` (parent's, corrected by least squares so that the parent's mean
        error per element vanishes on the training set), or ``given`` (``e0_values``).
    :param e0_values: eV per chemical symbol, for ``given``.
    :param scheduler: ``plateau`` (MACE's default; lr is multiplied by ``plateau_factor`` after ``plateau_patience``
        epochs without a lower validation loss) or ``exponential`` with ``scheduler_gamma`` per epoch.
    :param eval_interval: epochs between looks at the validation set, the first epoch included; the last must be one.
    :param ema_decay: exponential moving average of the weights; None switches it off (MACE's default).
    """

    epochs: int = 100
    lr: float = 0.001
    batch_size: int = 16
    method: Literal["naive", "replay", "frozen", "lora"] = "naive"
    loss: Literal["weighted", "universal"] = "weighted"
    huber_delta: float = 0.01
    energy_weight: float = 1.0
    forces_weight: float = 100.0
    readout: Literal["reinitialise", "keep"] = "reinitialise"
    freeze: Literal["embedding", "interactions", "products"] | None = None
    lora_rank: int = 4
    lora_alpha: float = 1.0
    replay_weight: float = 1.0
    elements: Literal["parent", "training"] = "parent"
    parent_head: str | None = None
    e0s: Literal["isolated", "parent", "estimated", "given"] = "isolated"
    e0_values: dict[str, float] | None = None
    scheduler: Literal["plateau", "exponential"] = "plateau"
    scheduler_gamma: float = 0.95
    plateau_factor: float = 0.8
    plateau_patience: int = 50
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
        require(self.huber_delta > 0, f"stage.huber_delta must be positive, not {self.huber_delta}.")
        require(0 < self.scheduler_gamma <= 1, "stage.scheduler_gamma must lie in (0, 1].")
        require(0 < self.plateau_factor < 1, "stage.plateau_factor must lie in (0, 1).")
        require(self.plateau_patience >= 0, "stage.plateau_patience must not be negative.")
        require(self.ema_decay is None or 0 < self.ema_decay < 1, "stage.ema_decay must lie in (0, 1).")
        require(self.weight_decay >= 0, "stage.weight_decay must not be negative.")
        require(self.clip_grad > 0, "stage.clip_grad must be positive.")
        require(self.eval_interval >= 1, "stage.eval_interval must be at least 1.")
        require(
            (self.epochs - 1) % self.eval_interval == 0,
            f"stage.eval_interval {self.eval_interval} skips the last of {self.epochs} epochs, and MACE keeps the best "
            f"epoch that it evaluated: train {self.epochs - (self.epochs - 1) % self.eval_interval} epochs.",
        )
        require(0 <= self.seed < 2**31, "stage.seed must lie in [0, 2^31).")
        self._check_method()

    def _check_method(self) -> None:
        require(
            (self.method == "frozen") == (self.freeze is not None),
            "stage.freeze goes with method: frozen; it names the last layer to freeze (embedding, interactions, "
            "products).",
        )
        require(
            self.method == "lora" or (self.lora_rank, self.lora_alpha) == (4, 1.0),
            f"stage.lora_rank and stage.lora_alpha go with method: lora, not {self.method}.",
        )
        require(self.lora_rank >= 1, f"stage.lora_rank must be at least 1, not {self.lora_rank}.")
        require(self.lora_alpha > 0, f"stage.lora_alpha must be positive, not {self.lora_alpha}.")
        require(
            self.method != "lora" or self.readout == "keep",
            "stage.method lora corrects the parent's layers by a low rank, which can't make new readouts learn: "
            "set readout: keep.",
        )
        require(
            self.method == "replay" or self.replay_weight == 1.0,
            f"stage.replay_weight goes with method: replay, not {self.method}.",
        )
        require(self.replay_weight > 0, f"stage.replay_weight must be positive, not {self.replay_weight}.")

"""What reports of training are made from: comparisons, parities, learning curves, calibrations.  Plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import RefusedError

Floats = NDArray[np.float64]
Row = Mapping[str, Any]

#: Groups of an error table that are elements begin so; ``all`` is everything.
ELEMENT = "element:"
ALL = "all"


@dataclass(frozen=True)
class Comparison:
    """Several models on several test sets (rows T1, T2, T4).

    :param rows: dicts with ``strategy``, ``start_model``, ``test``, ``group`` (``all``, a stratum, ``element:Si``),
        ``n_frames``, ``mae_energy``, ``rmse_energy``, ``p95_energy`` (eV/atom), ``mae_forces``, ``rmse_forces``,
        ``p95_forces`` (eV/Å); None where the set has no such label.
    :param verdicts: sentences on which differences are beyond chance.
    """

    rows: Sequence[Row]
    verdicts: Sequence[str] = ()


@dataclass(frozen=True)
class Parity:
    """A model's predictions against the labels of one set.

    :param model: who predicts; ``test``: what.
    :param energy: (n, 2), reference and prediction, eV/atom; only frames with a label.
    :param forces: (k, 2), reference and prediction of force components, eV/Å; only those with a label.
    """

    model: str
    test: str
    energy: Floats
    forces: Floats

    def __post_init__(self) -> None:
        for name in ("energy", "forces"):
            shape = getattr(self, name).shape
            if len(shape) != 2 or shape[1] != 2:
                raise RefusedError(f"{name} of {self.model} on {self.test}: pairs are needed, not {shape}.")


@dataclass(frozen=True)
class LearningCurve:
    """Errors against the number of training frames (row T5).

    :param points: dicts with ``n_train``, ``seed`` and metrics such as ``mae_forces`` (eV/Å, eV/atom).
    :param fits: metric → ``slope``, ``slope_se``, ``intercept`` (log10), ``r2``.
    :param seed_fits: metric → ``mean`` and ``se`` of the slopes of each seed alone.
    """

    points: Sequence[Row]
    fits: Mapping[str, Row]
    title: str = ""
    seed_fits: Mapping[str, Row] = field(default_factory=dict)


@dataclass(frozen=True)
class Uncertainty:
    """A committee's standard deviations against its real errors (row T9).

    :param test: the set; ``stratum``: a part of it, or ``all``.
    :param quantity: ``energy`` (eV/atom) or ``forces`` (eV/Å).
    :param calibration: ``bins`` (each ``rmv``, ``rmse``, ``n``), ``ence``, ``spearman``, ``factor``, ``within``.
    """

    test: str
    quantity: str
    members: int
    calibration: Row
    stratum: str = ALL


@dataclass(frozen=True)
class Trained:
    """The parts of a report that are about training as such; empty ones are left out."""

    comparison: Comparison | None = None
    parities: Sequence[Parity] = field(default_factory=list)
    curve: LearningCurve | None = None
    uncertainties: Sequence[Uncertainty] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.comparison or self.parities or self.curve or self.uncertainties)

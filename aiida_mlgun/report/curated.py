"""What a report says of one curated dataset: the curation's own account, and how well the set covers its pool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import RefusedError
from ..contract.strict import load

#: The step that thins; all others are filters.
THINNING: Final = "keep_every"
#: The filter on forces, whose limit the histogram shows.
FORCE_FILTER: Final = "above_force"
SIDES: Final = ("train", "validation", "test")

#: Smallest, mean and largest value; None where the set has no such label.
Triple = tuple[float | None, float | None, float | None] | None


@dataclass(frozen=True)
class File:
    """One raw file.

    :param keys: label (energy, forces, stress) → the key under which the file has it.
    """

    name: str
    sha256: str
    format: str
    n_frames: int
    keys: dict[str, str | None]


@dataclass(frozen=True)
class Step:
    """One filter, or the thinning.

    :param first: numbers of the first dropped frames among the raw ones, from 0.
    """

    filter: str
    parameters: dict[str, Any] = field(default_factory=dict)
    dropped: int = 0
    first: tuple[int, ...] = ()


@dataclass(frozen=True)
class Stratum:
    """One kind of frames.

    :param formulas: composition → kept frames.
    :param energy_per_atom: eV/atom, of kept frames; which energy says :attr:`Curation.quantity`.
    :param max_force: eV/Å, largest force component of each kept frame.
    """

    raw: int
    kept: int
    train: int = 0
    validation: int = 0
    test: int = 0
    formulas: dict[str, int] = field(default_factory=dict)
    energy_per_atom: Triple = None
    max_force: Triple = None


@dataclass(frozen=True)
class Histogram:
    """Counts between ``edges`` (k + 1), of raw and of kept frames (k each); the outer bins hold what lies beyond."""

    edges: tuple[float, ...]
    raw: tuple[int, ...]
    kept: tuple[int, ...]


@dataclass(frozen=True)
class E0s:
    """Reference energies of the elements.

    :param method: isolated, least_squares, given or none.
    :param values: symbol → eV.
    :param rmse, max_abs, strata: what ΣE0 leaves of the energies, eV/atom: overall, at most, by stratum.
    """

    method: str
    values: dict[str, float] = field(default_factory=dict)
    rmse: float | None = None
    max_abs: float | None = None
    strata: dict[str, float | None] | None = None


@dataclass(frozen=True)
class Leaks:
    """Frames, and runs (None: not looked at), that stand on more than one side of the split."""

    frames: int
    runs: int | None = None


@dataclass(frozen=True)
class Covered:
    """How near the pool's frames are to the subset's, in descriptor space.

    :param fraction: share of pool frames with a subset frame within ``radius``.
    :param random_fraction: the same for a random subset of that size.
    """

    fraction: float
    radius: float
    mean_distance: float
    max_distance: float
    random_fraction: float | None = None


@dataclass(frozen=True)
class Selection:
    """How the subset was chosen, and its size."""

    method: str
    n: int


@dataclass(frozen=True)
class Coverage:
    """A subset against its pool in the plane of two principal components.

    :param pool_pca: (p, 2); ``subset_pca``: (k, 2).
    :param pool_energy: (p,), eV/atom above ΣE0, NaN where unknown; ``subset_energy``: (k,).
    """

    n_frames: int
    n_pool: int
    dimension: int
    features: str
    explained_variance: tuple[float, float]
    coverage: Covered
    selection: Selection | None = None
    pool_pca: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    subset_pca: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    pool_energy: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    subset_energy: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def of(cls, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Coverage:
        """From ``coverage.json`` and the arrays of ``descriptors.npz``; the subset is what was selected, if anything.

        :raises RefusedError: naming what is missing or does not fit.
        """
        plain = load(cls, facts, "coverage")
        missing = [name for name in ("pca", "pool_pca") if name not in arrays]
        if missing:
            raise RefusedError(f"the descriptors lack the array {missing[0]!r}; describe the frames again.")
        pca, pool = (np.asarray(arrays[name], dtype=np.float64) for name in ("pca", "pool_pca"))
        energy = _energies(arrays, "energy_per_atom", len(pca))
        chosen = np.asarray(arrays["selected"], dtype=np.int64) if "selected" in arrays else np.zeros(0, np.int64)
        if len(chosen):
            pca, energy = pca[chosen], energy[chosen]
        pool_energy = _energies(arrays, "pool_energy_per_atom", len(pool))
        return replace(plain, pool_pca=pool, subset_pca=pca, pool_energy=pool_energy, subset_energy=energy)


@dataclass(frozen=True)
class Curation:
    """What happened to the raw frames of one dataset.

    :param name: of the dataset, for headings.
    :param split: random, by_run, by_stratum or tag.
    :param levels: of theory, of the kept frames; ``elements``: symbols.
    :param steps: in the order they ran; each sees what the ones before it left.
    :param counts: frames on each side of the split, isolated atoms not counted.
    :param subsets: nested training sets → frames.
    :param quantity: which energy per atom strata and histograms tell.
    :param histograms: ``energy_per_atom`` (eV), ``max_force`` (eV/Å); None where there is no label.
    """

    name: str
    n_raw: int
    n_isolated: int
    seed: int = 0
    split: str = "random"
    levels: tuple[str, ...] = ()
    elements: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    steps: tuple[Step, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    subsets: dict[str, int] = field(default_factory=dict)
    strata: dict[str, Stratum] = field(default_factory=dict)
    quantity: str = "E per atom"
    histograms: dict[str, Histogram | None] = field(default_factory=dict)
    e0s: E0s | None = None
    leaks: Leaks | None = None
    coverage: Coverage | None = None

    @classmethod
    def of(cls, name: str, report: Mapping[str, Any]) -> Curation:
        """From ``curation.json``.

        :raises RefusedError: naming the key that is missing, unknown or of the wrong kind.
        """
        return load(cls, {**report, "name": name}, f"the curation report of {name}")

    @property
    def n_dropped(self) -> int:
        """Frames dropped by filters."""
        return sum(step.dropped for step in self.steps if step.filter != THINNING)

    @property
    def n_thinned(self) -> int:
        """Frames that thinning left out."""
        return sum(step.dropped for step in self.steps if step.filter == THINNING)

    @property
    def n_left(self) -> int:
        """Frames left after the last step, before the split."""
        return self.n_raw - self.n_isolated - self.n_dropped - self.n_thinned

    @property
    def n_split(self) -> int:
        """Frames on the three sides together."""
        return sum(self.counts.get(side, 0) for side in SIDES)

    @property
    def force_limit(self) -> float | None:
        """eV/Å, above which a frame was dropped; None if there was no such filter."""
        limits = [step.parameters.get("ceiling") for step in self.steps if step.filter == FORCE_FILTER]
        return float(limits[0]) if limits and limits[0] is not None else None


def _energies(arrays: Mapping[str, NDArray[Any]], name: str, n: int) -> NDArray[np.float64]:
    return np.asarray(arrays[name], dtype=np.float64) if name in arrays else np.full(n, np.nan)

"""The parameters of comparison, learning curve and committee, checked as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..contract.strict import require

Strategy = Literal["zero_shot", "scratch", "finetuned", "continual"]
STRATEGIES: tuple[Strategy, ...] = ("zero_shot", "scratch", "finetuned", "continual")


@dataclass(frozen=True)
class CompareParameters:
    """What is compared (T1).

    :param strategies: ``zero_shot`` (a start model as it is), ``scratch`` (trained on the target set alone, once),
        ``finetuned`` (start model → target), ``continual`` (start model → broad → target).
    :param seed: of the bootstrap behind the verdict's intervals.
    :param jobs_at_once: trainings, and scores, that are submitted side by side; None: all.
    """

    strategies: tuple[Strategy, ...] = STRATEGIES
    seed: int = 24
    jobs_at_once: int | None = None

    def __post_init__(self) -> None:
        require(bool(self.strategies), "parameters.strategies: name at least one.")
        _check_distinct("strategies", self.strategies)
        require(self.seed >= 0, f"parameters.seed must not be negative, not {self.seed}.")
        _check_at_once(self.jobs_at_once)


@dataclass(frozen=True)
class CurveParameters:
    """Which subsets are trained on (T5).

    :param sizes: frames in each subset, isolated atoms (which every subset keeps) not counted.
    :param seeds: each draws its own nested subsets and trains on them with the same seed.
    :param jobs_at_once: as in :class:`CompareParameters`.
    """

    sizes: tuple[int, ...]
    seeds: tuple[int, ...] = (24, 25, 26)
    jobs_at_once: int | None = None

    def __post_init__(self) -> None:
        require(len(set(self.sizes)) >= 2, "parameters.sizes: a curve needs at least two different sizes.")
        _check_distinct("sizes", self.sizes)
        require(min(self.sizes) >= 1, f"parameters.sizes: a subset holds at least one frame, not {min(self.sizes)}.")
        _check_seeds(self.seeds, at_least=1)
        _check_at_once(self.jobs_at_once)


@dataclass(frozen=True)
class CommitteeParameters:
    """Who sits in the committee (T9).

    :param seeds: one member each; all stages of a member have its seed.
    :param bins: of the calibration, equally full.
    :param jobs_at_once: as in :class:`CompareParameters`.
    """

    seeds: tuple[int, ...] = (24, 25, 26, 27)
    bins: int = 10
    jobs_at_once: int | None = None

    def __post_init__(self) -> None:
        _check_seeds(self.seeds, at_least=2)
        require(self.bins >= 1, f"parameters.bins must be at least 1, not {self.bins}.")
        _check_at_once(self.jobs_at_once)


def _check_seeds(seeds: tuple[int, ...], at_least: int) -> None:
    require(len(seeds) >= at_least, f"parameters.seeds: at least {at_least} needed, not {len(seeds)}.")
    _check_distinct("seeds", seeds)
    require(all(0 <= seed < 2**31 for seed in seeds), "parameters.seeds must lie in [0, 2^31).")


def _check_distinct(name: str, values: tuple[object, ...]) -> None:
    twice = [value for value in dict.fromkeys(values) if values.count(value) > 1]
    require(not twice, f"parameters.{name}: {twice[0] if twice else None!r} stands there twice.")


def _check_at_once(n: int | None) -> None:
    require(n is None or n >= 1, f"parameters.jobs_at_once must be at least 1, not {n}.")

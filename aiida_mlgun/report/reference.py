"""Another distribution of outcomes to stand beside: another ensemble, or numbers from a file ([W] Fig. 5; row O5)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from ..contract.errors import RefusedError
from ..contract.strict import load
from ..science.statistics import Share, outcome_table

#: How far printed shares may sum up to more than 1: they are rounded.
_ROUNDING: Final = 0.02


@dataclass(frozen=True)
class Reference:
    """Shares of outcomes found elsewhere.

    :param name: as the legend tells it, such as ``10 AIMD shots``.
    :param shares: outcome → share, 0 to 1; outcomes that are not named have none.
    :param n: shots behind it, from which intervals follow; None: unknown.
    :param source: where the numbers come from.
    :raises RefusedError: when a share is none, or they sum up to more than 1.
    """

    name: str
    shares: Mapping[str, float]
    n: int | None = None
    source: str = ""

    def __post_init__(self) -> None:
        wrong = [name for name, share in self.shares.items() if not (math.isfinite(share) and 0 <= share <= 1)]
        if wrong:
            raise RefusedError(f"the share of {wrong[0]!r} in {self.name} is {self.shares[wrong[0]]}; give 0 to 1.")
        total = sum(self.shares.values())
        if not 0 < total <= 1 + _ROUNDING:
            raise RefusedError(f"the shares of {self.name} sum up to {total:.3g}; give shares of all shots, 1 in all.")
        if self.n is not None and self.n < 1:
            raise RefusedError(f"{self.name} has {self.n} shots; give a number of 1 or more, or none.")

    @classmethod
    def of_outcomes(cls, name: str, outcomes: Sequence[str], source: str = "") -> Reference:
        """From the outcome of each shot of another ensemble.

        :raises RefusedError: when there are none.
        """
        if not outcomes:
            raise RefusedError(f"{name} has no shots to compare with.")
        shares = {outcome: n / len(outcomes) for outcome, n in sorted(Counter(outcomes).items())}
        return cls(name, shares, len(outcomes), source)

    @classmethod
    def of_yaml(cls, text: str, where: str) -> Reference:
        """From a file with ``name``, ``source``, and ``counts`` (outcome → shots) or ``shares`` with or without ``n``.

        :param where: the file's name, for messages.
        :raises RefusedError: naming the key that is missing, unknown or of the wrong kind.
        """
        try:
            data: Any = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise RefusedError(f"{where} is not YAML: {' '.join(str(error).split())}.") from error
        told = load(_File, data, where)
        if bool(told.counts) == bool(told.shares):
            raise RefusedError(f"{where}: give counts or shares of outcomes, one of the two.")
        if not told.counts:
            return cls(told.name, told.shares, told.n, told.source)
        total = sum(told.counts.values())
        if min(told.counts.values()) < 0 or total == 0 or told.n not in (None, total):
            raise RefusedError(f"{where}: counts must not be negative and sum up to n, not to {total}.")
        return cls(told.name, {name: n / total for name, n in told.counts.items()}, total, told.source)

    def intervals(self, order: Sequence[str]) -> dict[str, Share] | None:
        """Outcome → share with simultaneous 95 % interval (exact, Bonferroni); None without a number of shots."""
        if self.n is None:
            return None
        outcomes = [name for name, share in self.shares.items() for _ in range(round(share * self.n))]
        return {row.mode: row for row in outcome_table(outcomes, order)} if outcomes else None


@dataclass(frozen=True)
class _File:
    name: str
    source: str
    counts: dict[str, int] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    n: int | None = None

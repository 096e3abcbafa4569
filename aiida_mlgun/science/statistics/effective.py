"""What n shots from a few start states are worth, in independent shots, and where more shots stop helping."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...contract.errors import RefusedError
from .clusters import few_states_factor


@dataclass(frozen=True)
class Worth:
    """n shots from G start states are worth n / (f (1 + (n/G - 1) ρ)) independent ones.

    Kish, Survey Sampling, 1965.

    :param correlation: ρ in [0, 1] between shots that share a start state; 0 when every shot counts alike.
    :param n_states: G, the number of start states (of two kinds: the smaller one); None if it is unknown.
    :param factor: f ≥ 1, lost whatever n is.
    """

    correlation: float
    n_states: int | None
    factor: float

    def of(self, n: float) -> float:
        """Independent shots that ``n`` shots are worth."""
        if self.n_states is None:
            return n / self.factor
        return n / (self.factor * max(1.0, 1 + (n / self.n_states - 1) * self.correlation))

    def limit(self) -> float:
        """The most that any number of shots from these start states is worth; infinite if there is no limit."""
        if self.n_states is None or self.correlation == 0:
            return math.inf
        return self.n_states / (self.correlation * self.factor)

    def shots(self, independent: float) -> float:
        """Shots that are worth ``independent`` ones; infinite when no number from these start states is."""
        if self.n_states is None or self.correlation == 0:
            return independent * self.factor
        if independent >= self.limit():
            return math.inf
        wanted = independent * self.factor
        alone = wanted * (1 - self.correlation) / (1 - wanted * self.correlation / self.n_states)
        return max(alone, wanted)


def worth(n: int, design_effect: float, n_states: int | None, alpha: float) -> Worth:
    """The rule by which a design effect seen at ``n`` shots holds for other numbers of shots.

    With known start states ρ = (deff - 1) / (n/G - 1) stays and the design effect grows with n; the factor is Korn and
    Graubard's for G - 1 degrees of freedom.  Without, the design effect stays as it is.

    :raises RefusedError: when the design effect is below 1 or there are fewer than two start states.
    """
    if not (math.isfinite(design_effect) and design_effect >= 1):
        raise RefusedError(f"a design effect is 1 or more, not {design_effect}: 1 means independent shots.")
    if n_states is None:
        return Worth(0.0, None, design_effect)
    if n_states < 2:
        raise RefusedError("precision over start states needs two of them or more; shoot from more start states.")
    factor = few_states_factor(n_states - 1, alpha)
    per_state = n / n_states
    if per_state <= 1:
        return Worth(0.0, n_states, factor * design_effect)
    return Worth(min(1.0, (design_effect - 1) / (per_state - 1)), n_states, factor)

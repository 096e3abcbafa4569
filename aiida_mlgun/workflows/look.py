"""One look of a campaign that stops by precision: what is known, whether it is enough, how large the next wave is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from ..contract.shooting import Chemistry
from ..contract.strict import dump
from ..science.outcomes.catalogue import UNDECIDED, outcome_names
from ..science.statistics import Clustered, clustered_shares, required
from ..science.tally import Tally
from .campaign import Precision

#: Shots per start state before "no number of shots is enough" is believed: the correlation is known too badly before.
BELIEVED: Final = 10
#: The first wave: this part of what the worst shares would need, so that a campaign with kinder ones may stop earlier.
FIRST: Final = 1 / 3


def look_at(tally: Tally, chemistry: Chemistry, precision: Precision) -> dict[str, Any]:
    """The look after the shots of a tally, as plain data.

    Fields: those of :class:`~aiida_mlgun.science.statistics.Decision` (``stop``, ``n``, ``n_effective``, ``intervals``,
    ``widest``, ``half_width``, ``more``, ``sentence``), ``counts``, ``asked`` (the :class:`.Precision`),
    ``design_effect`` and ``n_states`` as they went in, ``hopeless`` (no number of shots from these start states will
    do), ``remark``.
    """
    names = (*outcome_names(chemistry), UNDECIDED)
    counts = tally.counts()
    modes = [*names, *sorted(set(counts) - set(names))]
    outcomes, *states = tally.columns()
    found = clustered_shares(outcomes, *states, modes=modes, alpha=precision.alpha) if outcomes else None
    watched = precision.watched or names
    effect, n_states = design(found, watched)
    decision = required(
        [counts.get(name, 0) for name in modes],
        precision.half_width,
        modes,
        watched=watched,
        alpha=precision.alpha,
        design_effect=effect,
        n_states=n_states,
        tuned_for=precision.tuned_for,
    )
    hopeless = decision.more is None and decision.n >= BELIEVED * (n_states or 0)
    told = dump(decision)
    if decision.more is None and not hopeless:
        known = decision.sentence.partition("): ")[0]
        told["sentence"] = f"{known}): too few shots per start state yet to say how many more are needed."
    return {
        **told,
        "counts": {name: counts.get(name, 0) for name in modes},
        "asked": asdict(precision) | {"watched": list(watched)},
        "design_effect": effect,
        "n_states": n_states,
        "hopeless": hopeless,
        "remark": found.remark if found is not None else "",
    }


def design(found: Clustered | None, watched: Sequence[str]) -> tuple[float, int | None]:
    """Design effect and number of start states as ``required`` takes them; independent shots where none are known.

    The largest design effect of the watched outcomes; one that was never seen counts with the mean of all.
    """
    if found is None:
        return 1.0, None
    effects = [row.design_effect for row in found.shares if row.mode in watched and row.design_effect is not None]
    return (max(effects), found.degrees + 1) if effects else (1.0, None)


def wave_size(more: int | None, first: bool, shots_per_job: int, jobs_at_once: int | None, left: int) -> int:
    """Shots of the next wave: what is still needed, in whole jobs, as many as run together at most.

    :param more: shots still needed; None: no estimate, so as many as run together.
    :param first: nothing has been shot yet, and ``more`` is what the worst shares would need.
    :param left: shots that the budget leaves.
    """
    if more is None:
        jobs = jobs_at_once or math.ceil(left / shots_per_job)
    else:
        jobs = math.ceil(more * (FIRST if first else 1) / shots_per_job)
    most = jobs if jobs_at_once is None else min(jobs, jobs_at_once)
    return min(left, max(1, most) * shots_per_job)

"""What came out of a campaign, as plain data: every shot counted once, every lost one named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..contract.shooting import Chemistry
from ..contract.strict import dump, load
from ..science.outcomes.catalogue import UNDECIDED, outcome_names, productive_names
from ..science.shot_ranges import joined, size, spelled
from ..science.statistics import clustered_shares, outcome_table, sticking
from ..science.tally import Tally


@dataclass(frozen=True)
class LostBatch:
    """A batch that lost shots for good.

    :param partly: other shots of it did finish, and count.
    """

    label: str
    pk: int
    exit_status: int | None
    exit_message: str
    lost: tuple[tuple[int, ...], ...]
    partly: bool = False


@dataclass(frozen=True)
class Ended:
    """How a campaign ended.

    :param stopped_by: ``shots`` (all that were asked for), ``precision``, ``start_states`` (more shots from these start
        states cannot reach the precision), ``hours`` or ``failures`` (one batch after the other failed).
    :param n_before: shots taken over from earlier campaigns.
    :param lost: batches that lost shots.
    :param never_submitted: shots of the budget that were never submitted.
    """

    stopped_by: str = "shots"
    n_before: int = 0
    lost: tuple[LostBatch, ...] = ()
    never_submitted: int = 0


def summary_of(
    tally: Tally, chemistry: Chemistry, budget: int, last_look: Mapping[str, Any] | None, ended: Mapping[str, Any]
) -> dict[str, Any]:
    """The output ``summary`` of ``mlgun.gun``.

    Fields: ``n_shots`` (finished), ``n_asked``, ``n_lost``, ``n_before`` (taken over), ``lost`` (ranges [first, stop)),
    ``lost_batches``, ``stopped_by``, ``remarks`` (sentences); ``table`` (simultaneous exact 95 % intervals),
    ``n_bound``, ``sticking`` (Wilson 95 %; ``if_lost_low`` and ``if_lost_high``: had no lost shot bound, or each);
    ``clustered``: the same over start states (``table`` simultaneous, ``sticking``, ``n_states``, ``design_effect``,
    ``inflation``, ``remark``); ``sequential``: what the last look said if precision was asked for; ``undecided``,
    ``median_abs_drift`` (to 2 %) and ``max_abs_drift``, meV/atom/ps.

    :param budget: ``n_shots`` of the parameters.
    :param ended: fields of :class:`Ended`.
    """
    how = load(Ended, ended, "ended")
    lost = joined(*(batch.lost for batch in how.lost))
    n_lost, finished = size(lost), len(tally)
    bound = set(productive_names(chemistry))
    outcomes, *states = tally.columns()
    names = outcome_names(chemistry)
    n_bound = sum(outcome in bound for outcome in outcomes)
    p, low, high = sticking(n_bound, finished)
    over = clustered_shares(outcomes, *states, modes=[*names, UNDECIDED], simultaneous=True)
    words = ["bound" if outcome in bound else "not" for outcome in outcomes]
    stuck = clustered_shares(words, *states, modes=["bound", "not"]).shares[0]
    told = None
    if last_look is not None:
        fields = ("asked", "intervals", "widest", "half_width", "n_effective", "stop", "more", "sentence")
        told = {name: last_look[name] for name in fields}
    early = how.stopped_by != "shots"
    return {
        "n_shots": finished,
        "n_asked": finished + n_lost if early else budget,
        "n_lost": n_lost,
        "n_before": how.n_before,
        "lost": lost,
        "lost_batches": dump(how.lost),
        "stopped_by": how.stopped_by,
        "remarks": [*_lost_words(how, n_lost), *([over.remark] if over.remark else [])],
        "table": dump(tuple(outcome_table(outcomes, names))),
        "n_bound": n_bound,
        "sticking": {
            **{"p": p, "low": low, "high": high},
            "if_lost_low": n_bound / (finished + n_lost),
            "if_lost_high": (n_bound + n_lost) / (finished + n_lost),
        },
        "clustered": {
            "table": dump(over.shares),
            "sticking": {"p": stuck.p, "low": stuck.low, "high": stuck.high},
            "n_states": list(over.n_states),
            "design_effect": over.design_effect,
            "inflation": over.inflation,
            "remark": over.remark,
        },
        "sequential": told,
        "undecided": outcomes.count(UNDECIDED),
        "median_abs_drift": tally.median_abs_drift(),
        "max_abs_drift": tally.max_abs_drift,
    }


def _lost_words(how: Ended, n_lost: int) -> list[str]:
    """What a reader must know of the shots that are not there."""
    if not n_lost:
        return []
    lost = joined(*(batch.lost for batch in how.lost))
    words = [f"{n_lost} shots were lost and are in no share: {spelled(lost)}."]
    partly = sum(size(batch.lost) for batch in how.lost if batch.partly)
    if partly:
        words.append(
            f"{partly} of them belong to batches that were cut off while others of their shots had finished: a shot "
            "that flies long is lost more easily than one that soon leaves, so the shares of slow outcomes are too low."
        )
    return words

"""What came out of a curation, in sentences: the answer, the few numbers beside it, what to be careful about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .curated import SIDES, THINNING, Curation
from .words import big, count, filter_label, listed, percent, stratum_label, verb

#: A filter that drops a larger share of what it saw is called out.
_MUCH: Final = 0.2
#: A subset that covers a share smaller by this than random frames do is called out.
_LESS: Final = 0.02
_SPLITS: Final = {
    "random": "at random",
    "by_run": "by run",
    "by_stratum": "at random within each stratum",
    "tag": "by the frames' own tags",
}


def curation_answer(curations: Sequence[Curation]) -> str:
    """One sentence per dataset; its name before it if there are several."""
    if len(curations) == 1:
        return curation_sentence(curations[0])
    return " ".join(f"{one.name}: {curation_sentence(one)}" for one in curations)


def curation_sentence(one: Curation) -> str:
    """``704 raw frames → 500 train / 50 validation / 100 test; 21 dropped by 5 filters; no frame …``"""
    raw = count(one.n_raw, "raw frame")
    if one.n_isolated:
        raw += f" ({big(one.n_isolated)} of them {verb(one.n_isolated, 'an isolated atom', 'isolated atoms')})"
    sides = " / ".join(f"{big(one.counts.get(side, 0))} {side}" for side in SIDES)
    parts = [f"{raw} → {sides}", _dropped(one)]
    if one.n_thinned:
        parts.append(f"{big(one.n_thinned)} left out by thinning")
    if one.coverage is not None and one.coverage.selection is not None:
        parts.append(f"{big(one.coverage.selection.n)} of the training frames selected by their descriptors")
    if one.leaks is not None:
        parts.append(leak_clause(one))
    return "; ".join(parts) + "."


def leak_clause(one: Curation) -> str:
    """Whether the sides of the split are apart; empty if it was not looked at."""
    if one.leaks is None:
        return ""
    frames, runs = one.leaks.frames, one.leaks.runs
    if not frames and runs == 0:
        return "no frame and no run stands on two sides"
    said = "no frame stands" if not frames else f"{count(frames, 'frame')} {verb(frames, 'stands', 'stand')}"
    clause = f"{said} on two sides"
    if runs is None:
        return clause
    return f"{clause}, {'no run does' if not runs else count(runs, 'run') + verb(runs, ' does', ' do')}"


def split_sentence(one: Curation) -> str:
    """How the sides were made, the nested subsets, the level of theory."""
    sentence = f"Split {_SPLITS.get(one.split, one.split)}, seed {one.seed}."
    if one.subsets:
        sizes = [big(n) for n in sorted(one.subsets.values())]
        sentence += f" Nested training subsets, each within the next, of {listed(sizes)} frames."
    if one.levels:
        sentence += f" Level of theory: {listed(one.levels)}."
    return sentence


def curation_facts(curations: Sequence[Curation]) -> list[tuple[str, str]]:
    """(number, what it is), for the tiles under the answer."""
    tiles = [
        (big(sum(one.n_raw for one in curations)), "raw frames"),
        (big(sum(one.n_split for one in curations)), "in the sets"),
        (big(sum(one.n_dropped for one in curations)), "dropped by filters"),
    ]
    strata = {name for one in curations for name in one.strata}
    if len(strata) > 1:
        tiles.append((big(len(strata)), "strata"))
    hottest = [s.max_force[2] for one in curations for s in one.strata.values() if s.max_force is not None]
    known = [value for value in hottest if value is not None]
    if known:
        tiles.append((f"{max(known):.3g} eV/Å", "largest force kept"))
    if len(curations) == 1 and curations[0].coverage is not None:
        tiles.append((percent(curations[0].coverage.coverage.fraction), "of the full set covered"))
    return tiles


def curation_cautions(curations: Sequence[Curation]) -> list[str]:
    """What a reader must know before training on the sets, one sentence each."""
    several = len(curations) > 1
    return [f"{one.name}: {words}" if several else words for one in curations for words in _cautions(one)]


def _dropped(one: Curation) -> str:
    filters = [step for step in one.steps if step.filter != THINNING]
    hit = [step for step in filters if step.dropped]
    if not filters:
        return "no filter was run"
    if not hit:
        return f"none dropped by {count(len(filters), 'filter')}"
    return f"{big(one.n_dropped)} dropped by {count(len(hit), 'filter')}"


def _cautions(one: Curation) -> list[str]:
    found = []
    if one.leaks is not None and one.leaks.frames:
        found.append(
            f"{count(one.leaks.frames, 'frame')} {verb(one.leaks.frames, 'stands', 'stand')} on more than one side of"
            " the split: errors on validation and test frames are too small by what was learnt by heart."
        )
    if one.leaks is not None and one.leaks.runs:
        found.append(
            f"Frames of {count(one.leaks.runs, 'run')} stand on more than one side of the split: errors on the test"
            " set will look smaller than on runs that the model has not seen. split: by_run keeps runs together."
        )
    empty = [side for side in SIDES[1:] if not one.counts.get(side, 0)]
    if one.n_split and empty:
        found.append(f"There are no {listed(empty)} frames.")
    for side, why in (("train", "the model learns nothing of them"), ("test", "their errors stay unknown")):
        absent = [stratum_label(name) for name, s in one.strata.items() if s.kept and not getattr(s, side)]
        if one.counts.get(side, 0) and absent and len(absent) < len(one.strata):
            found.append(f"There are no {side} frames of {listed(absent)}: {why}.")
    left = one.n_raw - one.n_isolated
    for step in one.steps:
        if step.filter != THINNING and left and step.dropped > _MUCH * left:
            share = percent(step.dropped / left)
            found.append(f"One filter ({filter_label(step.filter)}) dropped {share} of the frames that it saw.")
        left -= step.dropped
    return found + _uncovered(one)


def _uncovered(one: Curation) -> list[str]:
    """Farthest points go to the edges and may well cover a smaller share than random frames; others should not."""
    if one.coverage is None or (one.coverage.selection is not None and one.coverage.selection.method == "farthest"):
        return []
    covered, by_chance = one.coverage.coverage.fraction, one.coverage.coverage.random_fraction
    if by_chance is None or by_chance - covered < _LESS:
        return []
    words = f"The subset covers {percent(covered)} of the full set; a random one of its size covers"
    return [f"{words} {percent(by_chance)}."]

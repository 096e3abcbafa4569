"""The catalogue of outcomes: rows of data, read and checked, and the first that fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import yaml

from ...contract.errors import RefusedError
from ...contract.shooting import Chemistry, Mode
from ...contract.strict import load
from .conditions import check_condition, holds
from .features import Features

#: The engine's own name for a shot that was not over when its steps were.
UNDECIDED: Final = "undecided"

_PLACEHOLDER: Final = "{group}"


@dataclass(frozen=True)
class Verdict:
    """How a geometry is called.

    :param mode: the outcome's name, with the group filled in, such as ``on_top C2C3``.
    :param group: the bound group's name, several joined by ``+``, empty if none is bound.
    :param site: where it sits, several joined by ``+``; empty if none is bound (see ``Features.sites``).
    :param reason: the facts behind it, in one line.
    :param productive: whether the catalogue counts it as binding.
    :param final: whether a shot may end early in it.
    """

    mode: str
    group: str
    site: str
    reason: str
    productive: bool
    final: bool


def parse_catalogue(text: str) -> tuple[Mode, ...]:
    """Read a catalogue from YAML: a list of modes.

    :raises RefusedError: when it is no YAML, a key is unknown, or a row cannot work.
    """
    data = read_yaml(text, "the catalogue")
    if not isinstance(data, list):
        raise RefusedError("the catalogue must be a list of modes.")
    catalogue = tuple(load(Mode, row, f"catalogue[{i}]") for i, row in enumerate(data))
    check_catalogue(catalogue)
    return catalogue


def read_yaml(text: str, what: str) -> Any:
    """Plain data.

    :raises RefusedError: when it is no YAML.
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RefusedError(f"{what} is not YAML: {' '.join(str(error).split())}.") from error


def check_catalogue(catalogue: tuple[Mode, ...]) -> None:
    """Refuse a catalogue with unknown conditions, repeated names, or without a last row that always fits.

    :raises RefusedError: naming the mode and the condition.
    """
    names = [mode.name for mode in catalogue]
    for mode in catalogue:
        if not mode.name or mode.name == UNDECIDED or names.count(mode.name) > 1:
            raise RefusedError(f"catalogue: the name {mode.name!r} is empty, repeated, or taken.")
        for key, wanted in mode.when.items():
            check_condition(mode.name, key, wanted)
        if _PLACEHOLDER in mode.name and mode.when.get("groups_bound") != 1:
            raise RefusedError(f"catalogue: {mode.name!r} names the group, so it needs `groups_bound: 1`.")
    if not catalogue or catalogue[-1].when:
        raise RefusedError("catalogue: the last mode must have no conditions, so that every geometry has a name.")


def outcome_names(chemistry: Chemistry) -> tuple[str, ...]:
    """All outcomes that can occur, in the catalogue's order, one per group where the name holds ``{group}``."""
    names: list[str] = []
    for mode in chemistry.catalogue:
        if _PLACEHOLDER in mode.name:
            names += [mode.name.replace(_PLACEHOLDER, group.name) for group in chemistry.groups]
        else:
            names.append(mode.name)
    return tuple(names)


def productive_names(chemistry: Chemistry) -> tuple[str, ...]:
    """Those of :func:`outcome_names` that count as binding."""
    productive = tuple(mode for mode in chemistry.catalogue if mode.productive)
    return outcome_names(Chemistry(chemistry.groups, productive, chemistry.bonds)) if productive else ()


def classify(features: Features, chemistry: Chemistry) -> Verdict:
    """The first mode of the catalogue that fits; the last one if another of the same rank fits as well.

    :raises RefusedError: when none does (:func:`check_catalogue` sees to it that one does).
    """
    fitting = (mode for mode in chemistry.catalogue if fits(features, mode))
    first = next(fitting, None)
    if first is None:
        raise RefusedError("catalogue: no mode fits; the last one must have no conditions.")
    group = "+".join(features.groups)
    name = first.name.replace(_PLACEHOLDER, group)
    rivals = [mode.name for mode in fitting if mode.rank == first.rank] if first.rank is not None else []
    if rivals:
        alike = " and ".join([name, *(rival.replace(_PLACEHOLDER, group) for rival in rivals)])
        return ambiguous(features, chemistry, f"{alike} fit alike")
    return Verdict(name, group, "+".join(features.sites), reason_of(features), first.productive, first.final)


def ambiguous(features: Features, chemistry: Chemistry, why: str) -> Verdict:
    """The verdict of a geometry that cannot be told: the catalogue's last row, with the reason."""
    last = chemistry.catalogue[-1]
    group, site = "+".join(features.groups), "+".join(features.sites)
    return Verdict(last.name, group, site, f"ambiguous: {why}; {reason_of(features)}", last.productive, False)


def fits(features: Features, mode: Mode) -> bool:
    """Whether all conditions of a mode hold."""
    return all(holds(features, key, wanted) for key, wanted in mode.when.items())


def reason_of(features: Features) -> str:
    """The facts in one line."""
    if features.exploded:
        return features.cause
    facts = []
    if features.broken_bonds:
        facts.append(f"{features.broken_bonds} broken bonds between heavy atoms")
    if features.h_lost:
        facts.append(f"{features.h_lost} hydrogens lost, {features.h_on_slab} of them to the slab")
    if features.formed:
        facts.append("new in the molecule " + " ".join(features.formed))
    if features.bonds:
        facts.append("bonds " + " ".join(features.bonds))
    if features.filled:
        facts.append(f"{features.filled} vacancies filled")
    if features.contacts:
        facts.append("contacts " + " ".join(features.contacts))
    facts += [f"{group} {_where(features, k)}" for k, group in enumerate(features.groups)]
    return "; ".join(facts) or "no bond to the slab"


def _where(features: Features, k: int) -> str:
    """A bound group's site, and its atoms' places where they are more than tops."""
    places = features.places[k] if features.places else ()
    more = [place for place in places if place != "top"]
    return f"{features.sites[k]} ({', '.join(places)})" if more else features.sites[k]

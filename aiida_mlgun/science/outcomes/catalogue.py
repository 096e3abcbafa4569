"""The catalogue of outcomes: rows of data, read and checked, and the first that fits."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import yaml

from ...contract.errors import RefusedError
from ...contract.shooting import Chemistry, Mode
from ...contract.strict import load
from .features import Features

#: The engine's own name for a shot that was not over when its steps were.
UNDECIDED: Final = "undecided"

_FLAGS: Final = ("exploded", "bound", "sublayer")
_COUNTS: Final = (
    "h_lost",
    "h_on_slab",
    "broken_bonds",
    "surface_bonds",
    "groups_bound",
    "other_bonds",
    "fragments",
)
_NAMES: Final = ("sites", "groups")
_SITES: Final = ("on_top", "bridge", "single", "other")
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


def load_catalogue() -> tuple[Mode, ...]:
    """The catalogue that is shipped: nine binding modes and four unproductive ends ([W] Fig. 4, section 3.2)."""
    return parse_catalogue(files(__package__).joinpath("modes.yaml").read_text(encoding="utf-8"))


def parse_catalogue(text: str) -> tuple[Mode, ...]:
    """Read a catalogue from YAML.

    :raises RefusedError: when it is no YAML, a key is unknown, or a row cannot work.
    """
    try:
        data: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RefusedError(f"the catalogue is not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(data, list):
        raise RefusedError("the catalogue must be a list of modes.")
    catalogue = tuple(load(Mode, row, f"catalogue[{i}]") for i, row in enumerate(data))
    check_catalogue(catalogue)
    return catalogue


def check_catalogue(catalogue: tuple[Mode, ...]) -> None:
    """Refuse a catalogue with unknown conditions, repeated names, or without a last row that always fits.

    :raises RefusedError: naming the mode and the condition.
    """
    names = [mode.name for mode in catalogue]
    for mode in catalogue:
        if not mode.name or mode.name == UNDECIDED or names.count(mode.name) > 1:
            raise RefusedError(f"catalogue: the name {mode.name!r} is empty, repeated, or taken.")
        for key, wanted in mode.when.items():
            _check_condition(mode.name, key, wanted)
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
    """The first mode of the catalogue that fits.

    :raises RefusedError: when none does (:func:`check_catalogue` sees to it that one does).
    """
    for mode in chemistry.catalogue:
        if all(_holds(features, key, wanted) for key, wanted in mode.when.items()):
            group = "+".join(features.groups)
            name = mode.name.replace(_PLACEHOLDER, group)
            site = "+".join(features.sites)
            return Verdict(name, group, site, _reason(features), mode.productive, mode.final)
    raise RefusedError("catalogue: no mode fits; the last one must have no conditions.")


def _holds(features: Features, key: str, wanted: Any) -> bool:
    if key == "sites":
        return bool(features.sites) and all(site in wanted for site in features.sites)
    if key == "groups":
        return set(features.groups) == set(wanted)
    value = len(features.groups) if key == "groups_bound" else getattr(features, key)
    if isinstance(wanted, dict):
        return bool(wanted.get("min", value) <= value <= wanted.get("max", value))
    return bool(value == wanted)


def _check_condition(mode: str, key: str, wanted: Any) -> None:
    if key in _FLAGS:
        good, needed = isinstance(wanted, bool), "true or false"
    elif key in _COUNTS:
        bounds = wanted if isinstance(wanted, dict) else {"min": wanted}
        whole = all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in bounds.values())
        good, needed = bool(bounds) and set(bounds) <= {"min", "max"} and whole, "a number or {min: , max: }"
    elif key in _NAMES:
        known = isinstance(wanted, list | tuple) and all(isinstance(name, str) for name in wanted) and bool(wanted)
        good = known and (key != "sites" or set(wanted) <= set(_SITES))
        needed = f"a list of {', '.join(_SITES)}" if key == "sites" else "a list of group names"
    else:
        choices = ", ".join(_FLAGS + _COUNTS + _NAMES)
        raise RefusedError(f"catalogue: {mode!r} has the unknown condition {key!r}. Known: {choices}.")
    if not good:
        raise RefusedError(f"catalogue: {mode!r} asks {key!r} for {wanted!r}; {needed} is needed.")


def _reason(features: Features) -> str:
    if features.exploded:
        return features.cause
    facts = []
    if features.broken_bonds:
        facts.append(f"{features.broken_bonds} broken bonds between heavy atoms")
    if features.h_lost:
        facts.append(f"{features.h_lost} hydrogens lost, {features.h_on_slab} of them to the slab")
    if features.bonds:
        facts.append("bonds " + " ".join(features.bonds))
    facts += [f"{group} {site}" for group, site in zip(features.groups, features.sites, strict=True)]
    return "; ".join(facts) or "no bond to the slab"

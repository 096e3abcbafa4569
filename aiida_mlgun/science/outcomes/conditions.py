"""What a row of a catalogue may ask for (``when``), and whether it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ...contract.errors import RefusedError
from ..perovskites import ROLES
from ..sites import KINDS
from .bonds import pair_numbers
from .features import Features

FLAGS: Final = ("exploded", "bound", "sublayer")
COUNTS: Final = (
    "h_lost",
    "h_on_slab",
    "broken_bonds",
    "surface_bonds",
    "groups_bound",
    "other_bonds",
    "fragments",
    "filled",
)
#: Name of the condition → name of the feature; each counts pairs of elements.
PAIRS: Final = {"bonds": "pairs", "contacts": "contacts", "broken": "broken", "formed": "formed"}
NAMES: Final = ("sites", "groups", "termination")
#: Of a group's bonds taken together, then of its bound atoms one by one; ``hollow`` stands for every hollow.
SITES: Final = ("on_top", "bridge", "single", "other", *KINDS, "below", "no_site")
_HOLLOWS: Final = ("fcc", "hcp", "fourfold", "hollow")
_TERMINATIONS: Final = ("AX", "BX2")
_TO_SLAB: Final = ("bonds", "contacts")


def check_condition(mode: str, key: str, wanted: Any) -> None:
    """Refuse an unknown condition or a value that cannot be met.

    :param mode: the row's name, for the message.
    :raises RefusedError: naming the row, the condition, and what is needed.
    """
    if key in FLAGS:
        good, needed = isinstance(wanted, bool), "true or false"
    elif key in COUNTS:
        good, needed = _is_count(wanted), "a number or {min: , max: }"
    elif key in PAIRS:
        good = isinstance(wanted, Mapping) and bool(wanted) and all(_is_count(count) for count in wanted.values())
        needed = "pairs of elements with a number or {min: , max: }, such as {N-Pb: {min: 1}},"
        if good:
            for pair in wanted:
                _check_pair(str(pair), key in _TO_SLAB)
    elif key in NAMES:
        allowed = {"sites": SITES, "termination": _TERMINATIONS}.get(key)
        names = isinstance(wanted, list | tuple) and all(isinstance(name, str) for name in wanted) and bool(wanted)
        good = names and (allowed is None or set(wanted) <= set(allowed))
        needed = "a list of " + ("group names" if allowed is None else ", ".join(allowed))
    else:
        choices = [*FLAGS, *COUNTS, *PAIRS, *NAMES]
        raise RefusedError(f"catalogue: {mode!r} has the unknown condition {key!r}. Known: {', '.join(choices)}.")
    if not good:
        raise RefusedError(f"catalogue: {mode!r} asks {key!r} for {wanted!r}; {needed} is needed.")


def holds(features: Features, key: str, wanted: Any) -> bool:
    """Whether a condition that :func:`check_condition` passed holds."""
    if key == "sites":
        return bool(features.groups) and all(_sits(features, k, wanted) for k in range(len(features.groups)))
    if key == "groups":
        return set(features.groups) == set(wanted)
    if key == "termination":
        return features.termination in wanted
    if key in PAIRS:
        ordered = key in _TO_SLAB
        found = getattr(features, PAIRS[key])
        return all(_fits(found.count(pair if ordered else _sorted(pair)), count) for pair, count in wanted.items())
    value = len(features.groups) if key == "groups_bound" else getattr(features, key)
    return _fits(value, wanted)


def _sits(features: Features, k: int, wanted: Any) -> bool:
    """Whether the bound group ``k`` sits on one of the wanted sites, by itself or with each of its bound atoms."""
    if features.sites[k] in wanted:
        return True
    places = features.places[k] if features.places else ()
    return bool(places) and all(p in wanted or ("hollow" in wanted and p in _HOLLOWS) for p in places)


def _fits(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return bool(wanted.get("min", value) <= value <= wanted.get("max", value))
    return bool(value == wanted)


def _is_count(wanted: Any) -> bool:
    bounds = wanted if isinstance(wanted, Mapping) else {"min": wanted}
    whole = all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in bounds.values())
    return bool(bounds) and set(bounds) <= {"min", "max"} and whole


def _check_pair(pair: str, to_slab: bool) -> None:
    """Two elements, or an element and the role of the slab's atom.

    :raises RefusedError: when it is neither.
    """
    first, _, second = pair.partition("-")
    pair_numbers(f"{first}-{first}" if to_slab and second in ROLES else pair)


def _sorted(pair: str) -> str:
    return "-".join(sorted(pair.split("-")))

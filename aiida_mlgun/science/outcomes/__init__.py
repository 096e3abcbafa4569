"""How a shot ends: bonds → features → the first mode of a catalogue of data; time line and early decision."""

from .catalogue import (
    UNDECIDED,
    Verdict,
    check_catalogue,
    classify,
    load_catalogue,
    outcome_names,
    parse_catalogue,
    productive_names,
)
from .features import Features, describe
from .groups import find_groups
from .reactants import Reactants
from .tracker import ShotTracker

__all__ = [
    "UNDECIDED",
    "Features",
    "Reactants",
    "ShotTracker",
    "Verdict",
    "check_catalogue",
    "classify",
    "describe",
    "find_groups",
    "load_catalogue",
    "outcome_names",
    "parse_catalogue",
    "productive_names",
]

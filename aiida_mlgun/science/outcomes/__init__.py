"""How a shot ends: bonds → features → the first mode of a catalogue of data; time line and early decision."""

from .catalogue import (
    UNDECIDED,
    Verdict,
    check_catalogue,
    classify,
    outcome_names,
    parse_catalogue,
    productive_names,
)
from .chemistry import complete_chemistry, load_catalogue, load_chemistry, parse_chemistry
from .features import Features, describe
from .groups import find_groups
from .reactants import Reactants
from .reclassify import System, reclassify, retrack
from .timeline import Entry, time_in, time_line
from .tracker import ShotTracker

__all__ = [
    "UNDECIDED",
    "Entry",
    "Features",
    "Reactants",
    "ShotTracker",
    "System",
    "Verdict",
    "check_catalogue",
    "classify",
    "complete_chemistry",
    "describe",
    "find_groups",
    "load_catalogue",
    "load_chemistry",
    "outcome_names",
    "parse_catalogue",
    "parse_chemistry",
    "productive_names",
    "reclassify",
    "retrack",
    "time_in",
    "time_line",
]

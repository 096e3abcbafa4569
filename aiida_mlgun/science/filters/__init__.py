"""Filters over raw frames: each says which frames it drops, and why (C2, C3)."""

from .base import Filter, Pick
from .distances import Strays, TooClose
from .energies import EnergyOutliers
from .fission import BondFission
from .labels import AboveForce, Unconverged, WithoutLabels
from .near import NearDuplicates
from .repeats import Book, Conflicts, Duplicates

__all__ = [
    "AboveForce",
    "BondFission",
    "Book",
    "Conflicts",
    "Duplicates",
    "EnergyOutliers",
    "Filter",
    "NearDuplicates",
    "Pick",
    "Strays",
    "TooClose",
    "Unconverged",
    "WithoutLabels",
]

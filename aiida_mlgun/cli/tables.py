"""Tables of nodes for the terminal."""

from __future__ import annotations

from typing import Any

from tabulate import tabulate

from ..data.frames import FramesData
from ..data.shots import ShotsData


def frames_table(node: FramesData) -> str:
    """What a set of frames holds."""
    get = node.base.attributes.get
    rows: list[tuple[str, Any]] = [
        ("PK", node.pk),
        ("frames", get("n_frames")),
        ("isolated atoms", get("n_isolated")),
        ("atoms", get("n_atoms")),
        ("elements", " ".join(node.elements)),
        ("labels", ", ".join(get("has"))),
        ("runs", get("n_runs")),
        ("strata", _counts(get("strata"))),
        ("splits", _counts(get("splits"))),
        ("levels of theory", _counts(get("levels"))),
        ("energy per atom (eV)", " to ".join(f"{v:.3f}" for v in get("energy_per_atom_range", []))),
        ("largest force (eV/Å)", get("max_force")),
        ("E0s (eV)", ", ".join(f"{k} {v:.4f}" for k, v in node.e0s.items())),
        ("content", node.content_hash[:16]),
    ]
    return _two_columns(rows)


def shots_table(node: ShotsData) -> str:
    """What a batch of shots came to."""
    rows: list[tuple[str, Any]] = [("PK", node.pk), ("shots", len(node)), *node.counts.items()]
    rows.append(("median |drift| (meV/atom/ps)", node.base.attributes.get("median_abs_drift")))
    return _two_columns(rows)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in counts.items())


def _two_columns(rows: list[tuple[str, Any]]) -> str:
    return tabulate([(name, value) for name, value in rows if value not in ("", None)], tablefmt="plain")

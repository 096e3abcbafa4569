"""What dynamics cost, from provenance, beside what the paper paid ([W] Table 1; row O9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from .words import big, scientific

#: Steps of a full MD in the paper's table: 10 ps in steps of 0.5 fs.
FULL: Final = 20_000
SOURCE: Final = "Weiske et al., Digital Discovery 2026, 5, 1501, Table 1"
#: (who, on what, unit, hours of a full MD, of one step, of 1000 MDs), as printed there.
_CITED: Final = (
    ("DFT, cited", "240 cores, Intel E5-2680v3", "CPU h", 7.1e4, 3.6, 7.1e7),
    ("MACE, cited", "1 core, AMD EPYC 9334", "CPU h", 4.3, 2.2e-4, 4.4e3),
    ("MACE, cited", "1 NVIDIA H100-SXM5", "GPU h", 1.0e-1, 5.0e-6, 1.0e2),
)
#: Column → heading, for the terminal.
COST_COLUMNS: Final = {
    "who": "dynamics",
    "device": "device",
    "unit": "unit",
    "full": f"full MD ({FULL // 1000} 000 steps)",
    "step": "1 step",
    "thousand": "1000 full MDs",
    "decided": "1000 shots as flown",
}


@dataclass(frozen=True)
class Effort:
    """What shots on one kind of device took, summed over the manifests of jobs.

    :param device: ``cpu`` or ``cuda``, as in the manifest.
    :param hardware: the GPU's name, empty if unknown.
    :param units: cores or GPUs that one job had; None: unknown, and then wall time is told.
    :param seconds: wall time of the dynamics, all jobs together.
    :param steps: MD steps, all shots together.
    """

    device: str
    jobs: int
    shots: int
    steps: int
    seconds: float
    hardware: str = ""
    units: int | None = None

    @property
    def unit(self) -> str:
        """What the hours are of."""
        if self.device != "cpu":
            return "GPU h"
        return "wall h" if self.units is None else "CPU h"

    @property
    def hours(self) -> float:
        """Hours in :attr:`unit`, all jobs together."""
        return self.seconds / 3600.0 * (self.units or 1)


def cost_rows(efforts: Sequence[Effort], cited: bool = True) -> list[dict[str, Any]]:
    """Hours of a full MD, of one step, of 1000 full MDs, and of 1000 shots as they were flown, as text.

    Ours first, then the paper's as printed there.  A full MD has :data:`FULL` steps; shots end when they are decided.

    :returns: dicts with the keys of :data:`COST_COLUMNS` and ``cited``.
    """
    rows: list[dict[str, Any]] = []
    for one in efforts:
        if not one.steps or not one.shots:
            continue
        step = one.hours / one.steps
        row = {"who": "these shots", "device": _device(one), "unit": one.unit, "cited": False}
        values = {"full": FULL * step, "step": step, "thousand": 1000 * FULL * step}
        row |= {key: scientific(value) for key, value in values.items()}
        rows.append(row | {"decided": scientific(1000 * one.hours / one.shots)})
    if not rows or not cited:
        return rows
    for who, device, unit, full, step, thousand in _CITED:
        row = {"who": who, "device": device, "unit": unit, "cited": True, "decided": None}
        rows.append(row | {"full": scientific(full), "step": scientific(step), "thousand": scientific(thousand)})
    return rows


def cost_sentence(efforts: Sequence[Effort]) -> str:
    """How long the shots were, and how much the early decision saves; empty without steps."""
    shots, steps = sum(one.shots for one in efforts), sum(one.steps for one in efforts)
    if not shots or not steps:
        return ""
    mean = steps / shots
    words = f"{big(steps)} steps for {big(shots)} shots, {big(round(mean))} steps per shot on average"
    saved = 1 - mean / FULL
    return f"{words}: {100 * saved:.0f} % less than full MDs of {big(FULL)} steps." if saved > 0.005 else f"{words}."


def _device(one: Effort) -> str:
    if one.device != "cpu":
        name = one.hardware or one.device
        return f"{one.units or 1} × {name}" if (one.units or 1) > 1 else name
    if one.units is None:
        return "CPU, number of cores not recorded"
    return f"{one.units} CPU core" + ("s" if one.units > 1 else "")

"""The job that looks at the compute machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from .manifest import SCHEMA
from .strict import require


@dataclass(frozen=True)
class ProbeJob:
    """Versions, processors, GPUs, driver; how fast the shipped compact model gives energies and forces of a slab.

    :param repeat: the 2×2 Si(001) slab is repeated this many times along x and along y.
    :param seconds: how long to measure, s, after the first evaluations, which compile.
    """

    verb: ClassVar[str] = "probe"
    repeat: int = 2
    seconds: float = 3.0
    precision: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = 0
    seed: int = 0
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        require(1 <= self.repeat <= 20, f"probe: repeat must lie in 1…20, not {self.repeat}.")
        require(0 < self.seconds <= 600, f"probe: seconds must lie in (0, 600], not {self.seconds}.")
        require(self.threads >= 0, f"probe: threads must not be negative, not {self.threads}.")

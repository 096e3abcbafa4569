"""The job of the verb ``describe``: descriptors of frames, their map, a selection, its coverage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from .manifest import SCHEMA
from .strict import require


@dataclass(frozen=True)
class DescribeJob:
    """Descriptors of ``frames.npz`` by ``model/``; a selection of them; coverage of ``pool.npz`` (C10).

    :param features: what of each atom's MACE features is averaged over a frame's atoms. ``invariant``: the scalars.
        ``norms``: the scalars and, per channel, the length of each equivariant feature. ``raw``: all components;
        they turn with the frame, so two orientations of one structure differ.
    :param has_pool: ``pool.npz`` holds the full set to compare with; without, the frames are compared with themselves.
    :param select: choose ``n_select`` of the frames by farthest points or by clusters (``stratified``).
    :param clusters: strata of ``stratified``; 0: ``n_select``, so that one is drawn from each.
    :param stratum: the tag by whose values the share covered is told apart in the results.
    :param keep_descriptors: write the descriptors themselves as well.
    """

    verb: ClassVar[str] = "describe"
    features: Literal["norms", "invariant", "raw"] = "norms"
    has_pool: bool = False
    select: Literal["none", "farthest", "stratified"] = "none"
    n_select: int = 0
    clusters: int = 0
    stratum: str = "stratum"
    keep_descriptors: bool = False
    batch_size: int = 32
    precision: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = 0
    seed: int = 24
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        require(self.batch_size >= 1, f"batch_size must be at least 1, not {self.batch_size}.")
        require(self.threads >= 0, f"threads must not be negative, not {self.threads}.")
        require(0 <= self.seed < 2**63, f"seed must lie in [0, 2^63), not {self.seed}.")
        if self.select == "none":
            require(self.n_select == 0, "n_select goes with select: farthest or stratified; select is none.")
        else:
            require(self.n_select >= 1, f"n_select must be at least 1 with select: {self.select}, not {self.n_select}.")
        require(self.clusters >= 0, f"clusters must not be negative, not {self.clusters}.")
        require(self.clusters == 0 or self.select == "stratified", "clusters goes with select: stratified.")
        require(self.clusters <= self.n_select, f"clusters ({self.clusters}) must not exceed n_select.")

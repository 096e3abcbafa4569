"""How long the sampling maps of a large campaign take: 10 000 shots × 2 000 points on 1000 × 1000 bins."""

from __future__ import annotations

import resource
import sys
import time

import numpy as np

from aiida_mlgun.report.inputs import Ensemble
from aiida_mlgun.report.sampled import sample
from aiida_mlgun.science.shot_arrays import Path, encode_path

N_SHOTS = 10_000
N_POINTS = 2_000
#: Å; a 4 × 4 cell of Si(001).
CELL = np.diag([15.36, 15.36, 30.0])
#: Different walks; each is used many times, moved to another place.
WALKS = 100


def campaign(n_shots: int = N_SHOTS, n_points: int = N_POINTS, seed: int = 24) -> Ensemble:
    """Made-up shots whose paths are random walks, encoded as in ``shots.npz``."""
    rng = np.random.default_rng(seed)
    times = 10.0 * np.arange(n_points)
    walks = np.cumsum(rng.normal(0, 0.05, (WALKS, n_points, 3)), axis=1)
    codes = []
    for i in range(n_shots):
        start = [*rng.uniform(0, 15.36, 2), 6.0]
        codes.append(encode_path(Path(times, (walks[i % WALKS] + start)[:, None])))
    arrays = {
        "shot": np.arange(n_shots),
        "outcome": np.array(["bound"] * n_shots),
        "cell": CELL,
        "path": np.concatenate(codes),
        "path_offsets": np.cumsum([0, *map(len, codes)]),
    }
    return Ensemble("walks", arrays, {"bound": True}, ["bound"], groups=("CC",))


def map_seconds(n_shots: int = N_SHOTS, n_points: int = N_POINTS) -> float:
    """Wall time of reading all paths once: maps after 10, 100, … shots, owners, both side views."""
    shots = campaign(n_shots, n_points)
    start = time.perf_counter()
    found = sample(shots)
    seconds = time.perf_counter() - start
    assert found is not None and found.n_points == n_shots * n_points
    visited = ", ".join(f"{stage.n_shots}: {100 * stage.visited:.1f} %" for stage in found.stages)
    print(f"{found.shape[0]} x {found.shape[1]} bins, visited after shots {visited}")
    return seconds


if __name__ == "__main__":
    took = map_seconds(*map(int, sys.argv[1:3]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"sampling maps: map_s={took:.1f} peak_MB={peak:.0f}")

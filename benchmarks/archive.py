"""What a campaign weighs: nodes, disk, and the time to export and import its archive, for three sizes.

Real ``ShotsData`` nodes with the processes, parameters and links that a campaign leaves, batches of 100 shots; their
numbers are drawn at random, so the final frames (202 atoms, float64 positions and velocities) do not compress: the
worst case.  ``python benchmarks/archive.py`` makes SQLite profiles in a temporary folder and ends with
``archive: shots=… nodes=… storage_MB=… archive_MB=… export_s=… import_s=…`` for each size.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import outcomes_query
from aiida import orm
from aiida.engine import ProcessState
from aiida.manage import get_manager
from aiida.tools.archive import create_archive, import_archive

SIZES = (1_000, 3_000, 10_000)
SHOTS_OF_A_BATCH = 100
ATOMS = 202


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shots", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--atoms", type=int, default=ATOMS, help="of a final frame; 0 keeps none")
    args = parser.parse_args()
    for shots in args.shots:
        with tempfile.TemporaryDirectory() as name:
            print(
                "archive:", " ".join(f"{key}={value:g}" for key, value in weigh(shots, args.atoms, Path(name)).items())
            )


def weigh(shots: int, atoms: int, folder: Path) -> dict[str, float]:
    """Numbers of nodes and shots, MB (10⁶ bytes), s."""
    plain = outcomes_query.arrays
    outcomes_query.arrays = lambda k, n: with_frames(plain(k, n), k, n, atoms)
    try:
        outcomes_query._fresh_profile(folder / "from")
        outcomes_query.fill(shots // SHOTS_OF_A_BATCH, SHOTS_OF_A_BATCH)
    finally:
        outcomes_query.arrays = plain
    for (process,) in orm.QueryBuilder().append(orm.ProcessNode).iterall():
        process.set_process_state(ProcessState.FINISHED)
        process.seal()
    nodes = orm.QueryBuilder().append(orm.Node).count()
    get_manager().get_profile_storage().maintain(full=False)
    found: dict[str, float] = {"shots": shots, "nodes": nodes, "storage_MB": megabytes(folder / "from")}
    path = folder / "campaign.aiida"
    start = time.perf_counter()
    create_archive(None, filename=path, test_run=False)
    found["export_s"] = time.perf_counter() - start
    found["archive_MB"] = path.stat().st_size / 1e6
    get_manager().reset_profile()
    outcomes_query._fresh_profile(folder / "to")
    start = time.perf_counter()
    import_archive(path)
    found["import_s"] = time.perf_counter() - start
    assert orm.QueryBuilder().append(outcomes_query.ShotsData).count() == shots // SHOTS_OF_A_BATCH
    get_manager().reset_profile()
    return found


def with_frames(arrays: dict[str, Any], k: int, n: int, atoms: int) -> dict[str, Any]:
    """The table with a final frame of each shot."""
    if not atoms:
        return arrays
    rng = np.random.default_rng([k, atoms])
    frames = {"positions": rng.random((n, atoms, 3)), "velocities": rng.random((n, atoms, 3))}
    return arrays | frames | {"final_offsets": np.arange(n + 1), "numbers": np.full(atoms, 14)}


def megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


if __name__ == "__main__":
    main()

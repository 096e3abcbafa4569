"""The halves of an ensemble as one: ``python benchmarks/engine_ensemble.py FOLDER FOLDER`` → JSON."""

from __future__ import annotations

import collections
import json
import sys
from pathlib import Path

from engine_shots import compare


def main() -> None:
    parts = [json.loads((Path(name) / "shots.json").read_text()) for name in sys.argv[1:]]
    rows = [row for part in parts for row in part["shots"]]
    sums = [part["summary"] for part in parts]
    ms = 1e3 * sum(s["cpu_s"] for s in sums) / sum(s["steps"] for s in sums)
    steps_per_hour = 3.6e6 / ms
    settled = {}
    for settle in sums[0]["settled"]:
        found = compare(rows, settle)
        per_hour = steps_per_hour / (found["mean_life_fs"] / sums[0]["timestep_fs"])
        settled[settle] = found | {"decided_per_hour": per_hour}
    same = ("evaluator", "n_atoms", "full_fs", "profile")
    print(
        json.dumps(
            {name: sums[0][name] for name in same}
            | {
                "shots": len(rows),
                "outcomes": collections.Counter(row["mode"] for row in rows),
                "settled": settled,
                "cpu_ms_per_step": ms,
            }
        )
    )


if __name__ == "__main__":
    main()

"""The two halves of the ensemble as one: ``python benchmarks/engine_ensemble.py FOLDER FOLDER`` → JSON."""

from __future__ import annotations

import collections
import json
import sys
from pathlib import Path

import numpy as np
from statsmodels.stats.proportion import proportion_confint


def main() -> None:
    parts = [json.loads((Path(name) / "shots.json").read_text()) for name in sys.argv[1:]]
    rows = [row for part in parts for row in part["shots"]]
    sums = [part["summary"] for part in parts]
    decided = [row for row in rows if row["early"]]
    differ = [row for row in decided if row["early"]["mode"] != row["mode"]]
    agree = len(decided) - len(differ)
    low, high = proportion_confint(agree, len(decided), method="wilson")
    life = float(np.mean([row["early"]["fs"] if row["early"] else row["end_fs"] for row in rows]))
    ms = 1e3 * sum(s["cpu_s"] for s in sums) / sum(s["steps"] for s in sums)
    print(
        json.dumps(
            {
                "shots": len(rows),
                "evaluator": sums[0]["evaluator"],
                "n_atoms": sums[0]["n_atoms"],
                "full_fs": sums[0]["full_fs"],
                "decided": len(decided),
                "agree": agree,
                "agreement": agree / len(decided),
                "agreement_95": [float(low), float(high)],
                "differ": differ,
                "outcomes": collections.Counter(row["mode"] for row in rows),
                "outcomes_early": collections.Counter((row["early"] or row)["mode"] for row in rows),
                "mean_life_fs": life,
                "cpu_ms_per_step": ms,
                "decided_per_hour": 3.6e6 / (ms * life / sums[0]["timestep_fs"]),
                "profile": sums[0]["profile"],
            }
        )
    )


if __name__ == "__main__":
    main()

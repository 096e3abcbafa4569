"""The model's card, errors included, from the folder of the last train job.

Usage:  python make_card.py round_2 --out card.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from aiida_mlgun.contract import files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    training = json.loads((args.folder / files.TRAINING).read_text())
    job = json.loads((args.folder / files.JOB).read_text())
    keep = ("n_frames", "rmse_energy", "mae_energy", "rmse_forces", "mae_forces")
    errors = {
        name: {stratum: {key: round(row[key], 5) for key in keep} for stratum, row in training["errors"][name].items()}
        for name in ("test", "validation")
    }
    card = {
        "name": job["name"],
        "licence": "MIT",
        "level": "teacher:7net-0(PBE,MPtrj)",
        "trust": "safe",
        "data": "examples/foundation_model/data: distill, round_1, round_2 (labels of SevenNet-0, no DFT)",
        "teacher": "SevenNet-0 (7net-0), Park et al., J. Chem. Theory Comput. 2024, 20, 4857; MIT",
        "recipe": {"round_1": "examples/foundation_model/pretrain_job.json", "round_2": job["stage"]},
        "units": {"energy": "eV/atom", "forces": "eV/Å"},
        "errors": errors,
        "limits": "Made for the quickstart and tests. No DFT labels, no stress, no charged or magnetic states. "
        "Fine-tune it before you trust a number; use a full-size foundation model for research.",
    }
    args.out.write_text(json.dumps(card, indent=1, sort_keys=True) + "\n")
    print(json.dumps(errors["test"], indent=1))


if __name__ == "__main__":
    main()

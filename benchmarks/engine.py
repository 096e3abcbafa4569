"""The gun's engine against the paper's way, in one run on this machine: ``make bench-engine``.

Peer: ASE's ``VelocityVerlet`` with MACE's calculator as installed, one shot at a time (``ase``), and the same with the
C library's memory settings tuned (``ase_tuned``).  Every figure is CPU time per MD step and shot on one thread, the
median of single steps, each measurement in a process of its own; peers and engine take turns, and what is printed is
the median of the turns.  Ends with one line:

``engine: symmetrix_f64=…x symmetrix_mixed=…x torch_f64=…x torch_mixed=…x tiny_batch=…x per_decided_shot=…x
max_dx_100=…A drift=…meV/atom/ps early_decision_agreement=…``

``torch_…`` and ``tiny_batch`` are the engine with torch alone (evaluator ``factorised``); ``torch`` in the table are
MACE's own modules with the tuned settings.  ``per_decided_shot``: the paper's way flies each shot for 10 ps; the engine
until it is decided.  The mean length comes from the ensemble of real shots below (the model that ships, C2H2 on
Si(001), a beam of 0.8 eV), the time per step from the table.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from tabulate import tabulate

HERE = Path(__file__).parent
ENV = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", "PYTHONPATH": str(HERE)}
F64, MIXED = "float64", "mixed"
Row = tuple[str, str, str, int, int]  # who, precision, model, atoms, batch
#: (rows, timed steps): what is measured.  The peer of every ratio is ``ase`` in float64 with the same model and atoms.
TABLE: list[tuple[Row, int]] = [
    (("ase", F64, "medium", 202, 1), 3),
    (("ase", MIXED, "medium", 202, 1), 3),
    (("ase_tuned", F64, "medium", 202, 1), 3),
    (("torch", F64, "medium", 202, 1), 3),
    (("torch", MIXED, "medium", 202, 1), 5),
    (("factorised", F64, "medium", 202, 1), 8),
    (("factorised", MIXED, "medium", 202, 1), 10),
    (("factorised", MIXED, "medium", 202, 4), 4),
    (("symmetrix", F64, "medium", 202, 1), 20),
    (("symmetrix", MIXED, "medium", 202, 1), 20),
    (("symmetrix", MIXED, "medium", 202, 4), 10),
    (("ase", F64, "medium-89", 202, 1), 2),
    (("factorised", MIXED, "medium-89", 202, 1), 10),
    (("symmetrix", MIXED, "medium-89", 202, 1), 20),
    (("ase", F64, "medium", 78, 1), 3),
    (("factorised", MIXED, "medium", 78, 1), 10),
    (("symmetrix", MIXED, "medium", 78, 4), 10),
    (("ase", F64, "compact", 78, 1), 20),
    (("ase_tuned", MIXED, "compact", 78, 1), 20),
    (("torch", MIXED, "compact", 78, 16), 10),
    (("factorised", MIXED, "compact", 78, 16), 10),
    (("symmetrix", F64, "compact", 78, 16), 20),
    (("symmetrix", MIXED, "compact", 78, 1), 100),
    (("symmetrix", MIXED, "compact", 78, 16), 20),
    (("ase", F64, "tiny", 78, 1), 20),
    (("ase_tuned", MIXED, "tiny", 78, 1), 20),
    (("torch", MIXED, "tiny", 78, 16), 10),
    (("factorised", MIXED, "tiny", 78, 1), 40),
    (("factorised", MIXED, "tiny", 78, 4), 20),
    (("factorised", MIXED, "tiny", 78, 16), 10),
]
FULL_STEPS = 20_000  # the paper's shot


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3, help="how often each row of the table is measured")
    parser.add_argument("--shots", type=int, default=24, help="real shots, flown to the end")
    parser.add_argument("--repeat", type=int, nargs=2, default=(2, 2), help="of the shipped 24-atom slab, for them")
    parser.add_argument("--ps", type=float, default=10.0, help="length of a whole shot")
    parser.add_argument(
        "--energy", type=float, default=0.8, help="eV, of the beam; at 300 K the shipped model binds none"
    )
    parser.add_argument("--folder", type=Path, default=None, help="keep the ensemble here, or read it from here")
    args = parser.parse_args()
    timed = measure(args.turns)
    print_table(timed)
    same = run("engine_same.py")
    print(same["text"])
    with tempfile.TemporaryDirectory() as name:
        shots = ensemble(args, args.folder or Path(name))
    print_ensemble(shots)
    print_h100(timed)
    big = "medium", 202
    judged = next(iter(shots["settled"].values()))  # by the protocol's settle_fs
    life = judged["mean_life_fs"] / shots["full_fs"]
    per_shot = ratio(timed, ("symmetrix", MIXED, *big, 1)) / life
    print(
        f"engine: symmetrix_f64={ratio(timed, ('symmetrix', F64, *big, 1)):.1f}x"
        f" symmetrix_mixed={ratio(timed, ('symmetrix', MIXED, *big, 1)):.1f}x"
        f" torch_f64={ratio(timed, ('factorised', F64, *big, 1)):.2f}x"
        f" torch_mixed={ratio(timed, ('factorised', MIXED, *big, 1)):.2f}x"
        f" tiny_batch={ratio(timed, ('factorised', MIXED, 'tiny', 78, 16)):.1f}x"
        f" per_decided_shot={per_shot:.0f}x"
        f" max_dx_100={same['max_dx_100']:.1e}A"
        f" drift={same['drift']:.1e}meV/atom/ps"
        f" early_decision_agreement={judged['agreement']:.3f}"
    )


def run(script: str, *arguments: str) -> Any:
    """A script beside this one, in its own process: the JSON of its last line."""
    command = [sys.executable, str(HERE / script), *arguments]
    done = subprocess.run(command, env=ENV, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(turns: int) -> dict[Row, dict[str, float]]:
    """Each row of the table, ``turns`` times, in turns; medians."""
    found: dict[Row, list[dict[str, float]]] = defaultdict(list)
    for turn in range(turns):
        for row, steps in TABLE:
            who, precision, model, atoms, batch = row
            plan = {"who": who, "precision": precision, "model": model, "atoms": atoms, "batch": batch, "steps": steps}
            one = run("engine_one.py", json.dumps(plan))
            found[row].append(one)
            print(f"turn {turn + 1}/{turns}: {row}: {one['cpu_ms']:.2f} ms", file=sys.stderr, flush=True)
    names = ("cpu_ms", "wall_ms", "setup_s", "peak_MiB")
    return {row: {name: statistics.median(one[name] for one in many) for name in names} for row, many in found.items()}


def ratio(timed: dict[Row, dict[str, float]], row: Row) -> float:
    """How many times faster than ASE as installed, float64, same model and atoms."""
    return timed["ase", F64, row[2], row[3], 1]["cpu_ms"] / timed[row]["cpu_ms"]


def print_table(timed: dict[Row, dict[str, float]]) -> None:
    """Who, with what, how fast."""
    head = ["", "precision", "model", "atoms", "batch", "ms/step/shot", "ratio", "set-up s", "peak MiB"]
    rows = [
        [*row, f"{t['cpu_ms']:.2f}", f"{ratio(timed, row):.1f}", f"{t['setup_s']:.1f}", f"{t['peak_MiB']:.0f}"]
        for row, t in timed.items()
    ]
    print(tabulate(rows, head, disable_numparse=True, colalign=("left",) * 3 + ("right",) * 6))


def ensemble(args: argparse.Namespace, folder: Path) -> Any:
    """Real shots to the end with second opinions, two processes side by side; or those that lie in ``folder``."""
    if not any(folder.glob("*/shots.json")):
        n = args.shots // 2
        jobs = []
        for i, half in enumerate([folder / "a", folder / "b"]):
            command = [sys.executable, str(HERE / "engine_shots.py"), str(half)]
            command += ["--shots", str(n), "--first", str(i * n), "--ps", str(args.ps), "--energy", str(args.energy)]
            command += ["--repeat", *map(str, args.repeat)]
            half.mkdir(parents=True, exist_ok=True)
            jobs.append(subprocess.Popen(command, env=ENV, stdout=(half / "log").open("w"), stderr=subprocess.STDOUT))
        if any([job.wait() for job in jobs]):
            sys.exit(f"the ensemble failed; see {folder}/a/log and {folder}/b/log")
    return run("engine_ensemble.py", *(str(path.parent) for path in sorted(folder.glob("*/shots.json"))))


def print_ensemble(shots: dict[str, Any]) -> None:
    """What early decision saved and whether it was right, for each ``settle_fs``."""
    print(
        f"\n{shots['shots']} shots of {shots['full_fs'] / 1000:g} ps ({shots['evaluator']}, {shots['n_atoms']} atoms), "
        f"{shots['cpu_ms_per_step']:.2f} CPU ms per step and shot; early verdicts against those at the end:"
    )
    head = ["settle_fs", "decided early", "as at the end", "share", "95 %", "mean length fs", "per core and hour"]
    rows = []
    for settle, found in shots["settled"].items():
        low, high = found["agreement_95"]
        share = "" if found["agreement"] is None else f"{found['agreement']:.3f}"
        counts = [found["decided"], found["agree"], share, f"{low:.3f} to {high:.3f}"]
        rows.append([settle, *counts, f"{found['mean_life_fs']:.0f}", f"{found['decided_per_hour']:.0f}"])
    print(tabulate(rows, head, disable_numparse=True))
    columns = [found["outcomes"] for found in shots["settled"].values()] + [shots["outcomes"]]
    modes = sorted(set().union(*columns))
    head = ["outcome", *(f"settle {settle}" for settle in shots["settled"]), "at the end"]
    print(tabulate([[m, *(column.get(m, 0) for column in columns)] for m in modes], head))
    for settle, found in shots["settled"].items():
        for shot, (early, late, reason) in found["differ"].items():
            print(f"settle {settle}, shot {shot}: {early}, and {late} at the end ({reason})")
    print("\nwhere the time goes (shipped model, a batch under way):")
    print(tabulate(sorted(shots["profile"].items(), key=lambda item: -item[1]), ["part", "share"], floatfmt=".3f"))


def print_h100(timed: dict[Row, dict[str, float]]) -> None:
    """What one H100 would do, by published figures; nothing here was measured."""
    per_atom = {"MACE with cuEquivariance, batched (published by NVIDIA)": 3.02}
    rows = [[name, us, us * 202 / 1000, us * 202e-6 * FULL_STEPS / 3600] for name, us in per_atom.items()] + [
        ["the paper, one H100", 18e3 / 202, 18.0, 0.1]
    ]
    print("\nextrapolated to one H100, 202 atoms, medium model, a full batch; published figures, not checked here:")
    print(tabulate(rows, ["", "µs/atom/step", "ms/step/shot", "GPU h per 10 ps"], floatfmt=".3g"))


if __name__ == "__main__":
    main()

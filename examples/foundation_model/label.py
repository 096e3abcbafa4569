"""Label structures with the teacher, SevenNet-0 (``pip install sevenn==0.13.*`` in an environment of its own).

SevenNet-0 is a universal potential trained on MPtrj (PBE): Park et al., J. Chem. Theory Comput. 2024, 20, 4857.
Its package and weights are MIT.  A frame whose largest force exceeds ``--max-force`` (eV/Å) is left out: the
teacher extrapolates there.

Usage:  python label.py frames.extxyz --out labelled.extxyz --max-force 25 --valid-fraction 0.06 --seed 2026
"""

from __future__ import annotations

import argparse
import time

import ase.io
import numpy as np
import torch
from sevenn.calculator import SevenNetCalculator

LEVEL = "teacher:7net-0(PBE,MPtrj)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames")
    parser.add_argument("--out", required=True)
    parser.add_argument("--max-force", type=float, default=25.0)
    parser.add_argument("--valid-fraction", type=float, default=0.06)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    calculator = SevenNetCalculator("7net-0", device="cpu")
    frames = ase.io.read(args.frames, ":", format="extxyz")
    valid = np.random.default_rng(args.seed).random(len(frames)) < args.valid_fraction
    out, hot, start = [], 0, time.perf_counter()
    for i, atoms in enumerate(frames):
        atoms.calc = calculator
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        atoms.calc = None
        if not np.isfinite(energy) or np.abs(forces).max() > args.max_force:
            hot += 1
            continue
        atoms.info.update(REF_energy=float(energy), level=LEVEL, split="valid" if valid[i] else "train")
        atoms.arrays["REF_forces"] = np.round(forces, 5)
        atoms.positions = np.round(atoms.positions, 6)
        out.append(atoms)
        if i % 100 == 99:
            print(f"{i + 1}/{len(frames)} labelled, {time.perf_counter() - start:.0f} s", flush=True)
    ase.io.write(args.out, out, format="extxyz", columns=["symbols", "positions", "REF_forces"])
    print(f"{len(out)} frames labelled, {hot} above {args.max_force} eV/Å left out")


if __name__ == "__main__":
    main()

"""A second round of structures: where the first model itself goes when molecules react on Si(001).

Molecules are put onto and near the dimers of a slab, relaxed for some steps and shaken at temperature with the model of
the first round; the visited structures go back to the teacher.  So the model learns the bound states it will meet.

Usage:  python sample_frames.py --model MODEL_FOLDER --slab-frames FILE --seed 7 --starts 160 --out frames_2.extxyz
"""

from __future__ import annotations

import argparse
from pathlib import Path

import ase.io
import numpy as np
import torch
from ase import Atoms, units
from ase.build import molecule
from ase.constraints import FixAtoms
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from ase.optimize import FIRE
from make_frames import rattled, too_close, turned

from aiida_mlgun.remote.mace import calculator, load_model
from aiida_mlgun.science.slabs import analyse

NAMES = ("C2H2", "C2H4", "C3H4_C3v", "NH3", "H2O", "H3CNH2", "C6H6", "CH3OH", "SiH4", "H2")
SHARES = (0.42, 0.24, 0.08, 0.05, 0.05, 0.05, 0.04, 0.03, 0.02, 0.02)


def start(slab: Atoms, rng: np.random.Generator) -> Atoms:
    """A molecule over a dimer, a bridge or anywhere, lying or turned at random, close enough to bind."""
    found = analyse(slab.numbers, slab.positions, slab.cell.array, slab.pbc)
    mol = molecule(str(rng.choice(NAMES, p=SHARES)))
    if rng.random() < 0.6:
        mol.rotate(90, "y")  # the G2 set's π bonds lie along z: lay the axis down
        mol.rotate(float(rng.uniform(0, 360)), "z")
    else:
        mol = turned(mol, rng)
    first, second = found.dimers[int(rng.integers(len(found.dimers)))]
    corner, edge = slab.positions[first], slab.positions[second]
    where = [(corner + edge) / 2, (corner + edge) / 2 + slab.cell[0] / 4, corner, rng.random(2) @ slab.cell.array[:2]]
    mol.positions -= mol.get_center_of_mass()
    mol.positions[:, :2] += where[int(rng.integers(4))][:2] + rng.normal(scale=0.3, size=2)
    mol.positions[:, 2] += found.surface_z + rng.uniform(1.2, 2.8) - min(0.0, mol.positions[:, 2].min() + 0.4)
    return slab + mol


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--slab-frames", required=True)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--starts", type=int, default=160)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(args.seed)
    calc = calculator(load_model(args.model, "cpu", "float32"), "cpu")
    slabs = [a for a in ase.io.read(args.slab_frames, ":", format="extxyz") if a.info.get("config_type") == "slab"]
    kept: list[Atoms] = []
    for n in range(args.starts):
        slab = slabs[int(rng.integers(len(slabs)))]
        bare = Atoms(slab.numbers, slab.positions, cell=slab.cell, pbc=True)
        atoms = start(bare, rng)
        if too_close(atoms):
            continue
        atoms.set_constraint(FixAtoms(np.flatnonzero(atoms.positions[:, 2] < bare.positions[:, 2].min() + 1.0)))
        atoms.calc = calc
        FIRE(atoms, logfile=None).run(fmax=0.1, steps=int(rng.integers(15, 60)))
        visited = [atoms.copy()]
        MaxwellBoltzmannDistribution(atoms, temperature_K=float(rng.choice([300, 800, 1500])), rng=rng)
        md = Langevin(atoms, 1 * units.fs, temperature_K=500, friction=0.01 / units.fs, rng=rng)
        for _ in range(3):
            md.run(30)
            visited.append(atoms.copy())
        for image in (*visited, rattled(visited[0], 0.06, 0.0, rng)):
            if np.isfinite(image.positions).all() and not too_close(image):
                out = Atoms(image.numbers, image.positions, cell=image.cell, pbc=True)
                out.info = {"config_type": "si001_bound", "system": f"{image.symbols[len(bare) :]}/Si001-2x2"}
                kept.append(out)
        if n % 20 == 19:
            print(f"{n + 1}/{args.starts} starts, {len(kept)} frames", flush=True)
    ase.io.write(args.out, kept, format="extxyz")
    print(f"{len(kept)} frames written")


if __name__ == "__main__":
    main()

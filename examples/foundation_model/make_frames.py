"""Build the unlabelled structures from which the compact foundation model learns.

Every structure is geometry only: nothing here knows an energy.  The groups are the ones the model is
meant to cover: molecules of H, C, N, O, Si (alone and in pairs), bulk silicon, Si(001) with molecules above
and on it, and lead iodide perovskites with their organic cations.  All draws descend from one seed.

Usage:  python make_frames.py --seed 2026 --seed-frames FILE [FILE ...] --out frames.extxyz
``--seed-frames`` are extended XYZ files whose *geometries* are reused (labels are dropped) and distorted anew.
"""

from __future__ import annotations

import argparse

import ase.io
import numpy as np
from ase import Atoms
from ase.build import bulk, molecule
from ase.geometry import get_distances

G2_NAMES = [
    "H2",
    "CH4",
    "C2H2",
    "C2H4",
    "C2H6",
    "C3H4_C3v",
    "C3H4_D2d",
    "C3H4_C2v",
    "C3H6_D3h",
    "C3H6_Cs",
    "C3H8",
    "C4H4NH",
    "butadiene",
    "trans-butane",
    "isobutene",
    "bicyclobutane",
    "cyclobutane",
    "cyclobutene",
    "C6H6",
    "NH3",
    "H2O",
    "CH3OH",
    "CH3CH2OH",
    "H3CNH2",
    "CH3CH2NH2",
    "HCN",
    "CH3CN",
    "H2CO",
    "CH3CHO",
    "HCOOH",
    "CH3COOH",
    "CH3OCH3",
    "CH3SiH3",
    "SiH4",
    "Si2H6",
    "N2",
    "N2H4",
    "CO",
    "CO2",
    "H2COH",
    "H2CCO",
    "H2CCHCN",
    "CH3CONH2",
    "C5H5N",
]
ADSORBATES = ("H2", "CH4", "C2H2", "C2H4", "C2H6", "C3H4_C3v", "NH3", "H2O", "H3CNH2", "SiH4", "C6H6", "CH3OH")
MIN_DISTANCE = {("H", "H"): 0.60, ("H",): 0.85, (): 1.15}  # Å: nothing closer is labelled


def too_close(atoms: Atoms) -> bool:
    """True where two atoms stand closer than a bond compressed beyond use (Å, see ``MIN_DISTANCE``)."""
    _, d = get_distances(atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    np.fill_diagonal(d, 99.0)
    hydrogen = atoms.numbers == 1
    limit = np.full(d.shape, MIN_DISTANCE[()])
    limit[hydrogen, :] = limit[:, hydrogen] = MIN_DISTANCE[("H",)]
    limit[np.ix_(hydrogen, hydrogen)] = MIN_DISTANCE[("H", "H")]
    return bool((d < limit).any())


def rattled(atoms: Atoms, sigma: float, strain: float, rng: np.random.Generator) -> Atoms:
    """A copy with Gaussian displacements (Å; hydrogens a little more) and, if periodic, a random strain."""
    out = atoms.copy()
    if strain and out.pbc.any():
        f = np.eye(3) + rng.normal(scale=strain, size=(3, 3))
        out.set_cell(out.cell @ (f + f.T) / 2, scale_atoms=True)
    scale = np.where(out.numbers == 1, 1.3, 1.0)[:, None]
    out.positions += rng.normal(scale=sigma, size=(len(out), 3)) * scale
    return out


def in_box(atoms: Atoms, side: float = 14.0) -> Atoms:
    out = atoms.copy()
    out.set_cell([side] * 3)
    out.pbc = True
    out.center()
    return out


def turned(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    out = atoms.copy()
    q = rng.normal(size=4)
    q /= np.linalg.norm(q)
    angle = 2 * np.degrees(np.arccos(np.clip(q[0], -1, 1)))
    out.rotate(angle, q[1:] if np.linalg.norm(q[1:]) > 1e-9 else (0, 0, 1), center="COM")
    return out


def molecules(rng: np.random.Generator):
    for name in G2_NAMES:
        mol = molecule(name)
        for sigma in (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.18, 0.22, 0.26, 0.3):
            yield in_box(rattled(mol, sigma, 0.0, rng)), "molecule", name
    for _ in range(260):
        a, b = (turned(molecule(str(rng.choice(ADSORBATES))), rng) for _ in range(2))
        b.positions += a.get_center_of_mass() - b.get_center_of_mass() + rng.normal(size=3) * 2.4
        yield in_box(rattled(a + b, 0.05, 0.0, rng)), "molecule_pair", "pair"


def silicon(rng: np.random.Generator):
    for reps in ((1, 1, 1), (2, 1, 1), (2, 2, 1)):
        base = bulk("Si", "diamond", a=5.468, cubic=True).repeat(reps)
        for sigma in (0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5):
            for strain in (0.005, 0.02, 0.04):
                yield rattled(base, sigma, strain, rng), "silicon", "diamond"
        if len(base) >= 16:
            for sigma in (0.05, 0.15, 0.3):
                hole = base.copy()
                del hole[0]
                yield rattled(hole, sigma, 0.01, rng), "silicon", "vacancy"


def surfaces(slabs: list[Atoms], rng: np.random.Generator, n: int):
    """Molecules above and inside the reach of Si(001) slabs (2×2, hydrogen below)."""
    for k in range(n):
        slab = rattled(slabs[int(rng.integers(len(slabs)))], float(rng.choice([0.02, 0.06, 0.12, 0.2])), 0.0, rng)
        if k % 8 == 0:
            yield slab, "si001", "slab"
            continue
        name = str(rng.choice(ADSORBATES, p=[0.05, 0.05, 0.28, 0.22, 0.05, 0.1, 0.05, 0.05, 0.05, 0.04, 0.03, 0.03]))
        mol = rattled(turned(molecule(name), rng), float(rng.choice([0.02, 0.06, 0.12])), 0.0, rng)
        top = slab.positions[slab.numbers == 14, 2].max()
        height = rng.uniform(0.8, 5.5)
        mol.positions[:, 2] += top + height - mol.positions[:, 2].min()
        xy = rng.uniform(size=2) @ slab.cell.array[:2, :2]
        mol.positions[:, :2] += xy - mol.get_center_of_mass()[:2]
        both = slab + mol
        both.pbc = True
        yield both, "si001_gun", f"{name}/Si001-2x2"


def distorted_seeds(seeds: list[Atoms], rng: np.random.Generator):
    for s in seeds:
        kind = str(s.info.get("config_type", "seed"))
        system = str(s.info.get("system", s.info.get("run_id", "seed")))
        for sigma, strain in s.info["distortions"]:
            yield rattled(s, sigma, strain, rng), kind, system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--seed-frames", nargs="+", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    seeds, slabs = [], []
    for path in args.seed_frames:
        frames = [a for a in ase.io.read(path, ":", format="extxyz") if len(a) > 1]
        relabel = "distill" not in path  # frames of the first set carry the teacher's labels already
        for i, a in enumerate(frames):
            a.calc = None
            if a.info.get("split") == "valid" and not relabel:
                continue  # the held-out frames stay unseen, distorted ones too
            kind = a.info.get("config_type")
            if kind == "slab":
                slabs.append(a)
            if relabel:
                a.info["distortions"] = [(0.0, 0.0)] if i % 2 else [(0.0, 0.0), (0.06, 0.0)]
            elif kind == "molecule":
                a.info["distortions"] = [(0.03, 0.0), (0.08, 0.0), (0.15, 0.0)]
            elif str(kind).startswith("perovskite"):
                a.info["distortions"] = [(0.04, 0.01), (0.08, 0.02), (0.12, 0.01)] if len(a) < 40 else [(0.05, 0.01)]
            else:
                a.info["distortions"] = [(0.08, 0.0)]
            seeds.append(a)
    if not slabs:
        raise SystemExit("no frame with config_type=slab among --seed-frames: a clean Si(001) slab is needed")
    groups = (molecules(rng), silicon(rng), surfaces(slabs, rng, 800), distorted_seeds(seeds, rng))
    kept, dropped = [], 0
    for group in groups:
        for atoms, kind, system in group:
            if too_close(atoms):
                dropped += 1
                continue
            out = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
            out.info = {"config_type": kind, "system": system}
            kept.append(out)
    ase.io.write(args.out, kept, format="extxyz")
    print(f"{len(kept)} frames written, {dropped} with atoms too close left out")


if __name__ == "__main__":
    main()

"""Curation at the size of the real thing: a file of 327 000 frames of 150 atoms, against ASE reading and writing it.

``make bench-curation`` ends with one line: ``curation: frames_per_s=… ratio_vs_ase=… peak_MiB=… hash_stable=yes|no``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ase.io
import numpy as np
from ase.build import diamond100

VARIANTS = 64  # lines kept ready per atom; a frame draws one for each
RUN = 1000  # frames of a run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=327_000)
    parser.add_argument("--ase-frames", type=int, default=3000, help="of the same file, read and written by ASE")
    parser.add_argument("--nodes", type=int, default=13_000, help="frames of the FramesData")
    parser.add_argument("--folder", type=Path, help="where the file is made; a temporary folder by default")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        raw = folder / "raw.extxyz"
        n_atoms = write_raw(raw, args.frames)
        print(f"raw file: {args.frames} frames of {n_atoms} atoms, {raw.stat().st_size / 2**30:.2f} GiB", flush=True)
        before = by_ase(raw, folder / "ase.extxyz", args.ase_frames)
        ours, peak = curate(folder, raw, args.frames)
        print(f"mlgun curate: {ours:.1f} s, {args.frames / ours:.0f} frames/s, peak {peak:.0f} MiB", flush=True)
        after = by_ase(raw, folder / "ase.extxyz", args.ase_frames)
        theirs = (before + after) / 2  # a shared machine's speed changes meanwhile
        print(f"ase.io.read + ase.io.write: {before * 1e3:.3f} ms/frame before, {after * 1e3:.3f} after", flush=True)
        raw.unlink()
        stable = node(folder, args.nodes)
    print(
        f"curation: frames_per_s={args.frames / ours:.0f} ratio_vs_ase={theirs * args.frames / ours:.2f} "
        f"peak_MiB={peak:.0f} hash_stable={'yes' if stable else 'no'}"
    )


def write_raw(path: Path, n: int, seed: int = 1) -> int:
    """A labelled file like that of AIMD: a Si(001) slab with a molecule, positions and forces with eight decimals."""
    rng = np.random.default_rng(seed)
    slab = diamond100("Si", (4, 4, 9), vacuum=8.0)
    molecule = ase.build.molecule("C2H4")
    molecule.translate(slab.positions.max(axis=0) * [0.5, 0.5, 1] + [0, 0, 4] - molecule.positions.mean(axis=0))
    atoms = slab + molecule
    lattice = " ".join(f"{x:.8f}" for x in atoms.cell.array.ravel())
    bank = []
    for symbol, place in zip(atoms.symbols, atoms.positions, strict=True):
        x = place + rng.normal(scale=0.05, size=(VARIANTS, 3))
        f = rng.normal(scale=1.0, size=(VARIANTS, 3))
        rows = np.column_stack([x, f]).tolist()
        bank.append([f"{symbol:2s} " + " ".join(f"{value:16.8f}" for value in row) + "\n" for row in rows])
    index = np.arange(len(atoms)) * VARIANTS
    lines = [line for variants in bank for line in variants]
    with path.open("w") as handle:
        for i in range(n):
            drawn = (index + rng.integers(VARIANTS, size=len(atoms))).tolist()
            header = (
                f'Lattice="{lattice}" Properties=species:S:1:pos:R:3:REF_forces:R:3 '
                f"REF_energy={-5.4 * len(atoms) + rng.normal():.8f} config_type=gun run_id=run_{i // RUN:04d} "
                f'step={i % RUN} level="PBE-D3" scf_converged=T pbc="T T F"\n'
            )
            handle.write(f"{len(atoms)}\n{header}{''.join([lines[k] for k in drawn])}")
    return len(atoms)


def curate(folder: Path, raw: Path, n: int) -> tuple[float, float]:
    """Seconds and peak resident memory (MiB) of the verb with the paper's protocol; what it wrote is checked."""
    job = folder / "job"
    job.mkdir()
    shares = {
        "keep_every": 25,
        "split": "random",
        "validation": 0.05,
        "test": min(10_000, n // 3),
        "test_outside": True,
    }
    parameters = {"raw": [str(raw)], "near_duplicate": None, "pool": min(13_000, n // 3), "e0s": "none"}
    (job / "job.json").write_text(json.dumps(shares | parameters))
    start = time.perf_counter()
    program = Path(sys.executable).with_name("mlgun")
    done = subprocess.run([str(program), "curate", "job.json"], cwd=job, stdout=subprocess.DEVNULL, check=False)
    wall = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    result = json.loads((job / "result.json").read_text())
    numbers = result["numbers"]
    print(f"  {result['status']} {result['detail']} {numbers}", flush=True)
    kept = -(-n // 25)
    good = numbers.get("n_train") == kept - round(0.05 * kept) and numbers.get("n_test") == shares["test"]
    if done.returncode or not good:
        sys.exit("the curation did not give the paper's numbers")
    return wall, peak


def by_ase(raw: Path, target: Path, n: int) -> float:
    """Seconds per frame for reading and writing the file's first frames with ASE."""
    start = time.perf_counter()
    images = ase.io.read(raw, index=f":{n}", format="extxyz")
    ase.io.write(target, images, format="extxyz")
    wall = time.perf_counter() - start
    target.unlink()
    return wall / len(images)


def node(folder: Path, n: int) -> bool:
    """Store a FramesData in a fresh profile, read it back, import the same content again."""
    os.environ["AIIDA_PATH"] = str(folder)
    raw = folder / "node.extxyz"
    write_raw(raw, n, seed=2)
    from aiida.manage.configuration import get_config

    from aiida_mlgun.cli.embedded import load_embedded_profile

    get_config(create=True)
    load_embedded_profile()
    from aiida.manage import get_manager

    from aiida_mlgun.data.frames import FramesData

    start = time.perf_counter()
    first = FramesData.from_files(raw)
    wall_import = time.perf_counter() - start
    frames = first.frames()
    size = sum(a.nbytes for a in (frames.positions, frames.forces, frames.energy, frames.cell)) / 1e6
    start = time.perf_counter()
    first = FramesData(frames).store()
    wall_store = time.perf_counter() - start
    node_again = FramesData(frames).store()
    start = time.perf_counter()
    first.frames()
    wall_read = time.perf_counter() - start
    again = raw.with_name("renamed.extxyz")
    raw.rename(again)
    store = get_manager().get_profile_storage().get_repository()
    before = set(store.list_objects())
    second = FramesData.from_files(again).store()
    grown = sum(len(store.get_object_content(key)) for key in set(store.list_objects()) - before) / 1e6
    equal = first.content_hash == second.content_hash == node_again.content_hash
    same = first.base.caching.compute_hash() == second.base.caching.compute_hash()
    print(
        f"FramesData: {n} frames, {size:.0f} MB of arrays: imported from text in {wall_import:.1f} s; made and stored "
        f"at {size / wall_store:.0f} MB/s, read back at {size / wall_read:.0f} MB/s; a second import added "
        f"{grown:.3f} MB"
    )
    return equal and same and grown < 0.01


if __name__ == "__main__":
    main()

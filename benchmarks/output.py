"""How many bytes a shot leaves behind, by output policy: 202 atoms, 20 000 steps of 0.5 fs, a look each 10 fs.

``python benchmarks/output.py`` flies the shipped compact model for a while (ASE, 300 K), measures what one frame, one
point and one row take, and multiplies by how many a shot of 10 ps has.  Ends with one line:
``output: table=… final=… path=… trajectories=…B/shot all=…GB_per_10000``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path as FilePath

import numpy as np
from engine_systems import model, quiet, system

LOOK_FS, LENGTH_FS, SHOTS = 10.0, 10_000.0, 10_000
EVENTS = 10  # whose windows do not overlap: more than the shots of the quickstart have


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--looks", type=int, default=150, help="of 10 fs each, that are really flown")
    parser.add_argument("--frames", type=FilePath, help="npz with x, v (looks, 202, 3) flown before")
    args = parser.parse_args()
    quiet()
    if args.frames:
        with np.load(args.frames) as archive:
            x, v = archive["x"], archive["v"]
    else:
        x, v = fly(args.looks)
    measure(x, v)


def fly(looks: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions (looks, 202, 3), Å, and velocities, Å/fs, at 300 K, the molecule falling."""
    import torch
    from ase import units
    from ase.md.langevin import Langevin
    from ase.md.verlet import VelocityVerlet

    from aiida_mlgun.remote.mace.predict import calculator

    torch.set_num_threads(1)
    atoms = system(202)
    atoms.calc = calculator(model("compact").float(), "cpu")
    atoms.positions[-10:, 2] += 2.5
    atoms.set_velocities(atoms.arrays["velocities_A_fs"] / units.fs)
    rng = np.random.RandomState(0)
    Langevin(atoms, units.fs, temperature_K=300, friction=0.03 / units.fs, rng=rng).run(500)
    velocities = atoms.get_velocities()
    velocities[-10:, 2] -= 0.006 / units.fs
    atoms.set_velocities(velocities)
    dynamics = VelocityVerlet(atoms, 0.5 * units.fs)
    frames, began = [], time.monotonic()
    for _ in range(looks):
        frames.append((atoms.positions.copy(), atoms.get_velocities() * units.fs))
        dynamics.run(round(LOOK_FS / 0.5))
    print(f"{looks} looks flown in {time.monotonic() - began:.0f} s, {atoms.get_temperature():.0f} K", flush=True)
    return np.array([a for a, _ in frames]), np.array([b for _, b in frames])


def measure(x: np.ndarray, v: np.ndarray) -> None:
    """Print the table."""
    from aiida_mlgun.contract.shooting import Output
    from aiida_mlgun.science.npz import pack
    from aiida_mlgun.science.shot_arrays import Path, encode_path
    from aiida_mlgun.science.trajectory_codec import encode, quantise

    policy = Output()
    q = quantise(x)
    apart = round(policy.frame_every_fs / LOOK_FS)
    dense = len(encode(q)) / len(q)
    sparse = np.mean(
        [(len(encode(q[i::apart])) - len(encode(q[i : i + 1]))) / (len(q[i::apart]) - 1) for i in range(5)]
    )
    centre = x[:, -10:-6].mean(axis=1)[:, None]
    times = LOOK_FS * np.arange(len(x))
    point = len(encode_path(Path(times, centre))) / len(x)
    final = (len(pack({"x": x[-20:], "v": v[-20:]})) - len(pack({"x": x[:0], "v": v[:0]}))) / 20
    row = table_row()
    n_grid, n_dense = LENGTH_FS / policy.frame_every_fs + 1, EVENTS * (2 * policy.event_window_fs / LOOK_FS + 1)
    path = point * LENGTH_FS / policy.path_every_fs
    whole = n_grid * sparse + n_dense * dense
    every = f"each {policy.frame_every_fs:g} fs"
    print(f"one frame: {sparse:.0f} B {every}, {dense:.0f} B around events; {point:.1f} B per point of a path")
    print(f"| kept | B per shot | {SHOTS} shots |\n|---|---|---|")
    total = 0.0
    for name, size in (
        ("table rows", row),
        ("+ final frames of all, exact", final),
        ("+ path of one reactive group", path),
        ("+ trajectories of 10 %", 0.1 * whole),
        ("+ trajectories of all", 0.9 * whole),
    ):
        total += size
        print(f"| {name} | {total:.0f} | {total * SHOTS / 1e9:.3f} GB |")
    sizes = f"table={row:.0f} final={final:.0f} path={path:.0f} trajectories={whole:.0f}B/shot"
    print(f"output: {sizes} all={total * SHOTS / 1e9:.2f}GB_per_{SHOTS}")


def table_row(n: int = 1000) -> float:
    """Bytes per shot of all columns but frames and paths, with numbers that do not compress and ten events each."""
    from aiida_mlgun.science.npz import pack
    from aiida_mlgun.science.shot_arrays import PER_SHOT

    rng = np.random.default_rng(1)
    words = {"outcome", "group", "site", "reason", "ended"}
    columns = {name: rng.normal(size=n) for name in PER_SHOT if name not in words}
    columns |= {
        "xy": rng.normal(size=(n, 2)),
        "quaternion": rng.normal(size=(n, 4)),
        "impulse": rng.normal(size=(n, 3)),
    }
    atoms = rng.integers(0, 200, (n, EVENTS, 2))
    modes = np.array(["on_top CC", "bridge CC", "intact", "precursor"])
    for name in words - {"reason"}:
        columns[name] = modes[rng.integers(0, 4, n)]
    columns["reason"] = np.array([", ".join(f"C{a}-Si{b}" for a, b in line[:2]) for line in atoms])
    columns["event_time"] = rng.integers(0, 1000, n * EVENTS) * 10.0
    columns["event_text"] = np.array([f"bond made C{a}-Si{b}" for a, b in atoms.reshape(-1, 2)])
    columns["event_offsets"] = np.arange(n + 1) * EVENTS
    return len(pack(columns)) / n


if __name__ == "__main__":
    main()

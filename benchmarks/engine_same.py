"""Is it the same dynamics?  Prints how far the engine is from ASE, and how well each evaluator keeps the total energy.

The model that ships, C2H2 3 Å above the 2×2 slab, 28 atoms, 300 K, 0.5 fs.  The last line is JSON.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch
from ase import units
from ase.data import atomic_masses
from ase.md.verlet import VelocityVerlet
from engine_systems import model, quiet, system
from mace.calculators import MACECalculator
from tabulate import tabulate

from aiida_mlgun.contract.shooting import Dynamics
from aiida_mlgun.remote.engine.evaluators import make_evaluator
from aiida_mlgun.remote.engine.flight import slope
from aiida_mlgun.remote.engine.integrator import inertia, kinetic_energy, nve_init, nve_step
from aiida_mlgun.remote.engine.malloc import keep_memory

DRIFT_STEPS = 1500  # 0.75 ps
CHECKS = (1, 10, 100, 1000)
#: The last one's radial functions are splines, so it follows ASE's path less closely than the others.
EVALUATORS = ("torch", "factorised", "symmetrix")


def main() -> None:
    keep_memory()
    quiet()
    torch.set_num_threads(1)
    paths = {name: by_engine(name, "float64", max(CHECKS)) for name in EVALUATORS}
    peer = by_ase(max(CHECKS))
    same = [[n, *(np.abs(path[0][n] - peer[n]).max() for path in paths.values())] for n in CHECKS]
    table = [f"largest distance from ASE's path, Å ({len(peer[1])} atoms, float64)"]
    table.append(tabulate(same, ["steps", *paths], floatfmt=".1e"))
    rows: list[list[Any]] = []
    for name in EVALUATORS:
        for precision in ("float64", "mixed"):
            for timestep in (0.5, 1.0):
                drift, worst = kept_energy(name, precision, timestep)
                rows.append([name, precision, timestep, drift, worst])
    table.append(f"\ntotal energy over {DRIFT_STEPS * 0.5 / 1000} ps")
    head = ["evaluator", "precision", "step, fs", "drift, meV/atom/ps", "largest deviation, meV/atom"]
    table.append(tabulate(rows, head, floatfmt=("", "", ".1f", ".1e", ".3f")))
    drift = max(abs(row[3]) for row in rows if row[2] == 0.5)
    print(json.dumps({"max_dx_100": float(max(same[2][1:3])), "drift": drift, "text": "\n".join(["", *table])}))


def by_ase(steps: int) -> list[Any]:
    """Positions after each step."""
    atoms = system(28)
    atoms.set_masses(atomic_masses[atoms.numbers])
    atoms.set_velocities(atoms.arrays["velocities_A_fs"] / units.fs)
    atoms.calc = MACECalculator(models=[model("compact")], device="cpu", default_dtype="float64")
    dynamics = VelocityVerlet(atoms, 0.5 * units.fs)
    found = [atoms.positions.copy()]
    for _ in range(steps):
        dynamics.run(1)
        found.append(atoms.positions.copy())
    return found


def by_engine(name: str, precision: str, steps: int, timestep: float = 0.5) -> tuple[list[Any], list[float]]:
    """Positions and total energy (eV) after each step."""
    atoms = system(28)
    dynamics = Dynamics(precision=precision, evaluator=name, threads=1)  # type: ignore[arg-type]
    x, v = torch.tensor(atoms.positions)[None], torch.tensor(atoms.arrays["velocities_A_fs"])[None]
    target = atoms.numbers, atoms.cell.array, atoms.pbc
    evaluate, record = make_evaluator([model("compact")], *target, dynamics, "cpu", x.numpy())
    assert record["evaluator"] == name, record
    body = inertia(atomic_masses[atoms.numbers], np.zeros(len(atoms), dtype=bool))
    state = nve_init(evaluate, x, v, body)
    path, energies = [], []
    for step in range(steps + 1):
        path.append(state.positions[0].numpy().copy())
        energies.append(float(state.energies[0] + kinetic_energy(state.velocities, body)[0]))
        if step < steps:
            state = nve_step(evaluate, state, body, timestep)
    return path, energies


def kept_energy(name: str, precision: str, timestep: float) -> tuple[float, float]:
    """Drift (meV/atom/ps) and largest deviation (meV/atom)."""
    steps = round(DRIFT_STEPS * 0.5 / timestep)
    path, energies = by_engine(name, precision, steps, timestep)
    told, n = np.array(energies), len(path[0])
    drift = slope(np.arange(steps + 1) * timestep, told) * 1e6 / n
    return drift, float(np.abs(told - told[0]).max()) * 1e3 / n


if __name__ == "__main__":
    main()

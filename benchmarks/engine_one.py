"""One measurement of the engine's benchmark in a process of its own: ``python benchmarks/engine_one.py '{…}'`` → JSON.

Keys: ``who`` (ase, ase_tuned, or an evaluator), ``precision`` (float64, mixed), ``atoms``, ``model``, ``batch``,
``steps``.  Whole MD steps are timed, one by one, in CPU time of the process; one thread.  ``ase`` is what the paper's
authors ran: ASE's ``VelocityVerlet`` with MACE's calculator, one shot at a time, the memory settings as they come.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
from typing import Any

TIMESTEP_FS = 0.5
WARM = 2  # steps that are not counted


def main() -> None:
    plan = json.loads(sys.argv[1])
    if plan["who"] != "ase":
        from aiida_mlgun.remote.engine.malloc import keep_memory

        keep_memory()
    from engine_systems import quiet

    quiet()
    import torch

    torch.set_num_threads(1)
    start = time.perf_counter()
    step = by_ase(plan) if plan["who"].startswith("ase") else by_engine(plan)
    for _ in range(WARM):
        step()
    setup = time.perf_counter() - start
    cpu, wall = [], []
    for _ in range(plan["steps"]):
        before, began = time.process_time(), time.perf_counter()
        step()
        cpu.append(time.process_time() - before)
        wall.append(time.perf_counter() - began)
    share = 1e3 / plan["batch"]
    print(
        json.dumps(
            plan
            | {
                "cpu_ms": statistics.median(cpu) * share,
                "wall_ms": statistics.median(wall) * share,
                "setup_s": setup,
                "peak_MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


def by_ase(plan: dict[str, Any]) -> Any:
    """A step of ASE."""
    from ase import units
    from ase.md.verlet import VelocityVerlet
    from engine_systems import model, system
    from mace.calculators import MACECalculator

    assert plan["batch"] == 1
    atoms = system(plan["atoms"])
    atoms.set_velocities(atoms.arrays["velocities_A_fs"] / units.fs)
    dtype = "float64" if plan["precision"] == "float64" else "float32"
    atoms.calc = MACECalculator(models=[model(plan["model"])], device="cpu", default_dtype=dtype)
    dynamics = VelocityVerlet(atoms, TIMESTEP_FS * units.fs)
    return lambda: dynamics.run(1)


def by_engine(plan: dict[str, Any]) -> Any:
    """A step of a batch in the engine; the rows are shaken a little, so that no two are alike."""
    import numpy as np
    import torch
    from ase.data import atomic_masses
    from engine_systems import model, system

    from aiida_mlgun.contract.shooting import Dynamics
    from aiida_mlgun.remote.engine.evaluators import make_evaluator
    from aiida_mlgun.remote.engine.integrator import inertia, nve_init, nve_step

    atoms, batch = system(plan["atoms"]), plan["batch"]
    rng = np.random.default_rng(1)
    x = atoms.positions + rng.normal(0, 0.02, (batch, len(atoms), 3))
    v = np.broadcast_to(atoms.arrays["velocities_A_fs"], x.shape)
    dynamics = Dynamics(precision=plan["precision"], evaluator=plan["who"], threads=1, timestep_fs=TIMESTEP_FS)
    target = atoms.numbers, atoms.cell.array, atoms.pbc
    evaluate, record = make_evaluator([model(plan["model"])], *target, dynamics, "cpu", x[:1])
    if record["evaluator"] != plan["who"]:
        sys.exit(f"{plan['who']} did not pass: {record}")
    body = inertia(atomic_masses[atoms.numbers], np.zeros(len(atoms), dtype=bool))
    state = nve_init(evaluate, torch.from_numpy(x), torch.from_numpy(v.copy()), body, tuple(range(batch)))

    def step() -> None:
        nonlocal state
        state = nve_step(evaluate, state, body, TIMESTEP_FS)

    return step


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()

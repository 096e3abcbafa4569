"""Shots that are flown to the end, with a second opinion on when each could have ended: is early decision harmless?

``python benchmarks/engine_shots.py FOLDER --shots 48 --ps 10`` writes ``shots.json`` into FOLDER.

The early decision only ends a shot; until then the path is the same, bit for bit.  So one run to the end with a second
tracker beside it, which notes when it would have ended the shot and as what, is the run both ways.
"""

from __future__ import annotations

import argparse
import collections
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from ase.build import molecule
from ase.data import atomic_masses
from engine_systems import quiet
from statsmodels.stats.proportion import proportion_confint

from aiida_mlgun import assets
from aiida_mlgun.contract import files
from aiida_mlgun.contract.jobs import EquilibrateJob, ShootJob
from aiida_mlgun.contract.shooting import Aim, Chemistry, Decision, Dynamics, Velocity
from aiida_mlgun.remote import equilibrate
from aiida_mlgun.remote.device import set_threads
from aiida_mlgun.remote.engine.evaluators import make_evaluator
from aiida_mlgun.remote.engine.flight import Landed, Launch, Watcher
from aiida_mlgun.remote.engine.integrator import inertia
from aiida_mlgun.remote.engine.malloc import keep_memory
from aiida_mlgun.remote.engine.runner import fly
from aiida_mlgun.remote.io import write_frames
from aiida_mlgun.remote.mace import load_model, save_model
from aiida_mlgun.remote.shot_starts import read_starts
from aiida_mlgun.remote.shot_table import Target
from aiida_mlgun.science.aim import Shot
from aiida_mlgun.science.frames import from_atoms
from aiida_mlgun.science.outcomes import ShotTracker, load_catalogue
from aiida_mlgun.science.outcomes.groups import find_groups
from aiida_mlgun.science.starts import place_all

#: fs; the first is the protocol's, the others show what it decides.
SETTLE = (1000.0, 250.0, 500.0, 2000.0)
MODEL = assets.FOLDER / "models" / "mlgun-compact-1"


class SecondOpinions(Watcher):
    """Flies a shot to the end; notes when the early decision would have ended it, for each ``settle_fs``."""

    def __init__(self, full: ShotTracker, early: dict[float, ShotTracker]) -> None:
        self.full, self.early = full, early
        self.told: dict[float, dict[str, Any]] = {}

    def update(self, t_fs: float, positions: Any, velocities: Any) -> str | None:
        """See :class:`aiida_mlgun.remote.engine.flight.Watcher`."""
        start = time.process_time()
        ending = self.full.update(t_fs, positions, velocities)
        Parts.looks_s += time.process_time() - start
        for settle, tracker in self.early.items():
            if settle not in self.told and (end := tracker.update(t_fs, positions, velocities)) is not None:
                self.told[settle] = {"fs": t_fs, "mode": tracker.final(t_fs).mode, "how": end}
        Parts.opinions_s += time.process_time() - start
        return ending


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shots", type=int, default=48)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--ps", type=float, default=10.0)
    parser.add_argument("--height", type=float, default=None, help="Å; None: just outside the model's reach")
    parser.add_argument("--energy", type=float, default=None, help="eV of a beam; None: thermal, 300 K")
    parser.add_argument(
        "--settle", type=float, nargs="+", default=list(SETTLE), help="fs, the first one judges the end"
    )
    parser.add_argument("--timestep", type=float, default=0.5)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--evaluator", default="auto")
    parser.add_argument("--precision", default="mixed")
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--repeat", type=int, nargs=2, default=(2, 1))
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    print(json.dumps(ensemble(args)["summary"], indent=1))


def start_states(folder: Path, model: Path, repeat: tuple[int, int]) -> None:
    """Ten snapshots of slab and molecule at 300 K; made once per folder."""
    if (folder / files.MOLECULE_STATES).exists():
        return
    with assets.FOLDER.joinpath("data", "si001_2x2.extxyz").open() as handle:
        slab: Any = ase.io.read(handle, format="extxyz")
    slab = Atoms(slab.numbers, slab.positions, cell=slab.cell, pbc=slab.pbc).repeat((*repeat, 1))
    write_frames(folder / files.SLAB, from_atoms([slab]))
    write_frames(folder / files.MOLECULE, from_atoms([molecule("C2H2")]))
    save_model(load_model(model, "cpu", "float64"), folder / files.MODEL)
    job = EquilibrateJob(snapshots=10, interval_fs=200.0, discard_fs=2000.0, threads=1, device="cpu")
    equilibrate.run(job, folder)


def ensemble(args: argparse.Namespace) -> dict[str, Any]:
    """Fly and compare."""
    quiet()
    keep_memory()
    set_threads(1)
    start_states(args.folder, args.model, tuple(args.repeat))
    starts = read_starts(args.folder)
    target = starts.target
    guest = starts.molecule_states.atoms(0)
    chemistry = Chemistry(tuple(find_groups(guest.numbers, guest.positions)), load_catalogue())
    recipe = Velocity() if args.energy is None else Velocity(recipe="beam", kinetic_energy=args.energy)
    early = ShootJob(
        n_shots=args.shots,
        first_shot=args.first,
        chemistry=chemistry,
        aim=Aim(height=args.height),
        velocity=recipe,
        dynamics=Dynamics(
            timestep_fs=args.timestep,
            max_steps=round(args.ps * 1000 / args.timestep),
            evaluator=args.evaluator,
            precision=args.precision,
            threads=1,
        ),
        decision=Decision(settle_fs=args.settle[0], leave_height=None),
        device="cpu",
    )
    model = load_model(args.folder / files.MODEL, "cpu", "float64")
    r_max = float(model.get_buffer("r_max"))
    early, shots = place_all(early, starts.slab_states, starts.molecule_states, target.slab, r_max)
    full = replace(early, decision=replace(early.decision, early=False))
    probe = np.stack([shot.positions for shot in shots[:1]])
    evaluate, record = make_evaluator([model], target.numbers, target.cell, target.pbc, early.dynamics, "cpu", probe)
    opinions = {settle: replace(early, decision=replace(early.decision, settle_fs=settle)) for settle in args.settle}
    watchers: dict[int, SecondOpinions] = {}
    rows: list[dict[str, Any]] = []

    def launch(shot: Shot) -> Launch:
        others = {settle: track(job, shot, target, r_max) for settle, job in opinions.items()}
        watchers[shot.index] = SecondOpinions(track(full, shot, target, r_max), others)
        return Launch(shot.index, shot.positions, shot.velocities, watchers[shot.index])

    def land(landed: Landed) -> None:
        watcher = watchers.pop(landed.shot)
        last = watcher.full.final(landed.end_fs)
        told = {f"{settle:g}": watcher.told.get(settle) for settle in args.settle}
        row = {"shot": landed.shot, "end_fs": landed.end_fs, "mode": last.mode, "reason": last.reason}
        rows.append(row | {"early": told, "drift": landed.drift, "events": watcher.full.events})
        print({name: value for name, value in rows[-1].items() if name != "events"}, flush=True)

    parts = Parts(evaluate)
    began, cpu = time.perf_counter(), time.process_time()
    body = inertia(atomic_masses[target.numbers], starts.fixed(early.fixed_layers), "cpu")
    flown = fly(map(launch, shots), parts, body, early.dynamics, args.width, land=land)
    cost = {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu, "steps": flown.steps}
    told = {"evaluator": record["evaluator"], "n_atoms": len(target.numbers), "batch": flown.width}
    told |= {"timestep_fs": args.timestep, "profile": parts.profile(cost["cpu_s"])}
    found = {"summary": summary(rows, cost, args) | told, "record": record, "shots": rows}
    (args.folder / "shots.json").write_text(json.dumps(found, indent=1))
    return found


def track(job: ShootJob, shot: Shot, target: Target, r_max: float) -> ShotTracker:
    """Who decides."""
    slab, n_slab, cell, pbc = target.slab, target.n_slab, target.cell, target.pbc
    return ShotTracker(slab, target.numbers, n_slab, cell, pbc, job.chemistry, job.decision, shot.positions, r_max)


class Parts:
    """The evaluator, with a clock on it and on the looks at the shots."""

    looks_s = opinions_s = 0.0

    def __init__(self, evaluate: Any) -> None:
        self._evaluate, self._seconds = evaluate, 0.0

    def __call__(self, *arguments: Any) -> Any:
        start = time.process_time()
        result = self._evaluate(*arguments)
        self._seconds += time.process_time() - start
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self._evaluate, name)

    def profile(self, total: float) -> dict[str, float]:
        """Part → share of the CPU time."""
        lists = getattr(getattr(self._evaluate, "lists", None), "seconds", 0.0)
        model = self._seconds - lists
        rest = total - self._seconds - Parts.opinions_s
        seconds = {"model": model, "neighbour lists": lists, "looks at the shots": Parts.looks_s}
        seconds |= {"integration, batches, bookkeeping": rest}
        return {name: s / sum(seconds.values()) for name, s in seconds.items()}


def summary(rows: list[dict[str, Any]], cost: dict[str, float], args: argparse.Namespace) -> dict[str, Any]:
    """The outcomes at the end, what each ``settle_fs`` says of them, and what the steps cost."""
    return cost | {
        "shots": len(rows),
        "full_fs": args.ps * 1000,
        "outcomes": dict(collections.Counter(row["mode"] for row in rows)),
        "settled": {f"{settle:g}": compare(rows, f"{settle:g}") for settle in args.settle},
        "median_abs_drift": float(np.median([abs(row["drift"]) for row in rows])),
        "cpu_ms_per_step": 1e3 * cost["cpu_s"] / max(cost["steps"], 1),
    }


def compare(rows: list[dict[str, Any]], settle: str) -> dict[str, Any]:
    """How many early verdicts are as the last ones, and when they fell.  Shots that nobody ended early agree anyhow."""
    decided = [row for row in rows if row["early"][settle]]
    differ = [row for row in decided if row["early"][settle]["mode"] != row["mode"]]
    agree = len(decided) - len(differ)
    low, high = proportion_confint(agree, len(decided), method="wilson") if decided else (0.0, 1.0)
    return {
        "decided": len(decided),
        "agree": agree,
        "agreement": agree / len(decided) if decided else None,
        "agreement_95": [float(low), float(high)],
        "differ": {row["shot"]: [row["early"][settle]["mode"], row["mode"], row["reason"]] for row in differ},
        "outcomes": dict(collections.Counter((row["early"][settle] or row)["mode"] for row in rows)),
        "mean_life_fs": float(np.mean([(row["early"][settle] or {"fs": row["end_fs"]})["fs"] for row in rows])),
    }


if __name__ == "__main__":
    main()

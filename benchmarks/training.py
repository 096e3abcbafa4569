"""A training stage through the plugin against the same stage by ``mace_run_train``: what is added, what is lost.

``make bench-train`` ends with one line:
``train: loss_curve_equal=yes|no weights_equal=yes|no overhead_ratio=… constant_s=…``.

Both sides start from the same model and frames, float64 on the CPU, one thread, the same seed, in turns. The times of a
short and a long run give the ratio (time per epoch, plugin over bare) and the constant (seconds that the plugin adds to
any run, its own errors per stratum included).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import torch

from aiida_mlgun import assets
from aiida_mlgun.contract import files
from aiida_mlgun.reading.extxyz import ExtxyzSource
from aiida_mlgun.remote.io import write_frames
from aiida_mlgun.remote.mace import load_model
from aiida_mlgun.remote.mace.loading import own_pickles_allowed
from aiida_mlgun.science.frames import Frames, concatenate

ENV = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
#: Both sides without TorchScript's profiling, whose first passes in a process round differently in the last digit.
PROGRAM = """
import importlib, sys, torch
torch._C._jit_set_profiling_executor(False)
module, sys.argv = sys.argv[1], sys.argv[1:]
sys.exit(importlib.import_module(module).main())
"""
MODEL = assets.FOLDER / "models" / "mlgun-compact-1"
STAGE = {"lr": 0.005, "batch_size": 4, "energy_weight": 10.0, "forces_weight": 100.0, "seed": 24}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--epochs", type=int, nargs=2, default=(2, 8))
    args = parser.parse_args()
    wall: dict[str, list[float]] = {"plugin": [], "bare": []}
    curves_equal = weights_equal = True
    with tempfile.TemporaryDirectory() as name:
        for epochs in args.epochs:
            folder = Path(name) / str(epochs)
            train, validation = frames(args.frames)
            wall["bare"].append(bare(folder / "bare", train, validation, epochs))
            wall["plugin"].append(plugin(folder / "plugin", train, validation, epochs))
            curves_equal &= curve_of_bare(folder / "bare") == curve_of_plugin(folder / "plugin")
            weights_equal &= same_weights(folder)
            print(
                f"{epochs} epochs: mace_run_train {wall['bare'][-1]:.1f} s, mlgun train {wall['plugin'][-1]:.1f} s",
                flush=True,
            )
    ratio = (wall["plugin"][1] - wall["plugin"][0]) / (wall["bare"][1] - wall["bare"][0])
    constant = wall["plugin"][0] - ratio * wall["bare"][0]
    print(
        f"train: loss_curve_equal={'yes' if curves_equal else 'no'} weights_equal={'yes' if weights_equal else 'no'} "
        f"overhead_ratio={ratio:.3f} constant_s={constant:.1f}"
    )


def frames(n: int) -> tuple[Frames, Frames]:
    """Real labelled frames: ``n`` to train on, a third of that for validation."""
    every = concatenate(list(ExtxyzSource(assets.dataset("si001_c2hx_gfn1")).chunks()))
    every = every.select(~every.is_isolated)
    drawn = np.random.default_rng(1).permutation(len(every))
    return every.select(np.sort(drawn[:n])), every.select(np.sort(drawn[n : n + n // 3]))


def plugin(folder: Path, train: Frames, validation: Frames, epochs: int) -> float:
    """Seconds of ``mlgun train``."""
    (folder / files.PARENT_MODEL).mkdir(parents=True)
    for name in files.MODEL_FILES:
        (folder / files.PARENT_MODEL / name).write_bytes((MODEL / name).read_bytes())
    write_frames(folder / files.TRAIN, train)
    write_frames(folder / files.VALIDATION, validation)
    stage = STAGE | {"epochs": epochs, "readout": "keep", "e0s": "parent", "precision": "float64"}
    (folder / files.JOB).write_text(json.dumps({"stage": stage, "device": "cpu", "threads": 1}))
    return timed(["aiida_mlgun.remote.main", "train", files.JOB], folder)


def bare(folder: Path, train: Frames, validation: Frames, epochs: int) -> float:
    """Seconds of ``mace_run_train``, as one would type it."""
    folder.mkdir(parents=True)
    for name, part in (("train.xyz", train), ("valid.xyz", validation)):
        images = []
        for i, atoms in enumerate(part):
            assert part.energy is not None and part.forces is not None
            atoms.arrays = {"numbers": atoms.numbers, "positions": atoms.positions}
            atoms.info = {"REF_energy": float(part.energy[i])}
            atoms.arrays["REF_forces"] = part.forces[part.part(i)]
            images.append(atoms)
        ase.io.write(folder / name, images, format="extxyz")
    parent = load_model(MODEL, "cpu", "float64")
    torch.save(parent, folder / "parent.model")
    e0s = dict(
        zip(
            (int(z) for z in parent.atomic_numbers),
            parent.atomic_energies_fn.atomic_energies.ravel().tolist(),
            strict=True,
        )
    )
    options: dict[str, Any] = {
        "name": "stage",
        "train_file": "train.xyz",
        "valid_file": "valid.xyz",
        "foundation_model": "parent.model",
        "multiheads_finetuning": False,
        "foundation_model_elements": True,
        "foundation_filter_elements": True,
        "E0s": repr(e0s),
        "loss": "weighted",
        "energy_weight": STAGE["energy_weight"],
        "forces_weight": STAGE["forces_weight"],
        "lr": STAGE["lr"],
        "batch_size": STAGE["batch_size"],
        "valid_batch_size": 8,
        "max_num_epochs": epochs,
        "eval_interval": 1,
        "seed": STAGE["seed"],
        "default_dtype": "float64",
        "device": "cpu",
        "energy_key": "REF_energy",
        "forces_key": "REF_forces",
        "plot": False,
    }
    return timed(["mace.cli.run_train", *(f"--{key}={value}" for key, value in options.items())], folder)


def timed(words: list[str], folder: Path) -> float:
    """Wall seconds of a program, by its module and arguments, that must end well."""
    command = [sys.executable, "-c", PROGRAM, *words]
    with (folder / "log").open("w") as log:
        start = time.perf_counter()
        done = subprocess.run(command, cwd=folder, env=ENV, stdout=log, stderr=subprocess.STDOUT, check=False)
        wall = time.perf_counter() - start
    if done.returncode:
        sys.exit((folder / "log").read_text()[-2000:])
    return wall


def curve_of_bare(folder: Path) -> list[tuple[float, float]]:
    """(loss, force RMSE in eV/Å) of each epoch's validation."""
    lines = (folder / "results" / f"stage_run-{STAGE['seed']}_train.txt").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return [(row["loss"], row["rmse_f"]) for row in rows if row["mode"] == "eval" and row["epoch"] is not None]


def curve_of_plugin(folder: Path) -> list[tuple[float, float]]:
    """The same, from the training record."""
    history = json.loads((folder / files.TRAINING).read_text())["history"]
    return list(zip(history["loss"], history["rmse_forces"], strict=True))


def same_weights(folder: Path) -> bool:
    """Whether both runs ended with the same parameters, bit for bit."""
    ours = load_model(folder / "plugin" / files.MODEL, "cpu", "float64")
    with own_pickles_allowed():
        theirs = torch.load(folder / "bare" / "stage.model", map_location="cpu", weights_only=False)
    found, wanted = ours.state_dict(), theirs.state_dict()
    names = {*dict(ours.named_parameters()), *dict(theirs.named_parameters())}
    return all(torch.equal(found[name], wanted[name]) for name in names)


if __name__ == "__main__":
    main()

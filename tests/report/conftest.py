"""Made-up shots of C2H2 at the relaxed 2×2 Si(001) slab, always the same; no dynamics behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest

from aiida_mlgun.report.cost import Effort
from aiida_mlgun.report.curated import Coverage, Curation, Leaks, Step, Stratum
from aiida_mlgun.report.figures import plate
from aiida_mlgun.report.inputs import Cost, Ensemble, Forgetting, Report, Stage
from aiida_mlgun.report.reference import Reference
from aiida_mlgun.science.shot_arrays import Path as ShotPath
from aiida_mlgun.science.shot_arrays import encode_path
from aiida_mlgun.science.slabs import analyse

from .accounts import account, map_of

SLAB = Path(__file__).parents[1] / "fixtures" / "si001_2x2_relaxed.extxyz"
#: C2H2 along x, Å, around its centre.
ACETYLENE = np.array([[-0.60, 0, 0], [0.60, 0, 0], [-1.66, 0, 0.0], [1.66, 0, 0.0]])
BENT = np.array([[-0.68, 0, 0], [0.68, 0, 0], [-1.30, 0, 0.9], [1.30, 0, 0.9]])
NUMBERS = np.array([6, 6, 1, 1])
ORDER = [
    "explosion",
    "backbone_broken",
    "h_abstraction",
    "intact",
    "sublayer_double",
    "sublayer",
    "double",
    "on_top CC0",
    "bridge CC0",
    "precursor",
    "other",
    "undecided",
]
UNPRODUCTIVE = {"explosion", "backbone_broken", "h_abstraction", "intact", "undecided"}
PRODUCTIVE = {name.split(" ")[0]: name not in UNPRODUCTIVE for name in ORDER}
SHARES = {
    "on_top CC0": 0.52,
    "bridge CC0": 0.14,
    "precursor": 0.06,
    "intact": 0.2,
    "h_abstraction": 0.04,
    "sublayer": 0.04,
}


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few pixels: nobody looks at these pictures."""
    monkeypatch.setattr(plate, "DPI", 50)


@pytest.fixture(scope="session")
def make_arrays() -> Callable[..., dict[str, Any]]:
    """``make_arrays(n)`` or ``make_arrays(outcomes=[…])``: the arrays of ``shots.npz``."""
    slab = ase.io.read(SLAB)
    facts = analyse(slab.numbers, slab.positions, slab.cell.array, slab.pbc)

    def make(n: int = 40, seed: int = 24, outcomes: list[str] | None = None) -> dict[str, Any]:
        rng = np.random.default_rng(seed)
        if outcomes is None:
            p = np.array(list(SHARES.values()))
            outcomes = rng.choice(list(SHARES), size=n, p=p / p.sum()).tolist()
        n = len(outcomes)
        bound = np.array([name not in UNPRODUCTIVE for name in outcomes])
        contact = rng.normal(2600, 500, n).clip(900)
        wait = rng.exponential(250, n) + 20
        bond = np.where(bound, contact + wait, np.nan)
        end = np.where(bound, contact + wait + 500 + rng.exponential(200, n), contact + 1500 + rng.exponential(400, n))
        undecided = np.array([name == "undecided" for name in outcomes])
        contact[undecided] = np.nan
        dimer = slab.positions[facts.dimers].mean(axis=1)
        along = slab.positions[facts.dimers[:, 1]] - slab.positions[facts.dimers[:, 0]]
        positions, paths, offsets = [], [], [0]
        for i, name in enumerate(outcomes):
            molecule, centre = _place(name, dimer, along, facts, rng)
            atoms = np.concatenate([slab.positions + rng.normal(0, 0.08, slab.positions.shape), molecule + centre])
            positions.append(atoms)
            k = max(2, int(end[i] / 20))
            t = np.linspace(0, end[i], k)
            start = np.append(centre[:2] + rng.normal(0, 4, 2), facts.surface_z + 20)
            turn = 0.7 * end[i] if np.isnan(contact[i]) else contact[i]
            s = np.clip(t / turn, 0, 1)[:, None]
            xyz = start + s * (centre - start) + rng.normal(0, 0.12, (k, 3))
            if not bound[i]:
                back = np.clip((t - turn) / max(end[i] - turn, 1), 0, 1)
                xyz[:, 2] = start[2] + (facts.surface_z + 2.4 - start[2]) * s[:, 0] + back * 10
            xyz[:, 2] -= facts.surface_z
            paths.append(encode_path(ShotPath(t, xyz[:, None])))
            offsets.append(offsets[-1] + len(paths[-1]))
        events = [_events(name, contact[i], bond[i], end[i]) for i, name in enumerate(outcomes)]
        drift = rng.normal(0, 0.12, n)
        return {
            "shot": np.arange(n),
            "seed": rng.integers(0, 2**62, n),
            "slab_state": rng.integers(0, 10, n),
            "molecule_state": rng.integers(0, 10, n),
            "outcome": np.array(outcomes),
            "contact_fs": contact,
            "bond_fs": bond,
            "end_fs": end,
            "n_steps": (end / 0.5).astype(np.int64),
            "drift": drift,
            "energy_max_dev": np.abs(rng.normal(0.3, 0.1, n)),
            "min_height": rng.normal(1.5, 0.2, n),
            "final_offsets": np.arange(n + 1),
            "positions": np.array(positions),
            "velocities": np.zeros((n, len(slab) + len(NUMBERS), 3)),
            "numbers": np.concatenate([slab.numbers, NUMBERS]),
            "cell": slab.cell.array,
            "pbc": slab.pbc,
            "n_slab": np.array(len(slab)),
            "layer": facts.layer,
            "dimers": facts.dimers,
            "surface_z": np.array(facts.surface_z),
            "path_offsets": np.array(offsets),
            "path": np.concatenate(paths),
            "event_offsets": np.cumsum([0, *map(len, events)]),
            "event_time": np.array([time for line in events for time, _ in line]),
            "event_text": np.array([text for line in events for _, text in line]),
        }

    return make


def _events(name: str, contact: float, bond: float, end: float) -> list[tuple[float, str]]:
    """Contact; a precursor with the first bond; the outcome at two fifths of the rest."""
    found = [(contact, "contact")] if np.isfinite(contact) else []
    if np.isfinite(bond):
        found += [(bond, "bond made C0-Si1"), (bond, "mode precursor")]
        if name != "precursor":
            found.append((bond + 0.4 * (end - bond), f"mode {name}"))
    return found


def _place(name: str, dimer: Any, along: Any, facts: Any, rng: Any) -> tuple[Any, Any]:
    """(molecule around its centre, centre), Å."""
    which = rng.integers(len(dimer))
    mode = name.split(" ")[0]
    direction = along[which] / np.linalg.norm(along[which])
    angle = np.arctan2(direction[1], direction[0])
    centre = dimer[which] + [0, 0, 1.9]
    shape = BENT
    if mode == "bridge":
        centre, angle = dimer[which] + [1.93, 1.1, 1.7], 0.0
    elif mode in ("precursor", "sublayer"):
        centre = dimer[which] + 0.5 * along[which] + [0.5, 0.3, 2.0 if mode == "precursor" else 1.2]
    elif mode in UNPRODUCTIVE:
        shape, angle = ACETYLENE, rng.uniform(0, np.pi)
        centre = np.array([*rng.uniform(-8, 16, 2), facts.surface_z + rng.uniform(8.2, 12)])
    c, s = np.cos(angle), np.sin(angle)
    return shape @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]), centre


@pytest.fixture(scope="session")
def make_ensemble(make_arrays: Callable[..., dict[str, Any]]) -> Callable[..., Ensemble]:
    """``make_ensemble(n, …)``; ``arrays`` are put in place of the made-up ones (None: left out)."""

    def make(
        n: int = 40, outcomes: list[str] | None = None, arrays: dict[str, Any] | None = None, **kwargs: Any
    ) -> Ensemble:
        content = make_arrays(n, outcomes=outcomes) | (arrays or {})
        content = {name: array for name, array in content.items() if array is not None}
        kwargs = {"groups": ("CC0",)} | kwargs
        return Ensemble("C2H2 on Si(001) 2×2", content, dict(PRODUCTIVE), list(ORDER), **kwargs)

    return make


@pytest.fixture(scope="session")
def stages() -> list[Stage]:
    """A broad stage of 40 epochs and a target stage of 12."""
    rng = np.random.default_rng(3)
    made = []
    for name, level, epochs, floor in (
        ("broad", "7net-0 (distilled)", 40, 0.08),
        ("target", "GFN1-xTB", 12, 0.03),
    ):
        epoch = np.arange(epochs)
        forces = floor * (1 + 9 * np.exp(-epoch / (0.2 * epochs))) * np.exp(rng.normal(0, 0.04, epochs))
        history = {
            "epoch": epoch.tolist(),
            "loss": (forces**2).tolist(),
            "rmse_energy": (forces * 0.05).tolist(),
            "rmse_forces": forces.tolist(),
            "mae_forces": (forces * 0.7).tolist(),
        }
        row = {"n_frames": 152, "mae_energy": 0.0012, "rmse_energy": 0.0019, "bias_energy": -0.0003}
        row |= {"mae_forces": float(forces[-1]) * 0.7, "rmse_forces": float(forces[-1])}
        gun = row | {"n_frames": 100, "mae_energy": None, "rmse_energy": None, "bias_energy": None}
        errors = {"validation": {"all": row}, "test": {"all": row, "gun": gun, "slab": row | {"n_frames": 52}}}
        made.append(Stage(name, level, history, errors))
    return made


@pytest.fixture(scope="session")
def curations() -> list[Curation]:
    """One dataset that loses frames to filters, one of the size of [W]'s that is thinned."""
    first = replace(Curation.of("Si(001) + C2Hx, GFN1-xTB", account()), coverage=Coverage.of(*map_of()))
    steps = (Step("unconverged", {}, 1288, (3, 17)), Step("keep_every", {"every": 25}, 303_657, (0, 1, 2)))
    sides = {"train": 11_452, "validation": 603, "test": 10_000}
    one = Stratum(327_000, 22_055, **sides, formulas={"H12C8": 22_055})
    second = Curation("broad", 327_000, 0, steps=steps, counts=sides, strata={"": one}, leaks=Leaks(0, 10))
    return [first, second]


@pytest.fixture(scope="session")
def report(make_ensemble: Callable[..., Ensemble], stages: list[Stage], curations: list[Curation]) -> Report:
    """A report with every part."""
    return Report(
        title="Molecular gun: C2H2 on Si(001)",
        subtitle="MACE, fine-tuned in two stages; 48 shots at 300 K",
        curations=curations,
        stages=stages,
        forgetting=Forgetting(
            ["broad", "target"], ["broad", "target"], [[0.08, 0.4], [0.21, 0.03]], [[0.004, None], [0.01, 0.002]]
        ),
        ensemble=make_ensemble(
            48,
            highlight="on_top CC0",
            reference=Reference("10 DFT shots", {"on_top CC0": 0.6, "intact": 0.4}, 10, "made up"),
        ),
        costs=Cost(
            [
                {"what": "training", "jobs": 2, "wall_hours": 0.31, "device": "1 CPU core", "note": "2 stages"},
                {"what": "shots", "jobs": 3, "wall_hours": 0.6, "device": "1 CPU core", "note": "48 shots"},
            ],
            (Effort("cpu", 3, 48, 230_000, 2100.0, units=1),),
        ),
        provenance=[("campaign", "GunWorkChain 8d1f (PK 412)"), ("model", "ModelData sha256 5b0c…"), ("seed", "24")],
        commands=["aiida-mlgun curate frames.npz --seed 24", "aiida-mlgun gun --shots 48 --seed 24"],
    )

"""Made-up accounts of a curation and of a coverage, as the jobs write them."""

from __future__ import annotations

from typing import Any

import numpy as np


def account() -> dict[str, Any]:
    """``curation.json`` of 704 frames of three strata, one without energies; every filter drops something."""
    tail = {"validation": 0, "test": 0}
    slab = {"raw": 104, "kept": 100, "train": 75, "validation": 20, "test": 5, "formulas": {"H8Si16": 100}}
    many = {"H10C2Si16": 300, "H12C2Si16": 200, "H10C4Si16": 20, "H8Si16": 6, "H8C2Si16": 4}
    gun = {"raw": 577, "kept": 530, "train": 405, "validation": 30, "test": 95, "formulas": many}
    molecule = {"raw": 20, "kept": 20, "train": 20, "formulas": {"H2C2": 20}, "energy_per_atom": None} | tail
    return {
        "n_raw": 704,
        "n_isolated": 3,
        "seed": 24,
        "split": "by_run",
        "levels": ["GFN1-xTB"],
        "elements": ["H", "C", "Si"],
        "files": [
            {
                "name": "a.extxyz",
                "sha256": "0123456789abcdef" * 4,
                "format": "extxyz",
                "n_frames": 704,
                "keys": {"energy": "REF_energy", "forces": "REF_forces", "stress": None},
            }
        ],
        "steps": [
            {"filter": "without_labels", "parameters": {}, "dropped": 6, "first": [1, 7, 8, 9, 10, 11]},
            {
                "filter": "bond_fission",
                "parameters": {"pairs": [["C", "H"]], "stretch": 1.4, "drops": "rest_of_run"},
                "dropped": 38,
                "first": list(range(100, 120)),
            },
            {"filter": "above_force", "parameters": {"ceiling": 50.0}, "dropped": 7, "first": [12, 15, 40]},
            {"filter": "duplicates", "parameters": {}, "dropped": 0, "first": []},
            {"filter": "keep_every", "parameters": {}, "dropped": 0, "first": []},
        ],
        "counts": {"train": 500, "validation": 50, "test": 100},
        "subsets": {"train_000250": 250, "train_000100": 100},
        "strata": {
            "gun": gun | {"energy_per_atom": [-3.4, -2.9, -2.0], "max_force": [0.2, 2.2, 41.0]},
            "molecule": molecule | {"max_force": [0.02, 1.2, 7.0]},
            "slab": slab | {"energy_per_atom": [-3.2, -3.1, -3.0], "max_force": [0.1, 1.2, 7.0]},
        },
        "quantity": "E - sum of E0s, per atom",
        "histograms": {
            "energy_per_atom": {"edges": [-4.0, -3.0, -2.0, -1.0], "raw": [400, 250, 31], "kept": [400, 230, 0]},
            "max_force": {"edges": [0.0, 25.0, 50.0, 75.0], "raw": [600, 94, 7], "kept": [580, 70, 0]},
        },
        "e0s": {
            "method": "least_squares",
            "values": {"H": -10.9, "C": -48.8, "Si": -41.2},
            "rmse": 0.12,
            "max_abs": 0.4,
            "strata": {"gun": 0.13, "molecule": 0.05, "slab": 0.1},
        },
        "leaks": {"frames": 0, "runs": 0},
    }


def map_of(n: int = 60, k: int = 20, energies: bool = True) -> tuple[dict[str, Any], dict[str, Any]]:
    """``coverage.json`` and the arrays of ``descriptors.npz``: ``k`` farthest points of a pool of ``n``."""
    rng = np.random.default_rng(5)
    pool = rng.normal(size=(n, 2)) * [3.0, 1.0]
    pool[0] = np.nan  # an isolated atom
    energy = np.where(np.isnan(pool[:, 0]) | (not energies), np.nan, -3 + 0.1 * pool[:, 0])
    facts = {
        "n_frames": n - 1,
        "n_pool": n - 1,
        "dimension": 256,
        "features": "norms",
        "explained_variance": [0.43, 0.21],
        "coverage": {
            "fraction": 0.974,
            "radius": 0.1234,
            "mean_distance": 0.05,
            "max_distance": 0.61,
            "random_fraction": 0.93,
        },
        "selection": {"method": "farthest", "n": k},
    }
    arrays = {"pca": pool, "pool_pca": pool, "energy_per_atom": energy, "pool_energy_per_atom": energy}
    return facts, arrays | {"selected": rng.permutation(np.arange(1, n))[:k]}

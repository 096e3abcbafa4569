"""Made-up scores: a comparison, predictions, a learning curve, a committee; as the workflows write them."""

from __future__ import annotations

from typing import Any

import numpy as np

from aiida_mlgun.contract.strict import dump
from aiida_mlgun.report.trained import Comparison, LearningCurve, Parity, Trained, Uncertainty
from aiida_mlgun.report.trained_answer import verdict_sentences
from aiida_mlgun.science.calibration import calibrate
from aiida_mlgun.science.learning_curve import fit_power_law

MODELS = (("zero_shot", "small", 4.0), ("scratch", None, 1.5), ("finetuned", "small", 1.1), ("continual", "small", 1.0))


def rows() -> list[dict[str, Any]]:
    """Four models on two test sets; the broad one has no energies."""
    found = []
    for test, hard in (("target", 1.0), ("broad", 3.0)):
        for group, n in (("all", 152), ("gun", 100), ("element:Si", 152)):
            for strategy, start, factor in MODELS:
                size = factor * hard * (0.9 if test == "broad" and strategy == "finetuned" else 1.0)
                row: dict[str, Any] = {"strategy": strategy, "start_model": start, "test": test, "group": group}
                energy = None if test == "broad" or group == "element:Si" else 0.002 * size
                for k, key in enumerate(("mae", "rmse", "p95"), 1):
                    row[f"{key}_energy"] = None if energy is None else k * energy
                    row[f"{key}_forces"] = 0.02 * k * size
                found.append({**row, "n_frames": n})
    return found


def verdict() -> dict[str, Any]:
    """What ``comparison_verdict`` says of the force errors on ``target``."""
    lowest = {"test": "target", "metric": "rmse_forces", "strategy": "continual", "start_model": "small", "value": 0.04}
    lowest |= {"next": {"strategy": "finetuned", "start_model": "small", "value": 0.044}, "difference": 0.004}
    spread = {"low": 0.001, "high": 0.007, "unit": "run", "units": 12, "clear": True}
    pair = {"test": "target", "start_model": "small", "metric": "rmse_forces", "continual": 0.04, "finetuned": 0.044}
    pair |= {"difference": -0.004, "low": -0.009, "high": 0.001, "unit": "run", "units": 12, "clear": False}
    return {"level": 0.95, "lowest": [lowest | spread], "continual_against_finetuned": [pair]}


def parity(model: str = "continual", test: str = "target", n: int = 40, k: int = 5000, scale: float = 1.0) -> Parity:
    """Normal errors on normal labels."""
    rng = np.random.default_rng(n)
    energy, forces = rng.normal(-4, 0.2, n), rng.standard_t(3, k)
    errors = 0.01 * scale * rng.normal(size=n), 0.1 * scale * rng.normal(size=k)
    pairs = np.column_stack([energy, energy + errors[0]]), np.column_stack([forces, forces + errors[1]])
    return Parity(model, test, *pairs)


def curve() -> LearningCurve:
    """Force MAE = 0.4 · size^−0.5 exactly, of two seeds."""
    sizes = [size for size in (100, 200, 400, 800) for _ in range(2)]
    points = [{"size": s, "n_train": s, "seed": 24 + i % 2, "mae_forces": 0.4 * s**-0.5} for i, s in enumerate(sizes)]
    fit = fit_power_law(sizes, [float(point["mae_forces"]) for point in points])
    return LearningCurve(points, {"mae_forces": dump(fit)}, "gun test", {"mae_forces": {"mean": -0.5, "se": 0.0}})


def uncertainties() -> list[Uncertainty]:
    """Errors twice as large as what four members predict."""
    rng = np.random.default_rng(2)
    found = []
    for quantity, size in (("energy", 0.003), ("forces", 0.05)):
        std = size * rng.lognormal(0, 0.5, 4000)
        for stratum in ("all", "gun"):
            told = dump(calibrate(2 * std * rng.normal(size=4000), std, 4))
            found.append(Uncertainty("target", quantity, 4, told, stratum))
    return found


def trained() -> Trained:
    """Every part at once."""
    parities = [parity("zero-shot", scale=4), parity(), parity("other", "broad", 0)]
    return Trained(Comparison(rows(), verdict_sentences(verdict())), parities, curve(), uncertainties())

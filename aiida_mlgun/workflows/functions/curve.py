"""Calcfunctions of a learning curve: nested subsets, and the law that the errors follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction

from ...contract.strict import dump
from ...data.frames import FramesData
from ...science.learning_curve import fit_power_law
from ...science.splits import nested
from .versioned import versioned

METRICS = tuple(f"{figure}_{label}" for label in ("energy", "forces") for figure in ("mae", "rmse", "p95"))


@versioned
@calcfunction
def nested_subsets(frames: FramesData, sizes: orm.List, seed: orm.Int) -> dict[str, FramesData]:
    """``size_000050`` … : that many frames, each subset within the larger ones; all isolated atoms are in each.

    :param sizes: frames, isolated atoms not counted.
    :param seed: of the one permutation from which all are cut.
    :raises RefusedError: when a subset is to be larger than the whole.
    """
    whole = frames.frames()
    isolated, real = np.flatnonzero(whole.is_isolated), np.flatnonzero(~whole.is_isolated)
    wanted = [int(size) for size in sizes.get_list()]
    subsets = nested(len(real), wanted, np.random.default_rng(seed.value))
    about = {"subset_of": frames.uuid, "seed": seed.value, "side": "train"}
    return {
        size_label(size): FramesData(whole.select(np.union1d(isolated, real[index])), about)
        for size, index in subsets.items()
    }


@versioned
@calcfunction
def learning_curve(about: orm.Dict, **errors: orm.Dict) -> orm.Dict:
    """Test errors against the number of training frames, and a power law through them.

    :param about: ``points``: name of a score → ``size``, ``seed``.
    :param errors: by the same names, as ``mlgun.evaluate`` gives them.
    :returns: ``points``; ``fits``: metric → :class:`~aiida_mlgun.science.learning_curve.PowerLaw` through all points;
        ``seed_fits``: metric → the slope of each seed alone, their mean, and its standard error.  Subsets of one seed
        lie in each other, so its points are not independent; the spread between seeds knows that.  Energies eV/atom,
        forces eV/Å.
    """
    points = []
    for key, point in about["points"].items():
        row = errors[key]["all"]
        points.append({**point, **{metric: row[metric] for metric in METRICS}, "n_test": row["n_frames"]})
    points.sort(key=lambda p: (p["size"], p["seed"]))
    seeds, sizes = (sorted({p[name] for p in points}) for name in ("seed", "size"))
    fits: dict[str, Any] = {}
    by_seed: dict[str, Any] = {}
    for metric in METRICS:
        usable = [p for p in points if p[metric]]
        if len({p["size"] for p in usable}) >= 2:
            fits[metric] = _fit(usable, metric)
            by_seed[metric] = _by_seed(usable, metric, seeds)
    return orm.Dict({"sizes": sizes, "seeds": seeds, "points": points, "fits": fits, "seed_fits": by_seed})


def size_label(size: int) -> str:
    """The name of a subset."""
    return f"size_{size:06d}"


def _fit(points: Sequence[dict[str, Any]], metric: str) -> Any:
    return dump(fit_power_law([p["size"] for p in points], [p[metric] for p in points]))


def _by_seed(points: Sequence[dict[str, Any]], metric: str, seeds: Sequence[int]) -> dict[str, Any]:
    slopes = {}
    for seed in seeds:
        own = [p for p in points if p["seed"] == seed]
        if len({p["size"] for p in own}) >= 2:
            slopes[str(seed)] = _fit(own, metric)["slope"]
    values = list(slopes.values())
    error = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return {"slopes": slopes, "mean": float(np.mean(values)) if values else None, "se": error}

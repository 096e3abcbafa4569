"""Whether a predicted standard deviation tells the size of the real error (T9)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from ..contract.errors import RefusedError
from .frames import Floats


@dataclass(frozen=True)
class Bin:
    """``n`` neighbours in predicted deviation: root mean variance and root mean square error, in the data's unit."""

    rmv: float
    rmse: float
    n: int


@dataclass(frozen=True)
class Calibration:
    """Errors against predicted standard deviations.

    :param bins: by rising deviation, equally full; on a calibrated predictor rmse = rmv in each.
    :param ence: expected normalised calibration error, the mean over bins of |rmv − rmse| / rmv (Levi et al., Sensors
        2022, 22, 5540); None where a bin has no deviation at all.
    :param spearman: rank correlation of deviation and absolute error: does the one sort the other?  None where one of
        them is constant.
    :param factor: rmse / rmv of all: by how much the deviations are too small (> 1) or too large (< 1); None without
        any deviation.
    :param scale: the maximum-likelihood factor on a Gaussian predictor's deviations, corrected for a small committee
        (:func:`committee_scale`); None where it cannot be had.
    :param within: share of errors within one and two deviations; 0.683 and 0.954 for a calibrated Gaussian.
    """

    n: int
    rmv: float
    rmse: float
    bins: tuple[Bin, ...]
    ence: float | None
    spearman: float | None
    factor: float | None
    scale: float | None
    within: tuple[float, float]


def calibrate(error: Floats, std: Floats, members: int, bins: int = 10) -> Calibration | None:
    """Compare ``error`` (n,) with ``std`` (n,), both in one unit; entries that are not finite are left out.

    :param members: models behind ``std``.
    :param bins: at most; each holds at least one entry.
    :returns: None when nothing is left.
    :raises RefusedError: arrays that do not fit, a negative deviation, no bins.
    """
    if error.shape != std.shape or error.ndim != 1:
        raise RefusedError(f"errors {error.shape} and deviations {std.shape} must be two equal columns.")
    if bins < 1:
        raise RefusedError(f"at least one bin is needed, not {bins}.")
    known = np.isfinite(error) & np.isfinite(std)
    error, std = error[known], std[known]
    if (std < 0).any():
        raise RefusedError("a standard deviation is negative.")
    if not len(error):
        return None
    parts = np.array_split(np.argsort(std, kind="stable"), min(bins, len(error)))
    found = tuple(Bin(_root_mean_square(std[part]), _root_mean_square(error[part]), len(part)) for part in parts)
    rmv, rmse = _root_mean_square(std), _root_mean_square(error)
    ordered = np.ptp(std) > 0 and np.ptp(np.abs(error)) > 0
    return Calibration(
        n=len(error),
        rmv=rmv,
        rmse=rmse,
        bins=found,
        ence=float(np.mean([abs(b.rmv - b.rmse) / b.rmv for b in found])) if all(b.rmv > 0 for b in found) else None,
        spearman=float(spearmanr(std, np.abs(error)).statistic) if ordered else None,
        factor=rmse / rmv if rmv > 0 else None,
        scale=committee_scale(error, std, members),
        within=(float((np.abs(error) <= std).mean()), float((np.abs(error) <= 2 * std).mean())),
    )


def committee_scale(error: Floats, std: Floats, members: int) -> float | None:
    """α with α² = −1/M + (M − 3)/(M − 1) · mean(error²/std²) for M members (Imbalzano et al., J. Chem. Phys. 2021, 154,
    074102, extending Musil et al., J. Chem. Theory Comput. 2019, 15, 906).

    :returns: None for M ≤ 3, where the mean has no finite expectation, where a deviation is zero, and where α² would be
        negative.
    """
    if members <= 3 or not len(std) or (std <= 0).any():
        return None
    square = -1 / members + (members - 3) / (members - 1) * float(np.mean((error / std) ** 2))
    return float(np.sqrt(square)) if square >= 0 else None


def _root_mean_square(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))

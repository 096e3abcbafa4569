"""How the error falls with the number of training frames: a power law, fitted on logarithms (T5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import statsmodels.api as sm

from ..contract.errors import RefusedError


@dataclass(frozen=True)
class PowerLaw:
    """error = 10^intercept · size^slope, by ordinary least squares of log10 error on log10 size.

    The usual learning curve of regression (Cortes et al., NIPS 1993): −0.5 is a typical slope, 0 means that more frames
    do not help.

    :param slope_se: standard error of the slope; it takes the points as independent.  None with two points.
    :param low: lower end of the slope's 95 % interval (Student's t), ``high`` its upper end; None with two points.
    :param r2: coefficient of determination; None where all errors are equal.
    :param n: points.
    """

    slope: float
    slope_se: float | None
    low: float | None
    high: float | None
    intercept: float
    r2: float | None
    n: int


def fit_power_law(sizes: Sequence[int], errors: Sequence[float]) -> PowerLaw:
    """Fit the law to points (size, error); several points may have the same size.

    :raises RefusedError: fewer than two different sizes, or an error that has no logarithm.
    """
    if len(set(sizes)) < 2:
        raise RefusedError(f"a learning curve needs at least two different sizes, not {sorted(set(sizes))}.")
    x, y = np.asarray(sizes, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    bad = np.flatnonzero(~(np.isfinite(y) & (y > 0) & (x > 0)))
    if len(bad):
        i = int(bad[0])
        raise RefusedError(f"the error {errors[i]} at size {sizes[i]} has no logarithm; leave that point out.")
    log_x, log_y = np.log10(x), np.log10(y)
    fit = sm.OLS(log_y, sm.add_constant(log_x)).fit()
    certain = len(x) > 2
    low, high = (float(end) for end in fit.conf_int(alpha=0.05)[1]) if certain else (None, None)
    return PowerLaw(
        slope=float(fit.params[1]),
        slope_se=float(fit.bse[1]) if certain else None,
        low=low,
        high=high,
        intercept=float(fit.params[0]),
        r2=float(fit.rsquared) if np.ptp(log_y) > 0 else None,
        n=len(x),
    )

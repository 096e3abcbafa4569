from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import linregress

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.learning_curve import fit_power_law


def test_a_power_law_is_found_again() -> None:
    sizes = [10, 20, 40, 80]
    law = fit_power_law(sizes, [3.0 * n**-0.5 for n in sizes])
    assert (law.slope, law.intercept, law.r2, law.n) == pytest.approx((-0.5, np.log10(3.0), 1.0, 4))
    assert law.slope_se == pytest.approx(0.0, abs=1e-12)


def test_standard_error_and_interval_are_those_of_a_straight_line() -> None:
    rng = np.random.default_rng(3)
    sizes = np.repeat([50, 100, 200, 400, 800], 3)
    errors = 0.4 * sizes**-0.3 * np.exp(rng.normal(scale=0.1, size=len(sizes)))
    law = fit_power_law(sizes.tolist(), errors.tolist())
    reference = linregress(np.log10(sizes), np.log10(errors))
    assert (law.slope, law.slope_se) == pytest.approx((reference.slope, reference.stderr))
    assert law.r2 == pytest.approx(reference.rvalue**2)
    assert law.low is not None and law.high is not None
    assert law.low < -0.3 < law.high
    assert (law.low + law.high) / 2 == pytest.approx(law.slope)


def test_two_points_have_a_slope_and_no_error() -> None:
    law = fit_power_law([10, 1000], [1.0, 0.1])
    assert law.slope == pytest.approx(-0.5)
    assert law.slope_se is law.low is law.high is None


def test_a_flat_curve_has_no_r2() -> None:
    law = fit_power_law([1, 10, 100], [0.2, 0.2, 0.2])
    assert (law.slope, law.r2) == (pytest.approx(0.0, abs=1e-12), None)


@pytest.mark.parametrize(
    ("sizes", "errors", "words"),
    [
        ([10, 10], [1.0, 2.0], r"at least two different sizes, not \[10\]"),
        ([10, 20], [1.0, 0.0], "the error 0.0 at size 20 has no logarithm"),
        ([10, 20], [float("nan"), 1.0], "the error nan at size 10 has no logarithm"),
    ],
)
def test_what_has_no_law(sizes: list[int], errors: list[float], words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        fit_power_law(sizes, errors)

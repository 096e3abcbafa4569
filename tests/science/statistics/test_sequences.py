from __future__ import annotations

import numpy as np
import pytest
from scipy.special import betaln

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.statistics import clopper_pearson, confidence_sequence, evidence_against, prior_for, wilson


@pytest.mark.parametrize("p", [0.003, 0.2, 0.5, 0.97])
def test_the_evidence_against_the_truth_is_a_martingale(p: float) -> None:
    k, n = np.arange(0, 20), 19
    now = np.exp(evidence_against(p, k, n, 7.0))
    bound = np.exp(evidence_against(p, k + 1, n + 1, 7.0))
    free = np.exp(evidence_against(p, k, n + 1, 7.0))
    assert p * bound + (1 - p) * free == pytest.approx(now, rel=1e-9)
    assert evidence_against(p, 0, 0, 7.0) == pytest.approx(0)


def test_the_evidence_is_the_written_formula() -> None:
    found = evidence_against(0.3, 4, 9, 2.0)
    assert found == pytest.approx(betaln(0.6 + 4, 1.4 + 5) - betaln(0.6, 1.4) - 4 * np.log(0.3) - 5 * np.log(0.7))


@pytest.mark.parametrize("n", [1, 7, 400])
@pytest.mark.parametrize("prior", [0.3, 30.0])
def test_what_is_not_ruled_out_is_one_interval(n: int, prior: float) -> None:
    p = np.linspace(1e-6, 1 - 1e-6, 4001)
    for k in {0, 1, n // 3, n // 2, n}:
        low, high = confidence_sequence(k, n, prior)
        inside = evidence_against(p, k, n, prior) < np.log(20)
        assert (inside == ((low <= p) & (p <= high)))[(abs(p - low) > 1e-9) & (abs(p - high) > 1e-9)].all()


def test_edges_do_not_leave_zero_and_one() -> None:
    low, high = confidence_sequence([0, 5, 10, 0], [10, 10, 10, 0], 5.0)
    assert low[0] == 0 and high[2] == 1 and (low[3], high[3]) == (0, 1)
    assert 0 < low[1] < 0.5 < high[1] < 1
    mirrored = confidence_sequence([10, 5, 0], [10, 10, 10], 5.0)
    assert mirrored[0] == pytest.approx(1 - high[:3]) and mirrored[1] == pytest.approx(1 - low[:3])


@pytest.mark.parametrize("n", [200, 2000])
@pytest.mark.parametrize(("p", "most"), [(0.03, 1.8), (0.15, 1.45), (0.5, 1.36)])
def test_looking_at_any_time_costs_some_width(n: int, p: float, most: float) -> None:
    alpha = 0.05 / 13
    low, high = wilson(round(n * p), n, alpha)
    prior = prior_for((high - low) / 2, alpha)
    first, last = confidence_sequence(n * p, n, prior, alpha)
    assert 1.0 < (last - first) / (high - low) < most
    assert first < clopper_pearson(round(n * p), n, alpha)[0]


def test_the_prior_is_the_best_for_its_target() -> None:
    target, alpha = 0.03, 0.01
    best = prior_for(target, alpha)

    def half(n: float, prior: float) -> float:
        low, high = confidence_sequence(n / 2, n, prior, alpha)
        return float(high - low) / 2

    n = next(n for n in range(100, 100_000, 10) if half(n, best) <= target)
    assert all(half(n, best * f) > half(n, best) * 0.9995 for f in (0.1, 0.5, 0.8, 1.25, 2, 10))
    assert half(n, best * 3) < 1.04 * half(n, best)


def test_what_makes_no_sequence_is_refused() -> None:
    for k, n, prior in ((3, 2, 1.0), (-1, 2, 1.0), (1, 2, 0.0)):
        with pytest.raises(RefusedError, match="between 0 and the number"):
            confidence_sequence(k, n, prior)
    with pytest.raises(RefusedError, match="not percent"):
        prior_for(2.0)

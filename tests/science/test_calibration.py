from __future__ import annotations

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.calibration import calibrate, committee_scale


def drawn(n: int = 40_000, scale: float = 1.0, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Errors from Gaussians of widths that are known, the widths divided by ``scale`` told."""
    rng = np.random.default_rng(seed)
    std = rng.uniform(0.1, 2.0, size=n)
    return rng.normal(scale=std), std / scale


def test_a_calibrated_predictor() -> None:
    found = calibrate(*drawn(), members=100)
    assert found is not None
    assert found.factor == pytest.approx(1.0, abs=0.02)
    assert found.ence is not None and found.ence < 0.03
    assert found.within == pytest.approx((0.6827, 0.9545), abs=0.01)
    assert found.spearman is not None and 0.4 < found.spearman < 0.7
    assert sum(b.n for b in found.bins) == found.n == 40_000
    assert all(one.rmv < other.rmv for one, other in zip(found.bins, found.bins[1:], strict=False))


def test_a_predictor_that_is_too_sure() -> None:
    found = calibrate(*drawn(scale=4.0), members=100)
    assert found is not None
    assert found.factor == pytest.approx(4.0, rel=0.02)
    assert found.ence == pytest.approx(3.0, rel=0.05)
    assert found.spearman == pytest.approx(calibrate(*drawn(), members=100).spearman)  # type: ignore[union-attr]


def test_a_perfect_order() -> None:
    std = np.linspace(1.0, 2.0, 50)
    found = calibrate(np.where(np.arange(50) % 2, 3 * std, -3 * std), std, members=5, bins=5)
    assert found is not None
    assert (found.spearman, found.factor, found.ence) == pytest.approx((1.0, 3.0, 2.0))
    assert found.within == (0.0, 0.0)
    assert [b.n for b in found.bins] == [10] * 5


@pytest.mark.parametrize("members", [4, 5, 8])
def test_the_scale_of_a_small_committee_is_corrected(members: int) -> None:
    """Members and truth scatter about one value, the truth α times as wide: α is found again."""
    rng = np.random.default_rng(members)
    n, alpha = 400_000 if members > 4 else 4_000_000, 1.7
    answers = rng.normal(size=(members, n))
    truth = alpha * rng.normal(size=n)
    std = answers.std(axis=0, ddof=1)
    found = committee_scale(truth - answers.mean(axis=0), std, members)
    assert found == pytest.approx(alpha, rel=0.05)


def test_what_has_no_scale() -> None:
    one = np.ones(3)
    assert committee_scale(one, one, 3) is None
    assert committee_scale(one, np.array([1.0, 0.0, 1.0]), 8) is None
    assert committee_scale(0.01 * one, one, 8) is None
    assert committee_scale(np.empty(0), np.empty(0), 8) is None


def test_members_that_always_agree() -> None:
    found = calibrate(np.array([0.1, -0.2]), np.zeros(2), members=4)
    assert found is not None
    assert (found.factor, found.ence, found.spearman, found.scale) == (None, None, None, None)
    assert found.rmse == pytest.approx(np.sqrt(0.025))


def test_unlabelled_entries_are_left_out() -> None:
    found = calibrate(np.array([0.1, np.nan, 0.3]), np.array([0.1, 0.2, 0.3]), members=2)
    assert found is not None and found.n == 2
    assert calibrate(np.full(3, np.nan), np.ones(3), members=2) is None


@pytest.mark.parametrize(
    ("error", "std", "bins", "words"),
    [
        (np.ones(2), np.ones(3), 5, "two equal columns"),
        (np.ones(2), -np.ones(2), 5, "is negative"),
        (np.ones(2), np.ones(2), 0, "at least one bin"),
    ],
)
def test_what_cannot_be_compared(error: np.ndarray, std: np.ndarray, bins: int, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        calibrate(error, std, 2, bins)

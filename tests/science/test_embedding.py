from __future__ import annotations

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.embedding import PrincipalPlane, Scale


def test_the_pool_gets_mean_zero_and_spread_one_and_constant_features_go() -> None:
    rng = np.random.default_rng(0)
    pool = np.column_stack([rng.normal(3, 0.01, 500), np.full(500, 7.0), rng.normal(-80, 900, 500), np.zeros(500)])
    pool[:, 1] += rng.normal(0, 1e-6, 500)  # what single precision leaves of a constant
    scale = Scale.of(pool.astype(np.float32))
    assert scale.used.tolist() == [True, False, True, False]
    scaled = scale(pool.astype(np.float32))
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-6)


def test_other_units_of_a_feature_change_nothing() -> None:
    pool = np.random.default_rng(1).normal(size=(40, 3))
    units = np.array([1e-3, 1.0, 1e5])
    np.testing.assert_allclose(Scale.of(pool * units)(pool[:5] * units), Scale.of(pool)(pool[:5]), rtol=1e-9)


@pytest.mark.parametrize(
    ("pool", "sentence"),
    [(np.zeros((1, 4)), "1 frames .* two are needed"), (np.array([[0.0], [np.nan]]), "row 1 is not finite")],
)
def test_what_cannot_be_compared_is_refused(pool: np.ndarray, sentence: str) -> None:
    with pytest.raises(RefusedError, match=sentence):
        Scale.of(pool)


def test_rows_that_are_not_finite_are_refused() -> None:
    with pytest.raises(RefusedError, match="row 2 is not finite"):
        Scale.of(np.eye(2))(np.array([[0, 0], [1, 1], [np.inf, 0]]))


def test_the_plane_is_the_one_of_an_ellipsoid() -> None:
    """Axes of lengths 4, 2, 1 along known directions: shares 16/21 and 4/21, loadings along those directions."""
    turn, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))
    axes = np.concatenate([s * length * np.eye(3)[i] for i, length in enumerate((4, 2, 1)) for s in (1, -1)])
    pool = axes.reshape(6, 3) @ turn.T
    plane = PrincipalPlane(pool)
    np.testing.assert_allclose(plane.explained, [16 / 21, 4 / 21], rtol=1e-12)
    found = plane(pool)
    np.testing.assert_allclose(np.abs(found[[0, 2]]), [[4, 0], [0, 2]], atol=1e-12)
    largest = np.abs(plane.pca.components_).argmax(axis=1)
    assert (plane.pca.components_[[0, 1], largest] > 0).all()  # the sign is no matter of chance


def test_the_sign_does_not_depend_on_the_order_of_the_frames() -> None:
    pool = np.random.default_rng(3).normal(size=(200, 6)) * [5, 3, 1, 1, 1, 1]
    np.testing.assert_allclose(PrincipalPlane(pool)(pool[:9]), PrincipalPlane(pool[::-1])(pool[:9]), atol=1e-10)


@pytest.mark.parametrize(("features", "shares"), [(1, [1.0, 0.0]), (0, [0.0, 0.0])])
def test_a_direction_that_does_not_exist_is_zero(features: int, shares: list[float]) -> None:
    pool = np.arange(3.0)[:, None][:, :features]
    plane = PrincipalPlane(pool)
    assert plane.explained == pytest.approx(shares)
    np.testing.assert_allclose(plane(pool), [[-features, 0], [0, 0], [features, 0]], atol=1e-12)

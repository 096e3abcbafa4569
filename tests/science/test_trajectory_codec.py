"""What goes through the codec comes back: exactly as whole numbers, to half a thousandth of an Å as positions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.trajectory_codec import REACH, RESOLUTION, decode, encode, length, quantise, restored

SHAPES = hnp.array_shapes(min_dims=3, max_dims=3, min_side=0, max_side=7)
BIG = 2**60


@settings(deadline=None, max_examples=200)
@given(hnp.arrays(np.int64, SHAPES, elements=st.integers(-BIG, BIG)))
def test_whole_numbers_come_back_to_the_bit(numbers: Any) -> None:
    code = encode(numbers)
    back = decode(code)
    assert back.shape == (len(numbers), int(np.prod(numbers.shape[1:])))
    np.testing.assert_array_equal(back, numbers.reshape(back.shape))
    assert length(code) == len(numbers)


@settings(deadline=None, max_examples=200)
@given(hnp.arrays(np.float64, SHAPES, elements=st.floats(-REACH, REACH)))
def test_positions_come_back_to_half_the_resolution(positions: Any) -> None:
    back = restored(decode(encode(quantise(positions)))).reshape(positions.shape)
    assert (np.abs(back - positions) <= 0.5 * RESOLUTION * (1 + 1e-6)).all()


@pytest.mark.parametrize("far", [1e7, 1e300, -1e300])
def test_an_atom_flung_away_neither_overflows_nor_spoils_the_others(far: float) -> None:
    positions = np.random.default_rng(1).normal(0, 10, (6, 5, 3))
    positions[3, 2, 1] = far
    back = restored(decode(encode(quantise(positions)))).reshape(positions.shape)
    assert back[3, 2, 1] == np.sign(far) * REACH
    back[3, 2, 1] = positions[3, 2, 1] = 0.0
    np.testing.assert_allclose(back, positions, atol=0.5001 * RESOLUTION, rtol=0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_positions_that_are_no_numbers_are_refused(bad: float) -> None:
    with pytest.raises(RefusedError, match="not finite numbers cannot be kept"):
        quantise(np.array([[[0.0, 1.0, bad]]]))


def test_a_real_trajectory_takes_little_room(trajectory: Callable[[str], dict[str, Any]]) -> None:
    """116 atoms, a frame each 15 fs: under 1.2 bytes per coordinate, where float32 takes four."""
    positions = trajectory("si001_4x4_c8h12_precursor")["positions"]
    code = encode(quantise(positions))
    assert len(code) < 1.2 * positions.size
    back = restored(decode(code)).reshape(positions.shape)
    assert np.abs(back - positions).max() <= 0.5001 * RESOLUTION


@pytest.mark.parametrize("damage", [lambda b: b[:-3], lambda b: b[:10], lambda b: b[:0]])
def test_a_code_cut_short_is_refused(damage: Callable[[Any], Any]) -> None:
    code = encode(np.arange(60).reshape(5, 4, 3))
    with pytest.raises(RefusedError, match="a stored path is damaged"):
        decode(damage(code))


def test_a_flipped_bit_is_noticed() -> None:
    code = encode(np.random.default_rng(2).integers(-99, 99, (50, 4, 3)))
    for place in range(30, len(code), 37):
        broken = code.copy()
        broken[place] ^= 16
        with pytest.raises(RefusedError, match="damaged"):
            decode(broken)


def test_another_version_is_named() -> None:
    code = encode(np.zeros((2, 3), dtype=np.int64)).copy()
    code[0] = 7
    with pytest.raises(RefusedError, match="has the format 7; this version reads 1"):
        decode(code)

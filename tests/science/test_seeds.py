from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.seeds import generator, shot_seed


@given(st.integers(0, 2**63 - 1), st.integers(0, 10**7))
def test_seed_fits_63_bits_and_repeats(campaign: int, shot: int) -> None:
    seed = shot_seed(campaign, shot)
    assert 0 <= seed < 2**63 and seed == shot_seed(campaign, shot)


def test_seeds_of_a_campaign_are_all_different() -> None:
    assert len({shot_seed(24, shot) for shot in range(10_000)}) == 10_000
    assert not {shot_seed(24, shot) for shot in range(1000)} & {shot_seed(25, shot) for shot in range(1000)}


def test_seed_is_what_it_always_was() -> None:
    assert [shot_seed(24, 0), shot_seed(24, 1)] == [7171919944880120359, 8941329854884400394]


def test_generators_are_independent_of_each_other() -> None:
    first, second = generator(24, 0).random(1000), generator(24, 1).random(1000)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1
    assert (generator(24, 0).random(1000) == first).all()


def test_negative_numbers_are_refused() -> None:
    with pytest.raises(RefusedError, match="must not be negative"):
        shot_seed(24, -1)

"""One integer per campaign; every shot's draws descend from it and from the shot's index alone."""

from __future__ import annotations

import numpy as np

from ..contract.errors import RefusedError


def shot_seed(campaign_seed: int, shot: int) -> int:
    """The integer (0 ≤ seed < 2^63) that names the random stream of one shot.

    It is taken from ``SeedSequence(entropy=campaign_seed, spawn_key=(shot,))``, so it depends on nothing but the two
    numbers: not on the batch, the machine, or the shots before it.

    :raises RefusedError: when one of the numbers is negative.
    """
    return int(_sequence(campaign_seed, shot).generate_state(1, np.uint64)[0] >> np.uint64(1))


def generator(campaign_seed: int, shot: int) -> np.random.Generator:
    """The generator (PCG64) from which all draws of one shot come, in the order that the callers document."""
    return np.random.Generator(np.random.PCG64(_sequence(campaign_seed, shot)))


def _sequence(campaign_seed: int, shot: int) -> np.random.SeedSequence:
    if campaign_seed < 0 or shot < 0:
        raise RefusedError(f"seeds and shot numbers must not be negative, not {campaign_seed} and {shot}.")
    return np.random.SeedSequence(entropy=campaign_seed, spawn_key=(shot,))

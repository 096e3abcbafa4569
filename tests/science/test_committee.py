from __future__ import annotations

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.committee import disagreement


def test_mean_and_deviation_by_hand() -> None:
    energies = [np.array([1.0, 5.0]), np.array([3.0, 5.0])]
    forces = [np.array([[0.0, 1.0, 2.0]]), np.array([[2.0, 1.0, 2.0]])]
    found = disagreement(energies, forces)
    assert found.energy_mean.tolist() == [2.0, 5.0]
    assert found.energy_std == pytest.approx([np.sqrt(2.0), 0.0])
    assert found.forces_mean.tolist() == [[1.0, 1.0, 2.0]]
    assert found.forces_std == pytest.approx(np.array([[np.sqrt(2.0), 0.0, 0.0]]))
    assert found.atom_std == pytest.approx([np.sqrt(2.0 / 3.0)])


def test_the_deviation_is_unbiased_in_the_variance() -> None:
    rng = np.random.default_rng(0)
    members = rng.normal(scale=0.3, size=(3, 40_000))
    found = disagreement(list(members), list(np.zeros((3, 5, 3))))
    assert (found.energy_std**2).mean() == pytest.approx(0.09, rel=0.02)


def test_what_is_no_committee() -> None:
    one, force = np.zeros(2), np.zeros((3, 3))
    with pytest.raises(RefusedError, match="at least two members, not 1"):
        disagreement([one], [force])
    with pytest.raises(RefusedError, match="of different frames"):
        disagreement([one, np.zeros(3)], [force, force])

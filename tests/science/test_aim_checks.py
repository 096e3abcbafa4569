from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.science.aim_checks import check_geometry, check_images


@pytest.fixture
def check(si001: Any, acetylene: Any) -> Any:
    """Check a molecule at a height, deformed and moving as the test wants."""
    numbers, shape = acetylene

    def call(height: float, *, stretch: Any = 0.0, v_z: float = -0.01, lengthen: float = 0.0, pbc: Any = None) -> None:
        molecule = shape + stretch + [1.9, 1.9, si001.slab.surface_z + height]
        cell = si001.cell + np.diag([0, 0, lengthen])
        check_geometry(
            np.concatenate([si001.numbers, numbers]),
            np.concatenate([si001.positions, molecule]),
            np.full((28, 3), v_z),
            cell,
            si001.pbc if pbc is None else np.array(pbc),
            si001.slab,
        )

    return call


def refusal(call: Any, *args: Any, **options: Any) -> str:
    with pytest.raises(RefusedError) as caught:
        call(*args, **options)
    assert caught.value.status == "geometry_refused"
    return str(caught.value)


def test_a_good_start_passes(check: Any) -> None:
    assert check(6.0) is None
    assert check(20.0, lengthen=20.0) is None


def test_molecule_below_the_surface(check: Any) -> None:
    assert "below the surface plane" in refusal(check, -2.0)


def test_molecule_too_close(check: Any) -> None:
    message = refusal(check, 1.5)
    assert "of the molecule and Si" in message and "raise aim.height" in message


def test_molecule_in_two_pieces(check: Any) -> None:
    assert "2 fragments" in refusal(check, 6.0, stretch=np.array([[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 3.0]]))


@pytest.mark.parametrize("v_z", [0.0, 0.01])
def test_molecule_aimed_away(check: Any, v_z: float) -> None:
    assert "does not move towards the surface" in refusal(check, 6.0, v_z=v_z)


def test_vacuum_too_small(check: Any) -> None:
    message = refusal(check, 10.0)  # bottom at 6.50, period 18.11, molecule at 21.24
    assert "3.4 Å below" in message and "Lengthen the cell by 1.6 Å" in message
    assert check(10.0, lengthen=1.7) is None
    assert check(10.0, pbc=[True, True, False]) is None


def test_numbers_that_are_not_finite(check: Any) -> None:
    assert "not finite" in refusal(check, 6.0, v_z=np.nan)


def test_own_images(si001: Any, acetylene: Any) -> None:
    _, shape = acetylene  # 3.34 Å long, cell 7.73 Å
    assert check_images(shape, si001.cell, si001.pbc, 4.3) is None
    message = refusal(check_images, shape, si001.cell, si001.pbc, 5.0)
    assert "every 7.7 Å" in message and "3.3 Å long" in message and "4.4 Å between" in message
    assert check_images(shape, si001.cell, np.array([False] * 3), 1e6) is None

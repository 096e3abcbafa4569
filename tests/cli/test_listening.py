from __future__ import annotations

import pytest

from aiida_mlgun.cli.listening import ATTEMPTS, make_listen
from aiida_mlgun.contract.errors import RefusedError


@pytest.mark.parametrize(("heard", "restarts"), [([2], 0), ([None], 0), ([0, 2], 0), ([1] * 9 + [2], 1)])
def test_a_daemon_whose_workers_stay_deaf_is_started_again(heard: list[int | None], restarts: int) -> None:
    """``heard``: what each look finds; looks are half a second apart, and six of them are all the patience."""
    looks, begun = iter(heard), []
    make_listen(2, lambda: begun.append(1), lambda: next(looks), patience=2.9)
    assert len(begun) == restarts
    assert next(looks, "all") == "all"


def test_workers_that_never_hear_are_told_of() -> None:
    begun: list[int] = []
    with pytest.raises(RefusedError, match=r"2 workers do not hear AiiDA's broker. Try: verdi daemon restart"):
        make_listen(2, lambda: begun.append(1), lambda: 1, patience=0.01)
    assert len(begun) == ATTEMPTS - 1

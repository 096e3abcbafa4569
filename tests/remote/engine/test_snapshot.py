"""A run that goes on from a snapshot is the run without a break, also where lists' history decides the last digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from aiida_mlgun.contract.shooting import Dynamics
from aiida_mlgun.remote.engine.evaluator import Evaluator
from aiida_mlgun.remote.engine.flight import Floats, Landed, Launch, Saved
from aiida_mlgun.remote.engine.integrator import inertia
from aiida_mlgun.remote.engine.runner import Flown, Resumption, fly
from aiida_mlgun.remote.engine.snapshot import Snapshot, from_arrays
from aiida_mlgun.science.npz import pack, unpack

from ..toys import Energies, Late, Listed, Pairs, Springs

BODY = inertia(np.array([1.0, 12.0, 28.0]), np.array([False, False, True]))
DYNAMICS = Dynamics(timestep_fs=0.5, max_steps=45, check_every=10)
ENDS = [10.0, np.inf, 20.0, 5.0, np.inf, 15.0, 0.0, 10.0]


class Counter:
    """Ends the shot at a time; remembers how often it was asked."""

    def __init__(self, end_fs: float) -> None:
        self.end_fs, self.asked = end_fs, 0

    def update(self, t_fs: float, positions: Floats, velocities: Floats) -> str | None:
        self.asked += 1
        return "settled" if t_fs >= self.end_fs else None

    def state(self) -> Saved:
        return {"asked": np.array(self.asked)}

    def restore(self, saved: Saved) -> None:
        self.asked = int(saved["asked"])


class Historic(Listed):
    """Pairs whose forces depend in the tenth digit on where a row's list was made, and on who else is in the batch."""

    reach = 0.05

    def __init__(self) -> None:
        super().__init__()
        self.builds = 0

    def __call__(self, positions: torch.Tensor, keys: Sequence[int] = ()) -> Energies:
        for key, row in zip(keys, positions, strict=True):
            if key not in self.made or (row - self.made[key]).abs().max() > self.reach:
                self.builds += 1
                self.made[key] = row.clone()
        energies, forces = super().__call__(positions)
        history = self.references(keys).sum(dim=(1, 2)) + 0.1 * len(keys) + 0.01 * torch.arange(len(keys))
        return energies, forces * (1 + 1e-10 * history)[:, None, None]


class Deaf(Historic):
    """As it would be if a resumed run made its lists anew."""

    def recall(self, keys: Sequence[int], references: torch.Tensor) -> None: ...


def launches() -> list[Launch]:
    rng = np.random.default_rng(4)
    return [
        Launch(20 + i, rng.normal(0, 1.5, (3, 3)), rng.normal(0, 0.02, (3, 3)), Counter(end))
        for i, end in enumerate(ENDS)
    ]


def run(
    evaluate: Evaluator, landed: list[Landed], asks: int, snapshot: Snapshot | None = None, width: int = 3, **more: Any
) -> tuple[Flown, Snapshot]:
    """Go on until ``stop`` has been asked so often; the last snapshot, as it comes back from a file."""
    kept: list[Snapshot] = []
    answers = iter([None] * asks)
    waiting = launches()
    resume = None
    if snapshot is not None:
        resume = Resumption(snapshot, [waiting[key - 20] for key in snapshot.state.keys])
        waiting = waiting[snapshot.launched :]
    flown = fly(
        waiting,
        evaluate,
        BODY,
        DYNAMICS,
        width if snapshot is None else snapshot.width,
        land=landed.append,
        stop=lambda: next(answers, "wall_time"),
        edge=lambda find, last: kept.append(find()),
        resume=resume,
        **more,
    )
    return flown, from_arrays(unpack(pack(kept[-1].arrays())), "cpu")


def same(one: list[Landed], other: list[Landed]) -> bool:
    """Equal to the last bit, in the order of landing."""
    return [repr(replace(a, positions=a.positions.tobytes(), velocities=a.velocities.tobytes())) for a in one] == [  # type: ignore[arg-type]
        repr(replace(b, positions=b.positions.tobytes(), velocities=b.velocities.tobytes()))  # type: ignore[arg-type]
        for b in other
    ]


def through(make: type[Historic] | Any, asks: list[int]) -> tuple[list[Landed], Flown]:
    """Stopped so often, each time gone on from with a new evaluator."""
    landed: list[Landed] = []
    snapshot = None
    for count in [*asks, 10_000]:
        flown, snapshot = run(make(), landed, count, snapshot)
    return landed, flown


@pytest.mark.parametrize("asks", [[0], [1], [10], [11, 3], [25, 25, 25], [10, 10, 10, 10, 10], [9, 9, 12]])
def test_stopped_anywhere_and_gone_on_from(asks: list[int]) -> None:
    whole, expected = through(Historic, [])
    assert len(whole) == len(ENDS)
    landed, flown = through(Historic, asks)
    assert same(landed, whole) and flown == expected


def test_without_the_lists_the_last_digits_differ() -> None:
    """So the test above can fail."""
    assert not same(through(Deaf, [25])[0], through(Historic, [])[0])


def test_a_deferred_evaluator_too() -> None:
    def late() -> Late:
        return Late(0.1)

    whole, _ = through(late, [])
    assert same(through(late, [13, 22])[0], whole)


def test_parked_shots_are_remembered() -> None:
    """Memory for one row only in the second segment: the others wait with their state, over the break."""

    class Narrow(Springs):
        rows = 3

        def __call__(self, positions: torch.Tensor, keys: Sequence[int] = ()) -> Energies:
            if len(positions) > self.rows:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return super().__call__(positions, keys)

    rest = torch.zeros(3, 3, dtype=torch.float64)
    narrow, landed = Narrow(5.0, rest), []  # type: ignore[var-annotated]
    _, snapshot = run(narrow, landed, 25)
    narrow.rows = 1
    _, snapshot = run(narrow, landed, 5, snapshot)
    assert (snapshot.parked, len(snapshot.state), snapshot.width) == (2, 3, 1)
    _, snapshot = run(Springs(5.0, rest), landed, 10_000, snapshot)
    assert (len(snapshot.state), snapshot.launched) == (0, len(ENDS))
    plain: list[Landed] = []
    run(Springs(5.0, rest), plain, 10_000)
    landed.sort(key=lambda shot: shot.shot)
    plain.sort(key=lambda shot: shot.shot)
    assert same(landed, plain)


def test_memory_that_ran_out_leaves_no_trace_in_the_lists() -> None:
    """The half segment that is done again made lists of its own: they are put back."""

    def alone(make: type[Historic]) -> list[Landed]:
        landed: list[Landed] = []
        run(make(), landed, 10_000, width=2)
        return sorted(landed, key=lambda shot: shot.shot)

    class Apart(Historic):
        """Who else is in the batch does not matter."""

        def __call__(self, positions: torch.Tensor, keys: Sequence[int] = ()) -> Energies:
            energies, forces = Pairs.__call__(self, positions)
            Historic.__call__(self, positions, keys)
            history = self.references(keys).sum(dim=(1, 2))
            return energies, forces * (1 + 1e-10 * history)[:, None, None]

    class Tight(Apart):
        failed = False

        def __call__(self, positions: torch.Tensor, keys: Sequence[int] = ()) -> Energies:
            if self.builds > 20 and not self.failed:
                self.failed = True
                super().__call__(positions + 1.0, keys)
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return super().__call__(positions, keys)

    assert same(alone(Tight), alone(Apart))

"""The batch loop: slots refilled, looks on time, ends told, budget kept, memory shared out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from aiida_mlgun.contract.errors import RunFailedError
from aiida_mlgun.contract.shooting import Dynamics
from aiida_mlgun.remote.engine.evaluator import Evaluator
from aiida_mlgun.remote.engine.flight import EXPLODED, MAX_STEPS, Floats, Landed, Launch, Saved, slope
from aiida_mlgun.remote.engine.integrator import inertia
from aiida_mlgun.remote.engine.runner import Flown, fly

from ..toys import Energies, Late, Pairs, Springs, free

MASSES = np.array([1.0, 12.0, 28.0])
BODY = inertia(MASSES, np.zeros(3, dtype=bool))


class Clock:
    """A watcher that ends the shot at a time and remembers when it was asked."""

    def __init__(self, end_fs: float = np.inf) -> None:
        self.end_fs = end_fs
        self.times: list[float] = []
        self.last: Floats = np.zeros((3, 3))

    def update(self, t_fs: float, positions: Floats, velocities: Floats) -> str | None:
        self.times.append(t_fs)
        self.last = positions
        return "settled" if t_fs >= self.end_fs else None

    def state(self) -> Saved:
        return {"times": np.array(self.times)}

    def restore(self, saved: Saved) -> None:
        self.times = saved["times"].tolist()


def _launches(ends: list[float], seed: int = 0) -> list[Launch]:
    rng = np.random.default_rng(seed)
    return [
        Launch(10 + i, rng.normal(0, 1.5, (3, 3)), rng.normal(0, 0.02, (3, 3)), Clock(end))
        for i, end in enumerate(ends)
    ]


def _fly(launches: list[Launch], evaluate: Evaluator, dynamics: Dynamics, **more: Any) -> tuple[list[Landed], Flown]:
    landed: list[Landed] = []
    assert dynamics.batch_size is not None
    flown = fly(iter(launches), evaluate, BODY, dynamics, dynamics.batch_size, land=landed.append, **more)
    return sorted(landed, key=lambda shot: shot.shot), flown


def _dynamics(**changes: float) -> Dynamics:
    values = {"timestep_fs": 0.5, "max_steps": 100, "check_every": 10, "batch_size": 3} | changes
    return Dynamics(**values)  # type: ignore[arg-type]


def test_each_shot_flies_its_own_time_and_is_told_in_order() -> None:
    launches = _launches([20.0, 5.0, np.inf, 15.0, 5.0, 30.0, 0.0])
    landed, flown = _fly(launches, free, _dynamics())
    assert [shot.shot for shot in landed] == list(range(10, 17))
    assert [shot.n_steps for shot in landed] == [40, 10, 100, 30, 10, 60, 0]
    assert [shot.ended for shot in landed] == ["settled", "settled", MAX_STEPS] + ["settled"] * 4
    assert flown.steps == 250 and flown.stopped is None and flown.width == 3
    for launch, shot in zip(launches, landed, strict=True):
        there = launch.positions + launch.velocities * shot.n_steps * 0.5
        np.testing.assert_allclose(shot.positions, there, atol=1e-12)


def test_free_places_are_filled_at_once() -> None:
    sizes = []

    def counting(positions: torch.Tensor, keys: Sequence[int]) -> Energies:
        sizes.append(len(positions))
        return free(positions, keys)

    _fly(_launches([5.0] * 6 + [10.0] * 3), counting, _dynamics())
    steps = [size for size in sizes if size]
    assert sum(steps) == 6 * 10 + 3 * 20 + 9  # each shot's steps and its first evaluation
    assert set(steps) == {3}


def test_looks_come_on_time_also_when_the_end_does_not_divide() -> None:
    launches = _launches([np.inf, np.inf])
    landed, flown = _fly(launches, free, _dynamics(max_steps=25, check_every=10))
    for launch, shot in zip(launches, landed, strict=True):
        assert isinstance(launch.watcher, Clock)
        assert launch.watcher.times == [0.0, 5.0, 10.0, 12.5]
        assert shot.n_steps == 25
    assert flown.steps == 50


def test_a_late_starter_keeps_its_own_clock_beside_one_that_ends() -> None:
    """Shots of 25 steps in two places: the third starts while the second still flies; nobody's path changes."""
    launches = _launches([5.0, np.inf, np.inf], seed=3)
    together, _ = _fly(launches, Pairs(), _dynamics(max_steps=25, check_every=10, batch_size=2))
    alone, _ = _fly(_launches([5.0, np.inf, np.inf], seed=3), Pairs(), _dynamics(max_steps=25, batch_size=1))
    for a, b in zip(together, alone, strict=True):
        assert a.n_steps == b.n_steps
        np.testing.assert_allclose(a.positions, b.positions, atol=1e-12)
        assert a.energy_end == pytest.approx(b.energy_end, abs=1e-12)
    assert launches[2].watcher.times == [0.0, 5.0, 10.0, 12.5]  # type: ignore[attr-defined]


def test_energy_that_creeps_up_is_booked_as_drift() -> None:
    """1e-4 eV more at each call, no forces: 0.2 meV/fs of three atoms, a straight line."""
    calls = 0

    def creeping(positions: torch.Tensor, keys: Sequence[int]) -> Energies:
        nonlocal calls
        calls += 1
        energies, forces = free(positions)
        return energies + 1e-4 * calls, forces

    shot = _fly(_launches([np.inf]), creeping, _dynamics())[0][0]
    assert shot.drift == pytest.approx(0.2 * 1000 / 3, rel=1e-9)
    assert shot.energy_max_dev == pytest.approx(1e-2 * 1000 / 3, rel=1e-9)
    assert shot.energy_end - shot.energy_start == pytest.approx(1e-2, rel=1e-9)


def test_a_spring_does_not_drift() -> None:
    springs = Springs(5.0, torch.zeros(3, 3, dtype=torch.float64))
    shot = _fly(_launches([np.inf]), springs, _dynamics(max_steps=2000))[0][0]
    assert shot.energy_start > 1.0
    assert 0 < shot.energy_max_dev < 100 and abs(shot.drift) < 0.05 * shot.energy_max_dev


def test_a_torn_shot_is_taken_out_and_the_others_fly_on() -> None:
    calls = 0

    def breaking(positions: torch.Tensor, keys: Sequence[int]) -> Energies:
        nonlocal calls
        calls += 1
        energies, forces = Springs(5.0, torch.zeros(3, 3, dtype=torch.float64))(positions)
        if 15 < calls <= 20:
            forces[1] = torch.nan
        return energies, forces

    launches = _launches([np.inf] * 3)
    landed, _ = _fly(launches, breaking, _dynamics())
    assert [shot.ended for shot in landed] == [MAX_STEPS, EXPLODED, MAX_STEPS]
    torn = landed[1]
    assert torn.n_steps == 20
    assert np.isfinite(torn.positions).all() and np.isfinite([torn.energy_start, torn.energy_end]).all()
    assert isinstance(launches[1].watcher, Clock) and np.isnan(launches[1].watcher.last).all()
    assert [landed[i].n_steps for i in (0, 2)] == [100, 100]


def test_a_shot_torn_from_the_start_is_told_too() -> None:
    launches = _launches([np.inf])
    launches[0].positions[0, 0] = np.nan
    shot = _fly(launches, Pairs(), _dynamics())[0][0]
    assert (shot.ended, shot.n_steps) == (EXPLODED, 0)
    assert np.isnan([shot.energy_start, shot.drift, shot.energy_max_dev]).all()


def test_the_run_stops_at_the_last_edge() -> None:
    """A reason in the middle of a segment comes at once; the segment's steps count for nothing."""
    answers = iter([None] * 25 + ["wall_time"])
    reports: list[tuple[int, int, int]] = []
    edges: list[tuple[int, bool]] = []
    landed, flown = _fly(
        _launches([5.0, 10.0, 50.0]),
        free,
        _dynamics(),
        stop=lambda: next(answers),
        report=lambda *said: reports.append(said),
        edge=lambda snapshot, last: edges.append((snapshot().steps, last)),
    )
    assert flown.stopped == "wall_time"
    assert [shot.shot for shot in landed] == [10, 11]
    assert reports == [(1, 30, 3), (2, 50, 3), (2, 50, 3)] and flown.steps == 50
    assert edges == [(30, False), (50, False), (50, True)]


def test_memory_is_shared_out() -> None:
    """Five places do not fit: half as many do, and every path is the one of a single shot."""

    def small(positions: torch.Tensor, keys: Sequence[int]) -> Energies:
        if len(positions) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return Pairs()(positions)

    ends = [40.0, 10.0, np.inf, 25.0, 5.0, 30.0]
    landed, flown = _fly(_launches(ends), small, _dynamics(batch_size=5))
    plain, _ = _fly(_launches(ends), Pairs(), _dynamics(batch_size=1))
    assert flown.width == 2
    assert [shot.n_steps for shot in landed] == [shot.n_steps for shot in plain]
    for a, b in zip(landed, plain, strict=True):
        np.testing.assert_allclose(a.positions, b.positions, atol=1e-12)


def test_memory_that_ends_in_flight_parks_shots_with_their_state() -> None:
    calls = 0

    def shrinking(positions: torch.Tensor, keys: Sequence[int]) -> Energies:
        nonlocal calls
        calls += 1
        if calls > 25 and len(positions) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return Pairs()(positions)

    launches = _launches([np.inf] * 4)
    landed, flown = _fly(launches, shrinking, _dynamics(batch_size=4))
    plain, _ = _fly(_launches([np.inf] * 4), Pairs(), _dynamics(batch_size=1))
    assert flown.width == 1
    for launch, a, b in zip(launches, landed, plain, strict=True):
        assert launch.watcher.times == [5.0 * k for k in range(11)]  # type: ignore[attr-defined]
        np.testing.assert_allclose(a.positions, b.positions, atol=1e-12)


def test_when_not_one_shot_fits_the_run_fails_by_name() -> None:
    def none(positions: torch.Tensor, keys: Sequence[int]) -> Energies:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(RunFailedError, match="not even one shot") as failed:
        _fly(_launches([5.0] * 3), none, _dynamics())
    assert failed.value.status == "out_of_memory"


class Marked(Pairs):
    """Pairs that remember who was asked for and who was forgotten, and spread as their key says."""

    def __init__(self) -> None:
        self.asked: set[tuple[int, ...]] = set()
        self.gone: list[int] = []
        self.spread: torch.Tensor | None = None

    def __call__(self, positions: torch.Tensor, keys: Sequence[int] = ()) -> Energies:
        self.asked.add(tuple(keys))
        self.spread = torch.tensor([float(key) for key in keys])
        return super().__call__(positions, keys)

    def references(self, keys: Sequence[int]) -> torch.Tensor:
        return torch.zeros((len(keys), 3, 3))

    def recall(self, keys: Sequence[int], references: torch.Tensor) -> None: ...

    def forget(self, keys: Sequence[int]) -> None:
        self.gone += keys


def test_a_shot_keeps_its_key_and_is_forgotten_when_over() -> None:
    marked = Marked()
    landed, _ = _fly(_launches([5.0, 10.0, 15.0, 5.0]), marked, _dynamics(batch_size=2))
    assert marked.asked == {(10, 11), (12,), (11, 12), (13,), (12, 13)}
    assert marked.gone == [10, 11, 13, 12]  # after 5, 10, 15 and 20 fs
    assert [shot.force_spread_max for shot in landed] == [10.0, 11.0, 12.0, 13.0]
    assert np.isnan(_fly(_launches([5.0]), free, _dynamics())[0][0].force_spread_max)


def test_a_deferred_evaluator_is_asked_once_per_segment() -> None:
    late = Late(reach=1e3)
    _, flown = _fly(_launches([np.inf] * 3), late, _dynamics())
    assert (late.asked, late.missed, flown.steps) == (10, 0, 300)
    assert late.refreshed == 11  # and once for the first evaluation
    assert not late.made


@pytest.mark.parametrize("reach", [0.4, 0.05, 1e-3])
def test_what_outran_its_lists_is_done_again_in_smaller_pieces(reach: float) -> None:
    """Lists that hold for some steps, for hardly one, for none at all: the paths are those of one that asks."""
    late = Late(reach)
    ends = [20.0, np.inf, 35.0, 50.0]
    landed, flown = _fly(_launches(ends), late, _dynamics(max_steps=95))
    plain, expected = _fly(_launches(ends), Pairs(), _dynamics(max_steps=95))
    assert late.missed > 0 and flown == expected
    for a, b in zip(landed, plain, strict=True):
        np.testing.assert_array_equal(a.positions, b.positions)
        np.testing.assert_array_equal(a.velocities, b.velocities)
        assert (a.n_steps, a.ended, a.energy_end, a.drift) == (b.n_steps, b.ended, b.energy_end, b.drift)


def test_a_torn_shot_is_taken_out_of_a_deferred_batch_too() -> None:
    class Torn(Late):
        def __call__(self, positions: torch.Tensor, keys: Sequence[int] = ()) -> Energies:
            energies, forces = super().__call__(positions, keys)
            return energies, torch.where(torch.tensor([key == 11 for key in keys])[:, None, None], torch.nan, forces)

    launches = _launches([np.inf] * 4)
    landed, _ = _fly(launches, Torn(0.4), _dynamics())
    assert [(shot.ended, shot.n_steps) for shot in landed] == [
        (MAX_STEPS, 100), (EXPLODED, 10), (MAX_STEPS, 100), (MAX_STEPS, 100)
    ]  # fmt: skip
    plain, _ = _fly(_launches([np.inf] * 4), Pairs(), _dynamics())
    for i in (0, 2, 3):
        np.testing.assert_array_equal(landed[i].positions, plain[i].positions)


def test_slope_of_a_line() -> None:
    x = np.array([0.0, 1.0, 2.0, 5.0])
    assert slope(x, 3.0 * x - 7.0) == pytest.approx(3.0)
    assert np.isnan(slope(x[:1], x[:1])) and np.isnan(slope(np.ones(3), x[:3]))

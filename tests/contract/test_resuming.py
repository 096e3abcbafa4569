"""Which changes of a job leave its checkpoint usable, and what a generation says of itself."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.generations import ShootGeneration, seal, unseal
from aiida_mlgun.contract.jobs import ShootJob
from aiida_mlgun.contract.resuming import fingerprint
from aiida_mlgun.contract.shooting import Chemistry, Dynamics, Mode, Output, ReactiveGroup

JOB = ShootJob(
    n_shots=3, seed=1, chemistry=Chemistry((ReactiveGroup("CC", (0, 1)),), (Mode("intact", False, "as it came"),))
)
FOUND = ShootGeneration(
    4, 2, 800, 12.5, 3, None, "torch", {"torch": "2.13"}, {"job": "ab"}, "state-000004.npz", ("shard-000000.npz",),
    {"state-000004.npz": "12", "shard-000000.npz": "34"},
)  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [
        replace(JOB, resume=True),
        replace(JOB, max_seconds=5.0),
        replace(JOB, checkpoint_every_s=1.0),
        replace(JOB, device="cpu"),
        replace(JOB, dynamics=Dynamics(batch_size=7, threads=3)),
    ],
)
def test_where_and_how_long_does_not_matter(other: ShootJob) -> None:
    assert fingerprint(other) == fingerprint(JOB)


@pytest.mark.parametrize(
    "other",
    [
        replace(JOB, seed=2),
        replace(JOB, n_shots=4),
        replace(JOB, first_shot=1),
        replace(JOB, committee=1),
        replace(JOB, dynamics=Dynamics(precision="float64")),
        replace(JOB, dynamics=Dynamics(own_graphs=True)),
        replace(JOB, dynamics=Dynamics(evaluator="torch")),
        replace(JOB, output=Output(trajectories=("*",))),
    ],
)
def test_what_is_computed_does(other: ShootJob) -> None:
    assert fingerprint(other) != fingerprint(JOB)


def test_a_generation_comes_back_as_it_was() -> None:
    assert unseal(ShootGeneration, seal(FOUND), "state-000004.json") == FOUND


def test_a_generation_that_was_touched_is_refused() -> None:
    told = json.loads(seal(FOUND))
    told["generation"]["shots"] = 3
    with pytest.raises(RefusedError, match=r"state-000004.json is damaged or foreign \(it has been altered\)"):
        unseal(ShootGeneration, json.dumps(told).encode(), "state-000004.json")
    for cut in (b"", seal(FOUND)[:-9], b"[]", b'{"generation": {}, "sha256": "x"}', b"\xff\xfe"):
        with pytest.raises(RefusedError, match="damaged or foreign"):
            unseal(ShootGeneration, cut, "state-000004.json")

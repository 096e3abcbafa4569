"""A real ``mlgun shoot`` in trouble that needs no scheduler: a full disk, too little memory, a jumping clock."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiida_mlgun import assets
from aiida_mlgun.contract import files
from aiida_mlgun.contract.jobs import to_json
from aiida_mlgun.contract.shooting import Dynamics
from tests.remote.shots import shots_of, small_job, write_starts

from .sites import BIN

pytestmark = [pytest.mark.production, pytest.mark.slow]

JOB = small_job(
    n_shots=2,
    dynamics=Dynamics(max_steps=40, check_every=5, batch_size=2, threads=1, evaluator="torch", own_graphs=True),
    checkpoint_every_s=1e-9,
)
#: Every look at the wall clock gives yesterday, today or tomorrow.
JUMPING = """
import itertools, time
real, count = time.time, itertools.count()
time.time = lambda: real() + 86400.0 * (next(count) % 3 - 1)
"""


def prepare(folder: Path, **changes: Any) -> Path:
    """A folder as the workstation would lay it out."""
    folder.mkdir(exist_ok=True)
    write_starts(folder)
    shipped = assets.shipped_models()[assets.COMPACT_MODEL]
    (folder / files.MODEL).mkdir()
    for name in files.MODEL_FILES:
        shutil.copy(shipped / name, folder / files.MODEL / name)
    (folder / files.JOB).write_text(to_json(replace(JOB, **changes)))
    return folder


def shoot(folder: Path, limit: Callable[[], None] | None = None, **env: str) -> dict[str, Any]:
    """Run the job; its manifest."""
    done = subprocess.run(
        [str(BIN / "mlgun"), "shoot", str(folder / files.JOB)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"} | env,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert (folder / files.MANIFEST).exists(), done.stderr[-2000:]
    told: dict[str, Any] = json.loads((folder / files.MANIFEST).read_text())
    return told


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The table of the undisturbed run."""
    folder = prepare(tmp_path_factory.mktemp("whole") / "job")
    assert shoot(folder)["status"] == "ok"
    return shots_of(folder)


def check(folder: Path, whole: dict[str, Any]) -> None:
    found = shots_of(folder)
    assert set(found) == set(whole)
    for name, array in whole.items():
        np.testing.assert_array_equal(found[name], array)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(words, capture_output=True, check=False).returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_has_a_name_and_with_room_the_job_goes_on(small_disk: Path, whole: dict[str, Any]) -> None:
    folder = prepare(small_disk / "job")
    free = shutil.disk_usage(small_disk).free
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(free - (1 << 16) - 40_000))  # the claim's room, and two or three checkpoints
    told = shoot(folder)
    assert told["status"] == "disk_full", told["detail"]
    assert "No space left on device" in told["detail"]
    kept = list((folder / files.CHECKPOINT).glob("state-*.json"))
    assert kept and not list(folder.rglob("*.part"))
    ballast.unlink()
    told = shoot(folder)
    assert told["status"] == "ok" and told["numbers"]["resumed"]["steps"] > 0
    check(folder, whole)


def test_too_little_memory_has_a_name(tmp_path: Path) -> None:
    """Room for the libraries, not for what hundreds of shots side by side take."""
    dynamics = replace(JOB.dynamics, batch_size=4096, own_graphs=False)
    folder = prepare(tmp_path / "job", n_shots=4096, dynamics=dynamics)
    space = 4 << 30
    told = shoot(folder, lambda: resource.setrlimit(resource.RLIMIT_AS, (space, space)))
    assert told["status"] == "out_of_memory", told["detail"]


def test_a_jumping_clock_changes_nothing(tmp_path: Path, whole: dict[str, Any]) -> None:
    (tmp_path / "sitecustomize.py").write_text(JUMPING)
    folder = prepare(tmp_path / "job", max_seconds=600.0)
    told = shoot(folder, PYTHONPATH=str(tmp_path))
    assert told["status"] == "ok", told["detail"]
    assert 0 < told["wall_seconds"] < 600
    check(folder, whole)


@pytest.mark.parametrize("damage", ["cut off", "one bit"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(
    damage: str, tmp_path: Path, whole: dict[str, Any]
) -> None:
    folder = prepare(tmp_path / "job", max_seconds=1e-6)  # the first segment, and no more
    assert shoot(folder)["status"] == "wall_time"
    assert shoot(folder)["status"] == "wall_time"
    states = sorted((folder / files.CHECKPOINT).glob("state-*.npz"))
    assert len(states) == 2
    content = bytearray(states[-1].read_bytes())
    if damage == "one bit":
        content[len(content) // 2] ^= 1
    states[-1].write_bytes(content if damage == "one bit" else content[:-100])
    (folder / files.JOB).write_text(to_json(JOB))
    told = shoot(folder)
    assert told["status"] == "ok"
    assert "missing, cut off or altered" in " ".join(told["numbers"]["resumed"]["said"])
    check(folder, whole)

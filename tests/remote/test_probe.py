"""The verb ``probe`` here: what it says must agree with what this machine says of itself."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import torch

from aiida_mlgun.assets import COMPACT_MODEL
from aiida_mlgun.contract import files
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.jobs import to_json
from aiida_mlgun.contract.probing import ProbeJob
from aiida_mlgun.remote import probe
from aiida_mlgun.remote.main import main

JOB = ProbeJob(repeat=1, seconds=0.2, device="cpu", threads=1)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("probe")
    (folder / files.JOB).write_text(to_json(JOB))
    assert main(["probe", str(folder / files.JOB)]) == 0
    found: dict[str, Any] = json.loads((folder / files.MACHINE).read_text())
    return found


def test_the_machine_is_this_one(told: dict[str, Any]) -> None:
    assert told["hostname"] == platform.node()
    assert told["cores"] == len(os.sched_getaffinity(0))
    assert told["threads"] == 1
    assert told["device"] == "cpu"
    assert len(told["gpus"]) == (torch.cuda.device_count() if torch.cuda.is_available() else 0)
    for name in ("torch", "mace-torch", "numpy", "aiida-mlgun"):
        assert told["versions"][name] == metadata.version(name)


def test_the_speed_is_counted_over_the_time_asked_for(told: dict[str, Any]) -> None:
    speed = told["speed"]
    assert (speed["model"], speed["precision"], speed["atoms"]) == (COMPACT_MODEL, "float32", 24)
    assert speed["evaluations"] >= 1
    assert speed["seconds"] >= JOB.seconds
    rate = speed["evaluations"] * speed["atoms"] / speed["seconds"]
    assert speed["atom_evaluations_per_second"] == pytest.approx(rate)


def test_what_the_scheduler_said_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SLURM_JOB_PARTITION", "gpu")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.delenv("SLURM_JOB_ACCOUNT", raising=False)
    monkeypatch.delenv("SLURM_GPUS_ON_NODE", raising=False)
    probe.run(JOB, tmp_path)
    told = json.loads((tmp_path / files.MACHINE).read_text())
    assert told["scheduler"] == {"SLURM_JOB_PARTITION": "gpu", "CUDA_VISIBLE_DEVICES": "1"}


@pytest.mark.parametrize(
    ("script", "driver"), [("echo 575.51.03; echo 575.51.03", "575.51.03"), ("exit 9", None), (None, None)]
)
def test_the_driver_is_what_nvidias_tool_says(
    script: str | None, driver: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if script is not None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert probe._driver() == driver


def test_version_without_a_job() -> None:
    program = Path(sys.executable).parent / "mlgun"
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"aiida-mlgun {metadata.version('aiida-mlgun')} (schema 1)\n"


@pytest.mark.parametrize(("field", "value"), [("repeat", 0), ("repeat", 21), ("seconds", 0.0), ("threads", -1)])
def test_what_makes_no_sense_is_refused(field: str, value: float) -> None:
    with pytest.raises(RefusedError, match=f"probe: {field} must"):
        ProbeJob(**{field: value})

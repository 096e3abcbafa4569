"""The scripts that made the shipped model still run on the labels that lie beside them."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

from aiida_mlgun.contract import files
from aiida_mlgun.contract.jobs import from_json
from aiida_mlgun.remote.io import read_frames

EXAMPLE = Path(__file__).parents[2] / "examples" / "foundation_model"


@pytest.mark.parametrize("name", ["pretrain_job.json", "pretrain_job_2.json"])
def test_the_jobs_are_valid(name: str) -> None:
    text = (EXAMPLE / name).read_text()
    assert from_json("train", text).name == "mlgun-compact-1"
    assert json.loads(text)["stage"]["e0s"] in ("isolated", "parent")


def test_the_labels_become_a_job_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = [str(EXAMPLE / "data" / f"{name}.extxyz.xz") for name in ("distill", "round_2")]
    monkeypatch.setattr(sys, "argv", ["prepare.py", *labels, "--out", str(tmp_path)])
    runpy.run_path(str(EXAMPLE / "prepare.py"), run_name="__main__")
    sides = {name: read_frames(tmp_path / name) for name in (files.TRAIN, files.VALIDATION, files.TEST)}
    assert len(sides[files.TRAIN]) + len(sides[files.VALIDATION]) == 235 + 788
    assert set(sides[files.TEST].tag("source").tolist()) == {"distill.extxyz.xz"}
    assert sides[files.TRAIN].symbols == ["H", "C", "N", "O", "Si", "I", "Cs", "Pb"]

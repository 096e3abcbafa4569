from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from click.testing import Result

from aiida_mlgun.contract.files import MODEL_FILES
from aiida_mlgun.data.frames import FramesData
from aiida_mlgun.data.model import ModelData
from aiida_mlgun.data.shots import COLUMNS, ShotsData
from tests.nodes import acetylene, labelled, model_contents, shot_arrays

Run = Callable[..., Result]
KINDS = ("mlgun.frames", "mlgun.model", "mlgun.shots")


def stored(kind: str, label: str = "") -> orm.Data:
    node: orm.Data
    if kind == "mlgun.frames":
        node = FramesData(labelled(acetylene()))
    elif kind == "mlgun.model":
        node = ModelData(model_contents(), {"name": "m", "level": "PBE"})
    else:
        node = ShotsData(shot_arrays())
    node.label = label
    return node.store()


@pytest.mark.usefixtures("aiida_profile_clean")
@pytest.mark.parametrize("kind", KINDS)
def test_list(kind: str, run_verdi: Run) -> None:
    nodes = [stored(kind, label) for label in ("older", "newer")]
    result = run_verdi("data", kind, "list")
    assert result.exit_code == 0, result.output
    pks = [line.split()[0] for line in result.stdout.splitlines()[2:]]
    assert pks == [str(node.pk) for node in nodes]
    newest = run_verdi("data", kind, "list", "-n", 1, "-p", 1).stdout
    assert "newer" in newest
    assert "older" not in newest


@pytest.mark.parametrize(
    ("kind", "words"),
    [("mlgun.frames", "gun 3"), ("mlgun.model", "ScaleShiftMACE"), ("mlgun.shots", "on_top CC")],
)
def test_show(kind: str, words: str, run_verdi: Run) -> None:
    node = stored(kind)
    result = run_verdi("data", kind, "show", node.pk)
    assert result.exit_code == 0, result.output
    assert words in result.stdout
    assert str(node.pk) in result.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_show_refuses_other_nodes(kind: str, run_verdi: Run) -> None:
    assert run_verdi("data", kind, "show", orm.Int(1).store().pk).exit_code != 0


def test_frames_go_out_and_come_in_again(run_verdi: Run, tmp_path: Path) -> None:
    node, path = stored("mlgun.frames"), tmp_path / "out.extxyz"
    result = run_verdi("data", "mlgun.frames", "export", node.pk, "-o", path)
    assert "3 frames written to" in result.output
    again = FramesData.from_files(path).frames()
    assert np.allclose(again.positions, node.frames().positions, atol=1e-8)  # type: ignore[attr-defined]
    assert again.tag("level").tolist() == ["PBE"] * 3


def test_a_model_goes_out_and_comes_in_again(run_verdi: Run, tmp_path: Path) -> None:
    node, folder = stored("mlgun.model"), tmp_path / "deep" / "out"
    assert run_verdi("data", "mlgun.model", "export", node.pk, "-o", folder).exit_code == 0
    assert {p.name for p in folder.iterdir()} == {*MODEL_FILES, "card.json"}
    assert json.loads((folder / "card.json").read_text()) == {"name": "m", "level": "PBE"}
    again = ModelData.from_folder(folder)
    assert (again.content_hash, again.name) == (node.content_hash, "m")  # type: ignore[attr-defined]


def test_shots_go_out_as_a_table(run_verdi: Run, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    assert run_verdi("data", "mlgun.shots", "export", stored("mlgun.shots").pk, "-o", path).exit_code == 0
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert (list(rows[0]), [row["shot"] for row in rows]) == (list(COLUMNS), ["0", "1", "2"])
    assert rows[2]["outcome"] == "intact"


@pytest.mark.parametrize("kind", KINDS)
def test_export_overwrites_nothing(kind: str, run_verdi: Run, tmp_path: Path) -> None:
    path = tmp_path / "there"
    path.write_text("precious")
    result = run_verdi("data", kind, "export", stored(kind).pk, "-o", path)
    assert result.exit_code != 0
    assert result.stderr.strip() == f"Critical: {path} exists already."
    assert path.read_text() == "precious"


@pytest.mark.parametrize("kind", ["mlgun.frames", "mlgun.shots"])
def test_export_into_a_folder_that_is_not_there(kind: str, run_verdi: Run, tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "out"
    result = run_verdi("data", kind, "export", stored(kind).pk, "-o", path)
    assert result.exit_code != 0
    assert result.stderr.startswith("Critical: ")
    assert "nowhere" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1

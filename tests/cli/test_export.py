"""``aiida-mlgun model export``: a real job, run here in place of the daemon."""

from __future__ import annotations

import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiida import orm
from aiida.engine import run_get_node
from click.testing import Result

from aiida_mlgun.cli import export
from aiida_mlgun.data.model import ModelData
from tests.nodes import model_contents

Run = Callable[..., Result]
Refusal = Callable[..., str]


@pytest.fixture
def code(aiida_code_installed: Callable[..., orm.InstalledCode], monkeypatch: pytest.MonkeyPatch) -> orm.InstalledCode:
    """The mlgun of this environment; jobs run at once instead of going to the daemon."""

    def at_once(process: Any, **inputs: Any) -> Any:
        return run_get_node(process, **inputs).node

    monkeypatch.setattr(export, "submit", at_once)
    executable = Path(sys.executable).parent / "mlgun"
    return aiida_code_installed(filepath_executable=str(executable))


def test_the_file_is_written(run: Run, code: orm.InstalledCode, tmp_path: Path) -> None:
    model = ModelData(model_contents(), {"name": "small"}).store()
    target = tmp_path / "mine.pt"
    result = run("model", "export", model.pk, "--format", "lammps-mliap", "--code", code.uuid, "-o", target)
    assert result.exit_code == 0, result.output
    assert f"sha256 {sha256(target.read_bytes()).hexdigest()}" in result.output
    assert "pair_style mliap unified mine.pt 0" in result.output
    assert "out of H C N O Si I Cs Pb" in result.output


def test_nothing_is_overwritten_and_failures_are_sentences(
    refusal: Refusal, run: Run, code: orm.InstalledCode, tmp_path: Path
) -> None:
    model = ModelData(model_contents(), {"name": "small"}).store()
    (tmp_path / "there").write_text("mine")
    words = ("model", "export", model.pk, "--code", code.uuid, "-o", tmp_path / "there")
    assert refusal(*words).endswith("there exists already.")
    assert (tmp_path / "there").read_text() == "mine"
    damaged = model_contents()
    damaged["probe.json"] = damaged["probe.json"].replace(b"[\n", b"[\n 1,", 1)
    other = ModelData(damaged, {"name": "damaged"}).store()
    result = run("model", "export", other.pk, "--code", code.uuid, "-o", tmp_path / "new")
    assert result.exit_code != 0 and "failed:" in result.stderr and not (tmp_path / "new").exists()

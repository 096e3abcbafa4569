"""A pickled model comes in by its sha256 alone, and becomes plain files that mean the same."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms

from aiida_mlgun.contract import files
from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.contract.jobs import ConvertJob
from aiida_mlgun.contract.manifest import sha256_file
from aiida_mlgun.remote import convert
from aiida_mlgun.remote.mace import load_model, official, predict
from aiida_mlgun.science.frames import from_atoms

NO_FILE = "0" * 64


class Burglar:
    """A pickle that makes a folder when it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


def test_a_saved_model_keeps_its_energies(
    tmp_path: Path, small_mace: Callable[[str], torch.nn.Module], silicon_and_acetylene: Atoms
) -> None:
    model = small_mace("float32")
    path = tmp_path / "some.model"  # anywhere on the machine; the refusals below take it from the job's folder
    torch.save(model, path)
    job = ConvertJob(sha256_file(path).upper(), path=str(path))
    result = convert.run(job, tmp_path)
    assert result.numbers == {"dtype": "float32", "r_max": 4.0}
    assert {Path(name).name for name in result.outputs} == set(files.MODEL_FILES)
    frames = from_atoms([silicon_and_acetylene])
    again = load_model(tmp_path / files.MODEL, "cpu", "float32")
    for new, old in zip(predict(again, frames, 1, "cpu"), predict(model, frames, 1, "cpu"), strict=True):
        np.testing.assert_array_equal(new, old)


def test_another_sha256_is_refused_unopened(tmp_path: Path) -> None:
    torch.save(Burglar(tmp_path / "mark"), tmp_path / files.FOREIGN_MODEL)
    with pytest.raises(RefusedError, match="It was not opened") as caught:
        convert.run(ConvertJob(NO_FILE), tmp_path)
    assert sha256_file(tmp_path / files.FOREIGN_MODEL) in str(caught.value)
    assert not (tmp_path / "mark").exists()
    assert not (tmp_path / files.MODEL).exists()


def test_a_trusted_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / files.FOREIGN_MODEL
    torch.save({"weights": torch.zeros(2)}, path)
    with pytest.raises(RefusedError, match="holds a dict, not a torch module"):
        convert.run(ConvertJob(sha256_file(path)), tmp_path)
    torch.save(torch.nn.Linear(1, 1), path)
    with pytest.raises(RefusedError, match="the model is a Linear"):
        convert.run(ConvertJob(sha256_file(path)), tmp_path)
    path.write_text("<html>404</html>")
    with pytest.raises(RefusedError, match="is no file that torch can open"):
        convert.run(ConvertJob(sha256_file(path)), tmp_path)


@pytest.mark.parametrize("path", [None, "/nowhere/at/all.model"])
def test_a_missing_file_is_a_sentence(tmp_path: Path, path: str | None) -> None:
    with pytest.raises(RefusedError, match="there is no such file on the compute machine"):
        convert.run(ConvertJob(NO_FILE, path=path), tmp_path)


def test_an_official_name_that_mace_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"'huge' is no official MACE model\. Known: .*small"):
        convert.run(ConvertJob(NO_FILE, official="huge"), tmp_path)


def test_an_official_model_comes_from_mace_s_cache_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setattr(official, "get_cache_dir", lambda: cache)
    with pytest.raises(RefusedError, match="'small' is not in MACE's cache on this machine") as caught:
        convert.run(ConvertJob(NO_FILE, official="small"), tmp_path)
    wanted = cache / str(caught.value).partition("looked for ")[2].partition(")")[0]
    torch.save(torch.nn.Linear(1, 1), wanted)
    with pytest.raises(RefusedError, match="the model is a Linear"):  # so this very file was opened
        convert.run(ConvertJob(sha256_file(wanted), official="small"), tmp_path)

"""Importing mace opens torch's door to pickles; this package shuts it again."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch

from aiida_mlgun.remote.mace.loading import own_pickles_allowed, pickles_stay_refused

SWITCH = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


class Burglar:
    """A pickle that makes a file when it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


def test_after_the_import_a_bare_load_is_still_refused(tmp_path: Path) -> None:
    torch.save(Burglar(tmp_path / "mark"), tmp_path / "evil.model")
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        torch.load(tmp_path / "evil.model")
    assert not (tmp_path / "mark").exists()
    assert SWITCH not in os.environ


def test_inside_the_border_a_load_runs_what_is_in_the_file(tmp_path: Path) -> None:
    torch.save(Burglar(tmp_path / "mark"), tmp_path / "evil.model")
    with own_pickles_allowed(), pytest.warns(UserWarning, match=SWITCH):
        torch.load(tmp_path / "evil.model")
    assert (tmp_path / "mark").exists()  # so the test above would have noticed
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "evil.model")


def test_the_border_holds_when_the_inside_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError), own_pickles_allowed():
        raise ZeroDivisionError
    assert SWITCH not in os.environ
    monkeypatch.setenv(SWITCH, "0")
    with pickles_stay_refused():
        os.environ[SWITCH] = "1"
    assert os.environ[SWITCH] == "0"

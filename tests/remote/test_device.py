from __future__ import annotations

import platform

import pytest
import torch

from aiida_mlgun.contract.errors import RefusedError
from aiida_mlgun.remote.device import choose, set_threads, versions


@pytest.mark.parametrize(
    ("wanted", "there", "chosen"),
    [("auto", False, "cpu"), ("auto", True, "cuda"), ("cpu", True, "cpu"), ("cuda", True, "cuda")],
)
def test_the_device_that_is_wanted_and_there(
    monkeypatch: pytest.MonkeyPatch, wanted: str, there: bool, chosen: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert choose(wanted) == chosen


def test_cuda_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RefusedError, match="shows no CUDA device"):
        choose("cuda")


def test_threads_are_set_or_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", calls.append)
    set_threads(0)
    set_threads(3)
    assert calls == [3]


def test_versions_name_what_decides_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    found = versions()
    assert found["python"] == platform.python_version()
    assert found["torch"] == torch.__version__.partition("+")[0] or found["torch"] == torch.__version__
    assert {"aiida-mlgun", "mace-torch", "numpy", "ase"} <= set(found)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A GPU")
    assert versions()["gpu"] == "A GPU"
    monkeypatch.setattr("aiida_mlgun.remote.environment.PACKAGES", ("no-such-package-at-all",))
    assert "no-such-package-at-all" not in versions()

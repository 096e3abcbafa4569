"""``aiida-mlgun doctor``: faults that are there are found, with what to do; nothing is changed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from aiida import orm
from aiida.manage import get_manager
from click.testing import Result

from aiida_mlgun import __version__
from aiida_mlgun.cli import doctor_checks, scheduling
from aiida_mlgun.remote.environment import packages

Run = Callable[..., Result]

MLGUN = Path(sys.executable).parent / "mlgun"


@pytest.fixture
def place(aiida_localhost: orm.Computer) -> Callable[[str], orm.InstalledCode]:
    """``place(program)``: a code named mlgun that is this shell script."""
    made = []

    def make(program: str | Path) -> orm.InstalledCode:
        label = f"doctor-{len(made)}-{id(program)}"
        code = orm.InstalledCode(label=label, computer=aiida_localhost, filepath_executable=str(program)).store()
        made.append(code)
        return code

    return make


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], Path]:
    """``script(text)``: a program ``mlgun`` that does what the text says."""

    def make(text: str) -> Path:
        path = tmp_path / "mlgun"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    return make


def findings(code: orm.InstalledCode, connect: bool = True) -> dict[str, doctor_checks.Finding]:
    """What is said of one code: the rest of its name → finding."""
    found = doctor_checks.of_codes(connect)
    return {f.what.removeprefix(code.full_label).strip(): f for f in found if f.what.startswith(code.full_label)}


def test_the_same_version_on_both_sides(place: Callable[..., orm.InstalledCode]) -> None:
    found = findings(place(MLGUN))
    assert found[""].state == "ok"
    assert f"aiida-mlgun {__version__} there as here" in found[""].detail
    assert found["probe"].state == "note" and found["probe"].cure.startswith("aiida-mlgun probe ")


@pytest.mark.parametrize(
    ("text", "state", "words"),
    [
        ("echo 'aiida-mlgun 0.0.7 (schema 1)'", "note", "0.0.7 there"),
        ("echo 'aiida-mlgun 9.0 (schema 99)'", "fault", "reads schema 99"),
        ("echo 'No module named torch' >&2; exit 1", "fault", "No module named torch"),
        ("echo something else", "fault", "something else"),
    ],
)
def test_other_programs(
    text: str, state: str, words: str, script: Callable[[str], Path], place: Callable[..., orm.InstalledCode]
) -> None:
    found = findings(place(script(text)))[""]
    assert (found.state, words in found.detail) == (state, True), found
    assert "install" in found.cure


def test_a_program_that_is_gone(place: Callable[..., orm.InstalledCode]) -> None:
    found = findings(place("/nowhere/mlgun"))[""]
    assert found.state == "fault" and "does not run there" in found.detail


def test_without_connection_nothing_is_asked(place: Callable[..., orm.InstalledCode]) -> None:
    assert "" not in findings(place("/nowhere/mlgun"), connect=False)


def test_a_gpu_that_was_asked_for_and_not_found(place: Callable[..., orm.InstalledCode]) -> None:
    code = place(MLGUN)
    scheduling.keep(code, scheduling.scheduler_options(gpus=1), orm.Dict({"torch": "2.0"}).store())
    assert "though a GPU is asked for" in findings(code, connect=False)["probe"].detail
    scheduling.keep(code, scheduling.scheduler_options(gpus=1), orm.Dict({"torch": "2.0", "gpu": "H200"}).store())
    found = findings(code, connect=False)
    assert found["probe"].state == "ok" and "H200" in found["probe"].detail
    assert "gres=gpu:1" in found["options"].detail


def test_versions_that_have_changed_since_the_probe(place: Callable[..., orm.InstalledCode]) -> None:
    code = place(MLGUN)
    scheduling.keep(code, {}, orm.Dict(packages() | {"gpu": "H200"}).store())
    assert findings(code)["probe"].state == "ok"
    scheduling.keep(code, {}, orm.Dict(packages() | {"torch": "1.0.0"}).store())
    found = findings(code)["probe"]
    assert found.state == "fault" and f"torch 1.0.0 → {packages()['torch']}" in found.detail
    assert found.cure == f"aiida-mlgun probe {code.full_label}"


def test_a_computer_that_is_not_configured(aiida_computer: Callable[..., orm.Computer]) -> None:
    machine = aiida_computer(label="doctor-bare", transport_type="core.ssh_async", scheduler_type="core.slurm")
    code = orm.InstalledCode(label="mlgun", computer=machine, filepath_executable="/x/mlgun").store()
    (found,) = findings(code).values()
    assert found.state == "fault" and found.cure == "verdi computer configure core.ssh_async doctor-bare"


def test_the_tests_profile_has_no_broker_and_the_command_fails(run: Run) -> None:
    found = {f.what: f for f in doctor_checks.of_profile(get_manager())}
    assert found["broker"].state == "fault" and "configure-broker" in found["broker"].cure
    assert found["plugins"].state == found["workstation"].state == "ok"
    result = run("doctor", "--offline")
    assert result.exit_code == 1
    assert "FAULT broker: the profile has none\n      → verdi profile configure-broker core.zeromq" in result.output
    assert "fault" in result.output.splitlines()[-1]

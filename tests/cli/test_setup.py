"""``aiida-mlgun setup`` and ``probe``: on this computer with a real job, and what is refused."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiida import orm
from aiida.engine import run_get_node
from click.testing import Result

from aiida_mlgun.cli import probe, scheduling

Run = Callable[..., Result]
Refusal = Callable[..., str]

MLGUN = Path(sys.executable).parent / "mlgun"
NEW = ("-n", "--hostname", "localhost", "--transport", "core.local", "--scheduler", "core.direct")


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Jobs run here instead of going to the daemon."""

    def run(process: Any, **inputs: Any) -> Any:
        return run_get_node(process, **inputs).node

    monkeypatch.setattr(probe, "submit", run)
    return iter(())


@pytest.mark.usefixtures("at_once")
def test_a_new_computer_its_code_and_a_probe(run: Run, tmp_path: Path) -> None:
    words = ["--label", "here", "--work-dir", tmp_path, "--program", MLGUN, "--walltime", 600, "--account", "proj/a"]
    result = run("setup", *NEW, *words)
    assert result.exit_code == 0, result.output
    code = orm.load_code("mlgun@here")
    assert code.computer.is_configured and code.computer.transport_type == "core.local"
    assert scheduling.options_of(code) == {"account": "proj/a", "max_wallclock_seconds": 600}
    job = orm.QueryBuilder().append(orm.CalcJobNode, filters={"label": "probe mlgun@here"}).one()[0]
    assert job.is_finished_ok
    assert job.get_option("account") == "proj/a"
    assert job.outputs.machine["versions"] == job.outputs.environment.get_dict()
    kept = scheduling.environment_of(code)
    assert kept is not None and kept.pk == job.outputs.environment.pk
    assert "atoms × evaluations per second" in result.output


def test_run_again_it_changes_the_options_alone(run: Run, tmp_path: Path) -> None:
    words = ["--label", "again", "--work-dir", tmp_path, "--program", MLGUN, "--no-probe"]
    assert run("setup", *NEW, *words).exit_code == 0
    first = orm.load_code("mlgun@again")
    result = run("setup", "-n", *words, "--queue", "long")
    assert result.exit_code == 0, result.output
    assert orm.load_code("mlgun@again").pk == first.pk
    assert scheduling.options_of(first) == {"queue_name": "long", "max_wallclock_seconds": 3600}


def test_every_question_can_be_answered_at_the_terminal(run: Run, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from aiida_mlgun.cli import cli

    answers = ["asked", "localhost", "core.local", "core.direct", str(tmp_path), str(MLGUN), "!", "short", "0", "900"]
    result = CliRunner().invoke(cli, ["setup", "--no-probe"], input="\n".join(answers) + "\n")
    assert result.exit_code == 0, result.output
    assert scheduling.options_of(orm.load_code("mlgun@asked")) == {"queue_name": "short", "max_wallclock_seconds": 900}


def test_what_is_refused(run: Run, refusal: Refusal, tmp_path: Path) -> None:
    words = ("--work-dir", tmp_path, "--program", MLGUN, "--no-probe")
    assert "the computer none is new: give --hostname." in refusal("setup", "-n", "--label", "none", *words)
    result = run("setup", *NEW, "--label", "gpus", *words, "--gpus", 1)
    assert "how core.direct is asked for GPUs is not known here" in result.stderr
    result = run("setup", *NEW, "--label", "gone", "--work-dir", tmp_path, "--program", "/nowhere/mlgun", "--no-probe")
    assert (
        result.exit_code != 0 and "/nowhere/mlgun" in result.stderr and "Install aiida-mlgun[remote]" in result.stderr
    )
    result = run("setup", *NEW, "--label", "lines", *words, "--account", "a\n#SBATCH --exclusive")
    assert "must be made of letters" in result.stderr
    ssh = ("-n", "--hostname", "h", "--transport", "core.ssh", "--scheduler", "core.slurm", "--label", "old")
    assert "run verdi computer configure core.ssh old" in run("setup", *ssh, *words).stderr


def test_gpus_and_directives_for_slurm() -> None:
    found = scheduling.scheduler_options("p-1", "gpu", "normal", 2, 7200, ("#SBATCH --constraint=h200",))
    assert found == {
        "account": "p-1",
        "queue_name": "gpu",
        "qos": "normal",
        "max_wallclock_seconds": 7200,
        "custom_scheduler_commands": "#SBATCH --gres=gpu:2\n#SBATCH --constraint=h200",
    }
    assert scheduling.scheduler_options() == {}


def test_a_probe_that_fails_says_why(
    run: Run, at_once: None, aiida_code_installed: Callable[..., orm.InstalledCode], tmp_path: Path
) -> None:
    code = aiida_code_installed(filepath_executable="/bin/false")
    options = tmp_path / "options.yaml"
    options.write_text(yaml.safe_dump({"max_wallclock_seconds": 60}))
    result = run("probe", code.uuid, "--options", options)
    assert result.exit_code != 0
    assert "failed [310]" in result.stderr and "verdi process report" in result.stderr
    assert scheduling.environment_of(code) is None

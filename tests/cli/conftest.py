from __future__ import annotations

from collections.abc import Callable

import pytest
from aiida import orm
from aiida.cmdline.commands.cmd_verdi import verdi
from click.testing import CliRunner, Result

from aiida_mlgun.cli import cli

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """``run("model", "list")`` → the result of ``aiida-mlgun model list``; no traceback ever reaches the user."""
    return lambda *words: _invoke(cli, words)


@pytest.fixture
def run_verdi() -> Run:
    """``run_verdi("data", "mlgun.frames", "list")``."""
    return lambda *words: _invoke(verdi, words)


@pytest.fixture
def refusal(run: Run) -> Callable[..., str]:
    """The one sentence with which a command refuses; it must have failed and said nothing else."""

    def get(*words: object) -> str:
        result = run(*words)
        assert result.exit_code != 0, result.output
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        assert len(lines) == 1, result.output
        assert lines[0].startswith("Critical: "), lines
        assert result.stdout == ""
        return lines[0].removeprefix("Critical: ")

    return get


@pytest.fixture
def code(aiida_code_installed: Callable[..., orm.InstalledCode]) -> orm.InstalledCode:
    return aiida_code_installed(filepath_executable="bash")


def _invoke(command: object, words: tuple[object, ...]) -> Result:
    result = CliRunner().invoke(command, [str(word) for word in words])  # type: ignore[arg-type]
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result

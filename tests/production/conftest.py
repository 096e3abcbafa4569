"""The cluster, its environment, and a profile on each back end; made once per session."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .sites import PROJECT, Site, close_site, make_site

#: What a job of the cluster asks for; the launch commands take it as ``--options``, once for all jobs of a workflow.
GPU: dict[str, Any] = {
    "queue_name": "gpu",
    "account": "surfaces",
    "max_wallclock_seconds": 1800,
    "custom_scheduler_commands": "#SBATCH --gres=gpu:1",
}


def _tool(*words: str) -> str:
    command = [str(PROJECT / "tools" / words[0]), *words[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def tool() -> Callable[..., str]:
    """``tool("services.sh", "stop", "ssh")``: a script of ``tools/`` that must succeed."""
    return _tool


@pytest.fixture(scope="session")
def services() -> Iterator[dict[str, str]]:
    """The services' addresses.  What was down before is stopped at the end."""
    state = os.environ.get("MLGUN_SERVICES") or str(Path(tempfile.gettempdir()) / "mlgun-services")
    os.environ["MLGUN_SERVICES"] = state
    script = str(PROJECT / "tools" / "services.sh")
    was_up = subprocess.run([script, "status"], capture_output=True, check=False).returncode == 0
    _tool("services.sh", "start")
    lines = (Path(state) / "env").read_text(encoding="utf-8").splitlines()
    found = dict(line.split("=", 1) for line in lines)
    _tool("remote_environment.sh", found["REMOTE_ENV"])
    yield found
    if not was_up:
        _tool("services.sh", "stop")


@pytest.fixture(scope="session")
def sites(services: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Site]]:
    """Sites by back end, filled as they are asked for."""
    made: dict[str, Site] = {}
    yield made
    for site in made.values():
        close_site(site)


@pytest.fixture(params=["services", "embedded"])
def site(
    request: pytest.FixtureRequest,
    sites: dict[str, Site],
    services: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Site:
    """A profile on PostgreSQL and RabbitMQ, and one on SQLite and ZeroMQ, with the cluster as computers."""
    backend: str = request.param
    if backend not in sites:
        sites[backend] = make_site(tmp_path_factory.mktemp(backend), services, backend)
    return sites[backend]

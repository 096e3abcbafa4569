"""The cluster, its environment, and a profile on each back end; made once per session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .breaking import tool as run_tool
from .cluster import Cluster
from .services import running
from .sites import Site, close_site, make_site

#: What a job of the cluster asks for; the launch commands take it as ``--options``, once for all jobs of a workflow.
GPU: dict[str, Any] = {
    "queue_name": "gpu",
    "account": "surfaces",
    "max_wallclock_seconds": 1800,
    "custom_scheduler_commands": "#SBATCH --gres=gpu:1",
}


@pytest.fixture(scope="session")
def tool() -> Callable[..., str]:
    """``tool("services.sh", "stop", "ssh")``: a script of ``tools/`` that must succeed."""
    return run_tool


@pytest.fixture(scope="session")
def services() -> Iterator[dict[str, str]]:
    """The services' addresses.  What was down before is stopped at the end."""
    with running() as found:
        yield found


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


@pytest.fixture
def cluster(services: dict[str, str]) -> Cluster:
    """The cluster as its administrator sees it."""
    return Cluster(services)

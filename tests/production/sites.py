"""A profile on one of two back ends, with the cluster of ``tools/services.sh`` as its computers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.integration.shell import LISTEN

BIN: Final = Path(sys.executable).parent
PROJECT: Final = Path(__file__).resolve().parents[2]
#: Computer label → transport; both reach the same cluster.
TRANSPORTS: Final = {"cluster": "core.ssh_async", "cluster-ssh": "core.ssh"}
#: As docs/howto/production.md says, but for the intervals, which are short so that the tests are.
SETTINGS: Final = """
from aiida.manage import get_manager
config, profile = get_manager().get_config(), get_manager().get_profile()
for name, value in (("runner.poll.interval", 2), ("daemon.timeout", 30), ("warnings.rabbitmq_version", False)):
    config.set_option(name, value, profile.name)
config.store()
print(1)
"""
POLLING: Final = """
for computer in orm.Computer.collection.all():
    computer.set_minimum_job_poll_interval(2.0)
print(1)
"""


@dataclass(frozen=True)
class Site:
    """Commands and scripts in one profile, as its user runs them."""

    folder: Path
    services: dict[str, str]
    backend: str
    #: Of PostgreSQL, where that is the back end.
    database: str = field(default_factory=lambda: f"mlgun_{uuid.uuid4().hex}")

    @property
    def env(self) -> dict[str, str]:
        """The user's environment: this profile, the keys of the cluster, verdi where the daemon looks for it."""
        own = {"AIIDA_PATH": str(self.folder), "HOME": self.services["HOME_FOLDER"], "PYTHONWARNINGS": "ignore"}
        own |= {"OMP_NUM_THREADS": "1", "SLURM_CONF": self.services["SLURM_CONF"]}
        return os.environ | own | {"PATH": os.pathsep.join([str(BIN), os.environ.get("PATH", "")])}

    @property
    def connection(self) -> dict[str, Any]:
        """How to reach the profile's own database, where that is PostgreSQL."""
        return _postgres(self.services) | {"dbname": self.database}

    def run(self, *words: str | Path, timeout: int = 900) -> subprocess.CompletedProcess[str]:
        """A command in the profile's folder."""
        command = [str(word) for word in words]
        return subprocess.run(
            command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=timeout, check=False
        )

    def ok(self, *words: str | Path, timeout: int = 900) -> str:
        """The output of a command that must succeed."""
        done = self.run(*words, timeout=timeout)
        assert done.returncode == 0, f"{words}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def ask(self, script: str) -> Any:
        """What a Python script prints in its last line, as JSON."""
        head = "import json\nfrom aiida import load_profile, orm\nload_profile()\n"
        return json.loads(self.ok(BIN / "python", "-c", head + script).strip().splitlines()[-1])

    def write(self, name: str, content: dict[str, Any]) -> Path:
        """A YAML file (JSON is YAML) in the profile's folder."""
        path = self.folder / name
        path.write_text(json.dumps(content), encoding="utf-8")
        return path


def make_site(folder: Path, services: dict[str, str], backend: str) -> Site:
    """A profile with a daemon.  ``backend``: ``services`` (PostgreSQL, RabbitMQ) or ``embedded`` (SQLite, ZeroMQ)."""
    site = Site(folder, services, backend)
    name = f"production-{backend}"
    if backend == "services":
        _services_profile(site, name)
    else:
        site.ok("verdi", "presto", "--use-zeromq", "-n", "-p", name)
    site.ask(SETTINGS)
    site.ok("verdi", "daemon", "start", "1")
    site.ask(LISTEN)
    for label, transport in TRANSPORTS.items():
        _computer(site, label, transport)
    site.ask(POLLING)
    return site


def close_site(site: Site) -> None:
    """Stop the daemon; remove the database."""
    site.run("verdi", "daemon", "stop")
    if site.backend == "services":
        site.run("verdi", "profile", "delete", "--force", "--delete-data", f"production-{site.backend}")
        with _database(site.services) as connection:
            connection.execute(f'drop database if exists "{site.database}" with (force)')


def _database(services: dict[str, str]) -> psycopg.Connection[Any]:
    return psycopg.connect(**_postgres(services), dbname="postgres", autocommit=True)


def _postgres(services: dict[str, str]) -> dict[str, Any]:
    names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    return {name: services[f"POSTGRES_{key}"] for name, key in names.items()}


def _services_profile(site: Site, name: str) -> None:
    service, database = site.services, site.database
    with _database(service) as connection:
        connection.execute(f'create database "{database}" template template0')
    words = [
        *("verdi", "profile", "setup", "core.psql_dos", "-n", "--profile-name", name, "--set-as-default"),
        *("--email", "test@localhost", "--first-name", "Test", "--last-name", "User", "--institution", "none"),
        *("--database-hostname", service["POSTGRES_HOST"], "--database-port", service["POSTGRES_PORT"]),
        *("--database-username", service["POSTGRES_USER"], "--database-password", service["POSTGRES_PASSWORD"]),
        *("--database-name", database, "--repository-uri", f"file://{site.folder / 'repository'}"),
        *("--broker", "none"),
    ]
    site.ok(*words)
    site.ok(
        *("verdi", "profile", "configure-broker", "core.rabbitmq", "-n", "--force"),
        *("--broker-host", service["RABBITMQ_HOST"], "--broker-port", service["RABBITMQ_PORT"]),
    )


def _computer(site: Site, label: str, transport: str) -> None:
    """Computer, its transport, and the code ``mlgun@label``: the program in the cluster's own environment."""
    service = site.services
    if transport == "core.ssh":
        site.ok(
            *("verdi", "computer", "setup", "-n", "--label", label, "--hostname", "127.0.0.1"),
            *("--transport", transport, "--scheduler", "core.slurm", "--work-dir", service["SCRATCH"]),
            *("--mpiprocs-per-machine", "1"),
        )
        site.ok(
            *("verdi", "computer", "configure", transport, "-n", label, "--username", service["SSH_USER"]),
            *("--port", service["SSH_PORT"], "--key-filename", service["SSH_KEY"], "--no-look-for-keys"),
            *("--no-allow-agent", "--load-system-host-keys", "--key-policy", "RejectPolicy"),
            *("--timeout", "20", "--safe-interval", "1"),
        )
    site.ok(
        *("aiida-mlgun", "setup", "-n", "--label", label, "--hostname", service["SSH_HOST"]),
        *("--transport", transport, "--scheduler", "core.slurm", "--work-dir", service["SCRATCH"]),
        *("--safe-interval", "1", "--program", Path(service["REMOTE_ENV"]) / "bin" / "mlgun"),
        *("--prepend-text", "export OMP_NUM_THREADS=1", "--no-probe"),
        *("--account", "surfaces", "--queue", "gpu", "--gpus", "1", "--walltime", "1800"),
    )

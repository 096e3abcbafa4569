"""A profile that needs no services: SQLite, AiiDA's built-in broker, the local computer."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from aiida import orm
from aiida.manage.configuration import get_config, load_profile, reset_config

from ..contract.errors import RefusedError

PROFILE = "mlgun-quickstart"
CODE = "mlgun"
PACKAGES = ("aiida-mlgun", "torch", "mace-torch", "e3nn", "numpy", "ase")
CONFIGURATION = {
    "daemon.timeout": 30,  # seconds; the default of 2 leaves a loaded machine's daemon down after a restart
    "runner.poll.interval": 2,
    "caching.default_enabled": True,
}


def verdi(*words: str) -> None:
    """Run ``verdi`` of this environment quietly.

    :raises RefusedError: with its last words, when it fails.
    """
    here = Path(sys.executable).parent
    path = os.pathsep.join([str(here), os.environ.get("PATH", "")])  # the daemon looks for verdi there
    done = subprocess.run(
        [str(here / "verdi"), *words], capture_output=True, text=True, check=False, env=os.environ | {"PATH": path}
    )
    if done.returncode:
        raise RefusedError(f"verdi {' '.join(words)} failed: {(done.stderr or done.stdout).strip()[-400:]}")


def load_embedded_profile() -> None:
    """Load the quickstart's profile; make it if it is not there."""
    if PROFILE not in get_config().profile_names:
        verdi("presto", "--use-zeromq", "-n", "-p", PROFILE)
        reset_config()
    config = get_config(create=True)
    for name, value in CONFIGURATION.items():
        if config.get_option(name, PROFILE) != value:
            config.set_option(name, value, PROFILE)
    config.store()
    load_profile(PROFILE)


def local_code() -> orm.InstalledCode:
    """The ``mlgun`` program beside this Python, as a code on the local computer."""
    program = Path(sys.executable).with_name("mlgun")
    if not program.is_file():
        raise RefusedError(
            f"the program mlgun is not beside {sys.executable}; install with pip install 'aiida-mlgun[remote]'."
        )
    computer = orm.load_computer("localhost")
    computer.set_minimum_job_poll_interval(1.0)
    query = orm.QueryBuilder().append(orm.InstalledCode, filters={"label": CODE})
    for (code,) in query.iterall():
        if str(code.filepath_executable) == str(program):
            found: orm.InstalledCode = code
            return found
    label = CODE if not query.count() else f"{CODE}-{query.count()}"
    return orm.InstalledCode(label=label, computer=computer, filepath_executable=str(program)).store()


def environment() -> orm.Dict:
    """Versions of what decides numbers here: an input of every job, so that the cache knows them."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError as error:
            message = f"{name} is not installed here; install with pip install 'aiida-mlgun[remote]'."
            raise RefusedError(message) from error
    return orm.Dict(found)

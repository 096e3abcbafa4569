"""The checks of ``aiida-mlgun doctor``; each yields findings, none changes anything."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Final, Literal

import asyncssh
import paramiko
from aiida import orm
from aiida.common.exceptions import AiidaException
from aiida.engine.daemon.client import DaemonException
from aiida.manage.manager import Manager
from aiida.plugins.entry_point import load_entry_point

from .. import __version__
from ..contract.manifest import SCHEMA
from .listening import listeners
from .scheduling import environment_of, options_of

#: Configuration → the least value, and why.
SETTINGS: Final = {"daemon.timeout": (10, "on a loaded machine a restart leaves the daemon down")}
#: What a login answers to ``mlgun --version``.
_VERSION: Final = re.compile(r"aiida-mlgun (\S+) \(schema (\d+)\)")
#: What a connection that can't be had raises: the system, AiiDA, and the libraries below core.ssh_async and core.ssh.
_CONNECTION: Final = (OSError, AiidaException, asyncssh.Error, paramiko.SSHException)


@dataclass(frozen=True)
class Finding:
    """``state``: ``ok``, ``note`` (may stay as it is) or ``fault``; ``cure``: what to do."""

    state: Literal["ok", "note", "fault"]
    what: str
    detail: str
    cure: str = ""


def of_profile(manager: Manager) -> Iterator[Finding]:
    """The profile, its broker, its daemon, its settings, and what AiiDA knows of this package."""
    profile = manager.get_profile()
    assert profile is not None  # the command has loaded it
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("aiida-mlgun", "aiida-core"))
    yield Finding("ok", "workstation", versions)
    yield _plugins()
    sqlite = profile.storage_backend == "core.sqlite_dos"
    detail = f"{profile.name}, {profile.storage_backend}"
    yield Finding("note" if sqlite else "ok", "profile", detail, _SQLITE if sqlite else "")
    broker = _broker(manager, profile.process_control_backend)
    yield broker
    yield _daemon(manager) if broker.state != "fault" else Finding("note", "daemon", "not looked at without a broker")
    for name, (least, why) in SETTINGS.items():
        value = manager.get_config().get_option(name, profile.name)
        low = value < least
        cure = f"verdi config set {name} {3 * least}" if low else ""
        yield Finding("note" if low else "ok", name, f"{value}{f': {why}' if low else ''}", cure)


def of_codes(connect: bool) -> Iterator[Finding]:
    """Each code that runs ``mlgun``, and its computer."""
    codes = orm.QueryBuilder().append(orm.InstalledCode).all(flat=True)
    codes = [code for code in codes if code.filepath_executable.name == "mlgun" and not code.is_hidden]
    if not codes:
        yield Finding("fault", "codes", "no code runs mlgun", "aiida-mlgun setup")
    for code in codes:
        yield from _code(code, connect)


_SQLITE: Final = "enough for one user; for campaigns of a group: PostgreSQL and RabbitMQ, docs/howto/production.md"


def _plugins() -> Finding:
    missing = []
    for group, name in (("aiida.calculations", "mlgun.probe"), ("aiida.workflows", "mlgun.gun")):
        try:
            load_entry_point(group, name)
        except AiidaException as error:
            missing.append(f"{name} ({' '.join(str(error).split())})")
    if missing:
        return Finding("fault", "plugins", ", ".join(missing), "install aiida-mlgun again in AiiDA's environment")
    return Finding("ok", "plugins", "AiiDA finds this package's entry points")


def _broker(manager: Manager, name: str | None) -> Finding:
    if name is None:
        return Finding("fault", "broker", "the profile has none", "verdi profile configure-broker core.zeromq")
    if name == "core.zeromq":
        return Finding("ok", "broker", "core.zeromq, started by the daemon")
    try:
        broker = manager.get_broker()
        assert broker is not None
        broker.get_communicator()
    except _CONNECTION as error:
        detail = f"{name} does not answer: {_first_line(error)}"
        return Finding("fault", "broker", detail, "start RabbitMQ; verdi profile show says where it is expected")
    return Finding("ok", "broker", str(broker))


def _daemon(manager: Manager) -> Finding:
    start = "verdi daemon start 2"
    try:
        client = manager.get_daemon_client()
        if not client.is_daemon_running:
            return Finding("fault", "daemon", "not running: nothing that is submitted will start", start)
        workers = client.get_worker_info().get("info", {})
    except DaemonException as error:
        return Finding("fault", "daemon", _first_line(error), "verdi daemon restart")
    if not workers:
        return Finding("fault", "daemon", "running without workers", "verdi daemon incr 1")
    heard = listeners()
    if heard is not None and heard < len(workers):
        deaf = f"{len(workers) - heard} of {len(workers)} workers"
        detail = f"{deaf} do not hear the broker (if they started just now, look again)"
        return Finding("fault", "daemon", detail, "verdi daemon restart")
    return Finding("ok", "daemon", f"{len(workers)} worker{'s' if len(workers) > 1 else ''}")


def _code(code: orm.InstalledCode, connect: bool) -> Iterator[Finding]:
    machine, name = code.computer, code.full_label
    where = f"{machine.hostname}, {machine.transport_type}, {machine.scheduler_type}"
    if not machine.is_configured or not machine.is_user_enabled(orm.User.collection.get_default()):
        what = "not configured" if not machine.is_configured else "disabled"
        word = f"configure {machine.transport_type}" if not machine.is_configured else "enable"
        yield Finding("fault", name, f"the computer is {what} ({where})", f"verdi computer {word} {machine.label}")
        return
    if connect:
        yield _login(code, where)
    asked = options_of(code)
    local = machine.scheduler_type == "core.direct"
    if asked:
        yield Finding("ok", f"{name} options", ", ".join(f"{key}={value}" for key, value in asked.items()))
    elif not local:
        yield Finding("note", f"{name} options", "none kept: each launch needs --options", _setup(machine.label))
    probed = _probed(code)
    yield (connect and probed.state != "fault" and _drifted(code)) or probed


def _setup(label: str) -> str:
    return f"aiida-mlgun setup --label {label} --program …"


def _login(code: orm.InstalledCode, where: str) -> Finding:
    """Log in and ask the program for its version."""
    program, name = str(code.filepath_executable), code.full_label
    try:
        with code.computer.get_transport() as transport:
            status, out, err = transport.exec_command_wait(f"{_quoted(program)} --version", timeout=60)
    except _CONNECTION as error:
        detail = f"no connection ({where}): {_first_line(error)}"
        return Finding("fault", name, detail, f"verdi computer test {code.computer.label}")
    found = _VERSION.search(out)
    if status != 0 or found is None:
        words = (err or out).strip().splitlines()
        detail = f"{program} does not run there: {words[-1] if words else f'exit code {status}'}"
        return Finding(
            "fault", name, detail, 'install there: pip install "aiida-mlgun[remote]"; then aiida-mlgun setup'
        )
    if int(found[2]) != SCHEMA:
        detail = f"aiida-mlgun {found[1]} there reads schema {found[2]}, this one ({__version__}) writes {SCHEMA}"
        return Finding("fault", name, detail, "install the same aiida-mlgun on both sides")
    if found[1] != __version__:
        detail = f"aiida-mlgun {found[1]} there, {__version__} here; the schema is the same"
        return Finding("note", name, detail, "install the same aiida-mlgun on both sides")
    return Finding("ok", name, f"{where}; aiida-mlgun {found[1]} there as here")


def _probed(code: orm.InstalledCode) -> Finding:
    """What the last probe found."""
    name, environment = f"{code.full_label} probe", environment_of(code)
    if environment is None:
        return Finding("note", name, "never probed", f"aiida-mlgun probe {code.full_label}")
    versions: dict[str, Any] = environment.get_dict()
    gpu = versions.get("gpu", "no GPU")
    asked = "gres=gpu" in str(options_of(code).get("custom_scheduler_commands"))
    detail = f"{environment.ctime:%Y-%m-%d}: {gpu}, torch {versions.get('torch')}, mace {versions.get('mace-torch')}"
    if asked and "gpu" not in versions:
        cure = f"look for CUDA's torch there, then aiida-mlgun probe {code.full_label}"
        return Finding("note", name, f"{detail}, though a GPU is asked for", cure)
    return Finding("ok", name, detail)


def _drifted(code: orm.InstalledCode) -> Finding | None:
    """A package that is no longer what the last probe found: jobs would end with ``ERROR_ENVIRONMENT_CHANGED``."""
    environment = environment_of(code)
    if environment is None:
        return None
    try:
        with code.computer.get_transport() as transport:
            command = f"{_quoted(str(code.filepath_executable))} --environment"
            status, out, _ = transport.exec_command_wait(command, timeout=60)
        now = json.loads(out) if status == 0 else None
    except (*_CONNECTION, ValueError):
        return None  # said already by the check of the login
    if not isinstance(now, dict):
        return None
    then = environment.get_dict()
    changed = [f"{name} {then[name]} → {now[name]}" for name in sorted(now) if then.get(name, now[name]) != now[name]]
    if not changed:
        return None
    detail = f"not what was probed on {environment.ctime:%Y-%m-%d}: {', '.join(changed)}; jobs will end with [320]"
    return Finding("fault", f"{code.full_label} probe", detail, f"aiida-mlgun probe {code.full_label}")


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "'\\''") + "'"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__

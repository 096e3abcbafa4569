"""``aiida-mlgun setup``: computer, code and scheduler options in one go, then a probe."""

from __future__ import annotations

from typing import Any

import click
from aiida import orm
from aiida.cmdline.params import options
from aiida.cmdline.params.options.commands import computer as computer_options
from aiida.cmdline.params.options.interactive import InteractiveOption
from aiida.cmdline.utils import decorators, echo
from aiida.common.exceptions import NotExistent, ValidationError
from aiida.manage import get_manager

from ..contract.errors import RefusedError
from .probe import run_probe, show
from .root import cli, refusals
from .scheduling import keep, scheduler_options

#: Transports that need no more than a host to be configured; for others there is ``verdi computer configure``.
_CONFIGURED = ("core.local", "core.ssh_async")


def _is_new(ctx: click.Context) -> bool:
    return not _exists(ctx.params.get("label"))


def _exists(label: str | None) -> bool:
    return bool(label) and orm.QueryBuilder().append(orm.Computer, filters={"label": label}).count() > 0


def _asked(name: str, prompt: str, help_: str, **more: Any) -> Any:
    """An option that is asked for at the terminal."""
    return click.option(name, cls=InteractiveOption, prompt=prompt, help=help_, **more)


@cli.command("setup")
@options.NON_INTERACTIVE()
@_asked("--label", "Computer label", "Computer: one that is there, or a new one.", required=True)
@computer_options.HOSTNAME.clone(required=False, prompt_fn=_is_new)()
@computer_options.TRANSPORT.clone(required=False, prompt_fn=_is_new, default="core.ssh_async")()
@computer_options.SCHEDULER.clone(required=False, prompt_fn=_is_new, default="core.slurm")()
@computer_options.WORKDIR.clone(prompt_fn=_is_new)()
@_asked("--program", "Path of mlgun there", "The program mlgun on the computer, absolute.", required=True)
@click.option("--code", "code_label", default="mlgun", show_default=True, help="Label of the code.")
@click.option("--prepend-text", default="", help="Lines before the program in each job: module load …")
@_asked("--account", "Account (! for none)", "Account that the scheduler charges.", default=None, required=False)
@_asked("--queue", "Queue or partition (! for none)", "Queue or partition.", default=None, required=False)
@click.option("--qos", help="Quality of service.")
@_asked("--gpus", "GPUs per job", "GPUs per job.", type=click.IntRange(min=0), default=0, show_default=True)
@_asked("--walltime", "Wall time per job (s)", "Wall time per job, s.", type=click.IntRange(min=60), default=3600)
@click.option("--directive", "directives", multiple=True, help="A further line for the scheduler; repeatable.")
@click.option(
    "--safe-interval", type=click.FloatRange(min=0), default=5.0, show_default=True, help="Between logins, s."
)
@click.option("--probe/--no-probe", default=True, show_default=True, help="Run a small job at the end.")
@decorators.with_dbenv()
@refusals
def setup(**given: Any) -> None:
    """Set up a compute machine: computer, code, what jobs ask the scheduler for; then try it.

    The package must be installed there: pip install "aiida-mlgun[remote]".  Over core.ssh_async, `ssh HOSTNAME` must
    work without a question.  What is there already is left as it is.  Options are kept with the code: the launch
    commands use them unless --options says otherwise.  Run it again to change them.
    """
    machine = _computer(given)
    code = _code(machine, given)
    words = {name: given[name] for name in ("account", "queue", "qos", "gpus", "walltime", "directives")}
    asked = scheduler_options(**words, scheduler=machine.scheduler_type)
    keep(code, asked)
    told = " ".join(f"{name}={value!r}" for name, value in asked.items())
    echo.echo_success(f"options of {code.full_label}: {told or 'none'}")
    if given["probe"]:
        show(run_probe(code, asked))


def _computer(given: dict[str, Any]) -> orm.Computer:
    """The computer of this label, made if it is not there, and configured if it needs no more than a host."""
    label = given["label"]
    if _exists(label):
        machine = orm.load_computer(label)
    else:
        missing = [name for name in ("hostname", "transport", "scheduler") if not given[name]]
        if missing:
            raise RefusedError(f"the computer {label} is new: give --{', --'.join(missing)}.")
        machine = orm.Computer(
            label=label,
            hostname=given["hostname"],
            transport_type=given["transport"].name,
            scheduler_type=given["scheduler"].name,
            workdir=given["work_dir"],
        )
        machine.set_default_mpiprocs_per_machine(1)
        machine.set_shebang("#!/bin/bash")
        machine.store()
        echo.echo_success(f"computer {label}: {machine.transport_type}, {machine.scheduler_type}, {given['work_dir']}")
    if not machine.is_configured:
        if machine.transport_type not in _CONFIGURED:
            raise RefusedError(
                f"{machine.transport_type} wants to know more: run verdi computer configure "
                f"{machine.transport_type} {label}, then this command again."
            )
        remote = machine.transport_type == "core.ssh_async"
        machine.configure(
            **(
                {"host": machine.hostname, "safe_interval": given["safe_interval"]}
                if remote
                else {"safe_interval": 0.0}
            )
        )
    return machine


def _needs_daemon(machine: orm.Computer) -> None:
    """The built-in broker lives in the daemon, and core.ssh_async opens no connection without a broker."""
    manager = get_manager()
    profile = manager.get_profile()
    built_in = profile is not None and profile.process_control_backend == "core.zeromq"
    if built_in and machine.transport_type == "core.ssh_async" and not manager.get_daemon_client().is_daemon_running:
        raise RefusedError("the daemon is not running, and a connection needs it: verdi daemon start; then this again.")


def _code(machine: orm.Computer, given: dict[str, Any]) -> orm.InstalledCode:
    """The code of this label on the computer; the program must be there and be executable."""
    name = f"{given['code_label']}@{machine.label}"
    try:
        code: orm.InstalledCode = orm.load_code(name)
        if str(code.filepath_executable) != given["program"]:
            raise RefusedError(f"{name} is {code.filepath_executable}: choose another --code, one per environment.")
    except NotExistent:
        code = orm.InstalledCode(
            label=given["code_label"],
            computer=machine,
            filepath_executable=given["program"],
            prepend_text=given["prepend_text"],
        )
    _needs_daemon(machine)
    try:
        code.validate_filepath_executable()
    except ValidationError as error:
        message = " ".join(str(error).split())
        if "connect" in message:
            raise RefusedError(f"{name}: {message} See: verdi computer test {machine.label}") from error
        raise RefusedError(
            f"{name}: {message} Install aiida-mlgun[remote] there, or give another --program."
        ) from error
    if not code.is_stored:
        code.store()
        echo.echo_success(f"code {name}: {given['program']}")
    return code

"""``aiida-mlgun probe``: one small job that says what the compute machine is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from aiida import orm
from aiida.cmdline.params import arguments, types
from aiida.cmdline.utils import decorators, echo
from aiida.engine import submit
from aiida.plugins import CalculationFactory
from tabulate import tabulate

from ..calculations.options import check_options
from ..contract.errors import RefusedError
from .launch import OPTIONS, yaml_of
from .root import cli, refusals
from .scheduling import keep, options_of
from .wait import wait_for


@cli.command("probe")
@arguments.CODE(type=types.CodeParamType())
@OPTIONS
@decorators.with_dbenv()
@refusals
def probe(code: orm.AbstractCode, scheduler: Path | None) -> None:
    """Run a small job on CODE's computer: versions, GPU, driver, speed.

    It asks the scheduler for what is kept with the code (aiida-mlgun setup), or for what --options says.
    """
    show(run_probe(code, yaml_of(scheduler) if scheduler else options_of(code)))


def run_probe(code: orm.AbstractCode, options: dict[str, Any]) -> orm.CalcJobNode:
    """Submit the probe, wait for its end, keep the environment that it found with the code.

    :raises RefusedError: options that can't be, or a probe that failed.
    """
    check_options(options)
    metadata = {"label": f"probe {code.full_label}", "options": options}
    job: orm.CalcJobNode = submit(CalculationFactory("mlgun.probe"), code=code, metadata=metadata)
    echo.echo_report(f"probe <{job.pk}> submitted to {code.full_label}")
    wait_for(job)
    if not job.is_finished_ok:
        raise RefusedError(
            f"the probe <{job.pk}> failed [{job.exit_status}]: {job.exit_message or 'no message'} "
            f"See: verdi process report {job.pk}"
        )
    keep(code, options_of(code), job.outputs.environment)
    return job


def show(job: orm.CalcJobNode) -> None:
    """The machine as a table."""
    machine = job.outputs.machine.get_dict()
    speed, versions = machine["speed"], machine["versions"]
    gpus = [f"{gpu['name']} ({gpu['memory_gib']} GiB)" for gpu in machine["gpus"]]
    rows = [
        ("node", f"Dict<{job.outputs.machine.pk}>"),
        ("host", f"{machine['hostname']} ({machine['processor']}, {machine['cores']} cores)"),
        ("GPU", ", ".join(gpus) or "none: the job runs on the CPU"),
        ("driver", machine["driver"] or "none"),
        ("scheduler", ", ".join(f"{name}={value}" for name, value in machine["scheduler"].items()) or "none"),
        ("versions", ", ".join(f"{name} {value}" for name, value in versions.items())),
        (
            "speed",
            f"{speed['atom_evaluations_per_second']:.3g} atoms × evaluations per second ({speed['model']}, "
            f"{speed['atoms']} atoms, {speed['precision']}, {machine['device']})",
        ),
    ]
    click.echo(tabulate(rows, tablefmt="plain", disable_numparse=True))

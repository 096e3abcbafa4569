"""What all WorkChains share: the code and its options, and how a failed job is passed on."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ExitCode, WorkChain
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from paramiko import SSHException

from ..calculations.options import validate_options
from ..contract.status import BY_NAME, TABLE


def define_common(spec: WorkChainSpec) -> None:
    """Inputs ``code``, ``options``, ``environment``; the exit codes of the status table."""
    spec.input("code", valid_type=orm.AbstractCode, help="The `mlgun` program on the compute machine.")
    spec.input(
        "options",
        valid_type=orm.Dict,
        serializer=orm.to_aiida_type,
        required=False,
        validator=validate_options,
        help="Scheduler options of every job: `resources`, `queue_name`, `max_wallclock_seconds`, …",
    )
    spec.input("environment", valid_type=orm.Dict, required=False, help="Versions there; goes into every job's hash.")
    for row in TABLE:
        spec.exit_code(row.code, row.label, row.message)


def job_inputs(chain: WorkChain, label: str) -> dict[str, Any]:
    """Code, environment and metadata of a job, with a label that explains it in ``verdi process list``."""
    options = chain.inputs.options.get_dict() if "options" in chain.inputs else {}
    inputs = {"code": chain.inputs.code, "metadata": {"options": options, "call_link_label": label, "label": label}}
    if "environment" in chain.inputs:
        inputs["environment"] = chain.inputs.environment
    return inputs


def empty_remote_folder(chain: WorkChain, job: orm.CalcJobNode) -> None:
    """Empty a job's folder on the compute machine, as AiiDA's restarting chains do; say so if that can't be done."""
    try:
        job.outputs.remote_folder._clean()
    except (OSError, SSHException) as error:
        chain.report(f"the remote folder of <{job.pk}> stays as it is: {error}")


def not_ok(chain: WorkChain, job: orm.ProcessNode, what: str) -> ExitCode:
    """Report a failed job and give the chain the job's own exit code, or a general one."""
    chain.report(f"{what} <{job.pk}> failed with [{job.exit_status}]: {job.exit_message}")
    for row in TABLE:
        if row.code == job.exit_status:
            return ExitCode(row.code, f"{what} <{job.pk}>: {job.exit_message}")
    general = BY_NAME["job_failed"]
    detail = f"{what} <{job.pk}> ended with [{job.exit_status}] {job.exit_message}."
    return ExitCode(general.code, general.message.format(detail=detail))

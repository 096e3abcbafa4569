"""Jobs of a restarting chain that ended without having run."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import BaseRestartWorkChain, ProcessState

from aiida_mlgun.contract.status import BY_NAME

SCHEDULER = {
    "ERROR_SCHEDULER_OUT_OF_MEMORY": 110,
    "ERROR_SCHEDULER_OUT_OF_WALLTIME": 120,
    "ERROR_SCHEDULER_NODE_FAILURE": 140,
}


def code_of(name: str) -> int:
    """The exit code of a status, or of one of AiiDA's own."""
    return SCHEDULER.get(name) or BY_NAME[name].code


def end_job(
    chain: BaseRestartWorkChain,
    computer: orm.Computer,
    code: int,
    message: str = "",
    checkpoint: dict[str, Any] | None = None,
    **outputs: orm.Data,
) -> orm.CalcJobNode:
    """The chain's last job ended with this code, a checkpoint with these attributes, and these outputs."""
    verb = chain.process_class.VERB
    job = orm.CalcJobNode(computer=computer, process_type=f"aiida.calculations:mlgun.{verb}")
    job.base.links.add_incoming(chain.ctx.inputs.parameters.store(), LinkType.INPUT_CALC, "parameters")
    job.store()
    if checkpoint is not None:
        folder = orm.FolderData()
        folder.base.attributes.set_many(checkpoint)
        outputs["checkpoint"] = folder
    for name, node in outputs.items():
        node.base.links.add_incoming(job, LinkType.CREATE, name)
        node.store()
    job.set_process_state(ProcessState.FINISHED)
    job.set_exit_status(code)
    job.set_exit_message(message)
    chain.ctx.children.append(job)
    chain.ctx.iteration += 1
    return job


def status(chain: BaseRestartWorkChain) -> int | None:
    """The exit code with which the chain ends after its last job; None or 0: it goes on."""
    found = chain.inspect_process()
    return None if found is None else found.status

"""What jobs ask the scheduler for: checked, and kept with the code, so that it is said in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiida import orm

from ..calculations.options import check_options
from ..contract.errors import RefusedError

#: The extra of a code that holds its options and the PK of its environment.
EXTRA: Final = "mlgun"


def scheduler_options(
    account: str | None = None,
    queue: str | None = None,
    qos: str | None = None,
    gpus: int | None = None,
    walltime: int | None = None,
    directives: tuple[str, ...] = (),
    scheduler: str = "core.slurm",
) -> dict[str, Any]:
    """Options as AiiDA takes them; what is not said is left out.

    :param gpus: per job; written for Slurm (``--gres=gpu:N``), for other schedulers by a directive.
    :param walltime: s.
    :raises RefusedError: a word that would not survive the submit script, or GPUs of an unknown scheduler.
    """
    lines = list(directives)
    if gpus and scheduler == "core.slurm":
        lines.insert(0, f"#SBATCH --gres=gpu:{gpus}")
    elif gpus:
        raise RefusedError(f"how {scheduler} is asked for GPUs is not known here: give the line with --directive.")
    found: dict[str, Any] = {"account": account, "queue_name": queue, "qos": qos, "max_wallclock_seconds": walltime}
    found["custom_scheduler_commands"] = "\n".join(lines) or None
    found = {name: value for name, value in found.items() if value is not None}
    check_options(found)
    return found


def keep(code: orm.AbstractCode, options: Mapping[str, Any], environment: orm.Dict | None = None) -> None:
    """Keep options, and the environment found by a probe, with the code."""
    check_options(options)
    kept: dict[str, Any] = {"options": dict(options)}
    if environment is not None:
        kept["environment"] = environment.pk
    code.base.extras.set(EXTRA, kept)


def options_of(code: orm.AbstractCode) -> dict[str, Any]:
    """The options kept with the code; none if there are none."""
    kept: dict[str, Any] = code.base.extras.get(EXTRA, {})
    return dict(kept.get("options", {}))


def job_inputs(code: orm.AbstractCode, label: str) -> dict[str, Any]:
    """Code, options, environment and label of a job that no workflow starts."""
    inputs = {"code": code, "metadata": {"label": label, "options": options_of(code)}}
    environment = environment_of(code)
    return inputs if environment is None else inputs | {"environment": environment}


def environment_of(code: orm.AbstractCode) -> orm.Dict | None:
    """The environment that the code's last probe found."""
    pk = code.base.extras.get(EXTRA, {}).get("environment")
    found = orm.QueryBuilder().append(orm.Dict, filters={"id": pk}).first() if pk else None
    return found[0] if found else None

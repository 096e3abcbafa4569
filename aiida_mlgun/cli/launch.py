"""``aiida-mlgun launch``: submit to the daemon, print the PK."""

from __future__ import annotations

import posixpath
from pathlib import Path, PurePosixPath
from typing import Any, cast

import click
import yaml
from aiida import orm
from aiida.cmdline.params import options, types
from aiida.cmdline.utils import decorators, echo
from aiida.engine import ProcessBuilder, submit
from aiida.plugins import WorkflowFactory

from ..calculations.options import check_options
from ..contract.errors import RefusedError
from ..contract.status import WARNING
from ..science.outcomes.chemistry import SHIPPED
from ..workflows.extension import extending
from .root import F, cli, refusals
from .scheduling import environment_of, options_of
from .stages import METHODS, ratio_of, stage_of, with_methods
from .structures import molecule_node, slab_node
from .wait import wait_for

FRAMES = types.DataParamType(sub_classes=("aiida.data:mlgun.frames",))
MODEL = types.DataParamType(sub_classes=("aiida.data:mlgun.model",))
OVERRIDES = click.option(
    "--overrides", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="YAML with inputs to change."
)
PROTOCOL = click.option("--protocol", help="fast, balanced, stringent or paper; balanced by default.")
CODE = options.CODE(required=True, type=types.CodeParamType(), help="The mlgun code on the compute machine.")
OPTIONS = click.option(
    "--options",
    "scheduler",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML with scheduler options of the jobs: resources, queue_name, …; those of aiida-mlgun setup by default.",
)
WAIT = click.option("--wait", is_flag=True, help="Show progress until it has ended.")


def common(function: F) -> F:
    """The options of every launch, a loaded profile, and refusals as one sentence."""
    wrapped: Any = decorators.with_dbenv()(refusals(function))
    for option in (WAIT, OPTIONS, OVERRIDES, PROTOCOL, CODE):
        wrapped = option(wrapped)
    return cast(F, wrapped)


@cli.group("launch")
def launch() -> None:
    """Submit a workflow."""


@launch.command("curate")
@click.argument("frames", nargs=-1, type=FRAMES)
@click.option("--raw", multiple=True, metavar="PATH", help="A raw file on the code's computer, absolute; repeatable.")
@click.option("--model", type=MODEL, help="Describes the training frames: map, coverage, selection.")
@common
def curate(
    frames: Any,
    raw: tuple[str, ...],
    model: Any,
    code: Any,
    protocol: Any,
    overrides: Any,
    scheduler: Any,
    wait: bool,
) -> None:
    """Clean and split raw sets FRAMES (PKs), or files too large to move (--raw)."""
    inputs: dict[str, Any] = {"frames": {f"set_{i:03d}": node for i, node in enumerate(frames)}, "model": model}
    if raw:
        inputs |= remote_files(code, raw)
    chain = WorkflowFactory("mlgun.curate")
    builder = chain.get_builder_from_protocol(code, protocol=protocol, overrides=yaml_of(overrides), **inputs)
    submit_chain(builder, scheduler, wait)


def remote_files(code: Any, paths: tuple[str, ...]) -> dict[str, Any]:
    """Files on the code's computer as the inputs ``raw`` (their folder) and ``raw_files``."""
    for path in paths:
        if not path.startswith("/"):
            raise RefusedError(f"--raw {path}: give the absolute path on {code.computer.label}.")
    places = [PurePosixPath(path) for path in paths]
    folder = PurePosixPath(posixpath.commonpath([str(place.parent) for place in places]))
    names = [str(place.relative_to(folder)) for place in places]
    return {"raw": orm.RemoteData(remote_path=str(folder), computer=code.computer), "raw_files": names}


@launch.command("finetune")
@click.option("--model", type=MODEL, help="The foundation model; none trains the first stage from scratch.")
@click.option(
    "--stage",
    "stages",
    multiple=True,
    required=True,
    metavar="TRAIN,VALIDATION[,TEST] or CURATION",
    help="PKs of a stage's sets, or of the curation that made them; once per stage, in order.",
)
@click.option(
    "--method",
    "methods",
    multiple=True,
    type=click.Choice(METHODS),
    help="How a stage learns: once for all stages, or once per stage, in order. frozen-X freezes up to X.",
)
@click.option(
    "--replay",
    "replays",
    multiple=True,
    type=FRAMES,
    help="Frames to replay: once for all stages with the method replay, or once per such stage, in order.",
)
@click.option(
    "--forgetting",
    "limits",
    multiple=True,
    metavar="ERROR=RATIO",
    help="Fail when a later model's error on an earlier test set exceeds this ratio, as in rmse_forces=1.5.",
)
@click.option("--probe", is_flag=True, help="Run one batch first; report the memory and time that the stages take.")
@common
def finetune(
    model: Any,
    stages: tuple[str, ...],
    methods: tuple[str, ...],
    replays: tuple[Any, ...],
    limits: tuple[str, ...],
    probe: bool,
    code: Any,
    protocol: Any,
    overrides: Any,
    scheduler: Any,
    wait: bool,
) -> None:
    """Fine-tune stage by stage."""
    chain = WorkflowFactory("mlgun.finetune")
    entries = with_methods([stage_of(text) for text in stages], methods, replays)
    builder = chain.get_builder_from_protocol(code, entries, model, protocol, yaml_of(overrides))
    if limits:
        builder.limits = {"forgetting": dict(ratio_of(text) for text in limits)}
    if probe:
        builder.probe = True
    submit_chain(builder, scheduler, wait)


@launch.command("gun")
@click.option("--model", type=MODEL, help="The model that moves the atoms.")
@click.option("--slab", help="The clean slab: a file that ASE reads, or a PK.")
@click.option("--molecule", help="The molecule: a file, a PK, or a name such as C2H2.")
@click.option(
    "--chemistry",
    metavar="FILE|NAME",
    help=f"Groups, bonds and outcomes: a chemistry file, or a shipped one: {', '.join(SHIPPED)}.",
)
@click.option("--n-shots", type=click.IntRange(min=1), help="Number of shots, at most; the protocol's by default.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the campaign.")
@click.option("--precision", type=float, metavar="SHARE", help="Stop when all shares are known so well: 0.02 is ±2 %.")
@click.option("--watch", multiple=True, metavar="OUTCOME", help="Only these shares must be known; repeatable.")
@click.option("--max-hours", type=float, help="Submit no batch after so many hours.")
@click.option("--jobs-at-once", type=click.IntRange(min=1), help="Batches side by side, at most.")
@click.option("--clean", is_flag=True, help="Empty the remote folders of batches that have ended.")
@click.option(
    "--extend",
    type=types.ProcessParamType(),
    help="A campaign that has ended, in whatever way: keep its shots, fly those it lost, then further ones up to "
    "--n-shots in all. Model, slab, molecule and parameters are its own.",
)
@common
def gun(
    model: Any,
    slab: str | None,
    molecule: str | None,
    chemistry: str | None,
    extend: Any,
    clean: bool,
    code: Any,
    protocol: Any,
    overrides: Any,
    scheduler: Any,
    wait: bool,
    **asked: Any,
) -> None:
    """Shoot a molecule at a slab."""
    changes = yaml_of(overrides) | gun_fields(**asked)
    if chemistry is not None:
        changes["chemistry"] = {**(changes.get("chemistry") or {}), "file": chemistry}
    if extend is not None:
        given = {"--model": model, "--slab": slab, "--molecule": molecule, "--protocol": protocol}
        given["--chemistry"] = chemistry
        taken = [name for name, value in given.items() if value is not None]
        if taken:
            raise RefusedError(f"{taken[0]}: --extend takes it from <{extend.pk}>; leave it out.")
        builder = extending(extend, changes, code)
    else:
        missing = [name for name, value in (("model", model), ("slab", slab), ("molecule", molecule)) if value is None]
        if missing:
            raise RefusedError(f"--{missing[0]} is missing; give it, or a campaign to --extend.")
        chain, atoms = WorkflowFactory("mlgun.gun"), (slab_node(str(slab)), molecule_node(str(molecule)))
        builder = chain.get_builder_from_protocol(code, model, *atoms, protocol, changes)
    if clean:
        builder.clean_workdir = orm.Bool(True)
    submit_chain(builder, scheduler, wait)


def gun_fields(precision: float | None, watch: tuple[str, ...], **fields: Any) -> dict[str, Any]:
    """Fields of GunParameters that options of the command line set."""
    if watch and precision is None:
        raise RefusedError("--watch goes with --precision.")
    asked = {name: value for name, value in fields.items() if value is not None}
    if precision is not None:
        asked["precision"] = {"half_width": precision, "watched": list(watch) or None}
    return asked


def submit_chain(builder: ProcessBuilder, scheduler: Path | None, wait: bool) -> None:
    """Submit with the scheduler options in a YAML file, or those kept with the code; say what to look at, or wait."""
    asked = options_of(builder.code) if scheduler is None else yaml_of(scheduler)
    check_options(asked)
    if asked:
        builder.options = orm.Dict(asked)
    environment = environment_of(builder.code)
    if environment is not None:
        builder.environment = environment
    node = submit(builder)
    echo.echo_success(f"submitted {node.process_label}<{node.pk}>")
    if not wait:
        echo.echo(f"follow it with:   verdi process report {node.pk}")
        echo.echo(f"when it is done:  aiida-mlgun report {node.pk}")
        return
    wait_for(node)
    if node.exit_status is not None and node.exit_status // 100 == WARNING:
        echo.echo_warning(f"{node.process_label}<{node.pk}> finished [{node.exit_status}]: {node.exit_message}")
    elif not node.is_finished_ok:
        echo.echo_critical(f"{node.process_label}<{node.pk}> failed [{node.exit_status}]: {node.exit_message}")
    echo.echo_success(f"{node.process_label}<{node.pk}> finished; see it with: aiida-mlgun report {node.pk}")


def yaml_of(path: Path | None) -> dict[str, Any]:
    """The mapping in a YAML file; empty without one.

    :raises RefusedError: not YAML, or no mapping.
    """
    if path is None:
        return {}
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise RefusedError(f"{path}: not YAML ({' '.join(str(error).split())}).") from error
    if not isinstance(data, dict):
        raise RefusedError(f"{path}: a mapping is needed.")
    return data

"""``aiida-mlgun quickstart``: the whole path on real data, in a profile of its own, through a real daemon."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
import yaml
from aiida import orm
from aiida.cmdline.utils import echo
from aiida.engine import ProcessBuilder, submit
from aiida.plugins import WorkflowFactory
from aiida.tools.archive import create_archive
from aiida.tools.archive.create import EXPORT_LOGGER

from .. import assets
from ..contract.errors import RefusedError
from ..data.frames import FramesData
from ..data.model import ModelData
from ..report import page
from .collect import collect
from .embedded import PROFILE, environment, load_embedded_profile, local_code, verdi
from .listening import make_listen
from .report_outcomes import print_outcomes
from .root import cli, refusals
from .structures import molecule_node, slab_node
from .wait import wait_for


@cli.command("quickstart")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("quickstart_output"), show_default=True)
@click.option("--n-shots", type=click.IntRange(min=1), help="Number of shots.")
@click.option(
    "--recipe",
    "recipe_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=assets.FOLDER / "quickstart.yaml",
    help="Another recipe than the shipped one.",
)
@click.option("--keep-daemon", is_flag=True, help="Leave the daemon running.")
@refusals
def quickstart(output: Path, n_shots: int | None, recipe_file: Path, keep_daemon: bool) -> None:
    """Curate, fine-tune, shoot and report with what ships, in a few minutes.

    Makes a profile of its own in .aiida of this folder; your own profiles are never touched.
    """
    start = time.monotonic()
    recipe: dict[str, Any] = yaml.safe_load(recipe_file.read_text(encoding="utf-8"))
    if n_shots:
        recipe["gun"]["n_shots"] = n_shots
    echo.echo_report("profile and daemon")
    load_embedded_profile()
    code, versions = local_code(), environment().store()
    verdi("-p", PROFILE, "daemon", *(("restart",) if _daemon_runs() else ("start", "2")))
    try:
        make_listen(1, lambda: verdi("-p", PROFILE, "daemon", "restart"))
        gun = _run(recipe, code, versions)
    finally:
        if not keep_daemon:
            verdi("-p", PROFILE, "daemon", "stop")
    found = collect(gun)
    html = page.write(found, output)
    archive = output / "quickstart.aiida"
    EXPORT_LOGGER.setLevel("WARNING")
    create_archive([gun], filename=archive, overwrite=True)
    echo.echo("")
    print_outcomes(found)
    echo.echo(f"\nreport    {html}")
    echo.echo(f"archive   {archive} ({archive.stat().st_size / 1e6:.1f} MB)")
    echo.echo("look on   " + f"export AIIDA_PATH={Path.cwd()}")
    for command in (f"verdi process report {gun.pk}", f"verdi process status {gun.pk}", *_shots_commands(gun)):
        echo.echo(f"          {command}")
    echo.echo_success(f"the whole job took {time.monotonic() - start:.0f} s")


def _run(recipe: dict[str, Any], code: orm.AbstractCode, versions: orm.Dict) -> orm.ProcessNode:
    echo.echo_report("1/4 import and curate real frames")
    stages = []
    running = []
    for stage in recipe["stages"]:
        paths = map(assets.dataset, stage["data"])
        raw = FramesData.from_files(*paths, level=stage["level"], licence=assets.LICENCE)
        raw.label = stage["name"]
        frames = {"raw": once(raw)}
        chain = WorkflowFactory("mlgun.curate")
        running.append(_submit(chain.get_builder_from_protocol(code, frames, "fast", stage["curate"]), versions))
    for stage, curation in zip(recipe["stages"], running, strict=True):
        _finish(curation)
        sides = {side: curation.outputs[side] for side in ("train", "validation", "test")}
        stages.append({**sides, "name": stage["name"], "overrides": stage["finetune"]})
    echo.echo_report("2/4 fine-tune the shipped model, stage by stage")
    model = ModelData.from_folder(assets.shipped_models()[recipe["model"]])
    model.label = model.name
    chain = WorkflowFactory("mlgun.finetune")
    builder = chain.get_builder_from_protocol(code, stages, once(model), "fast")
    builder.evaluate = orm.Dict(recipe["evaluate"])
    finetune = _submit(builder, versions)
    _finish(finetune)
    echo.echo_report("3/4 shoot")
    chain = WorkflowFactory("mlgun.gun")
    slab, molecule = slab_node(str(assets.slab())), molecule_node(recipe["molecule"])
    slab.label = "Si(001) 2×2"
    builder = chain.get_builder_from_protocol(code, finetune.outputs.model, slab, molecule, "fast", recipe["gun"])
    gun = _submit(builder, versions)
    _finish(gun)
    echo.echo_report("4/4 report")
    return gun


def once(node: Any) -> Any:
    """The stored node of equal content if the profile has one, else ``node``, stored."""
    same = orm.QueryBuilder().append(type(node), filters={"attributes.content_hash": node.content_hash}).first()
    return same[0] if same else node.store()


def _submit(builder: ProcessBuilder, versions: orm.Dict) -> orm.ProcessNode:
    builder.environment = versions
    return submit(builder)


def _finish(process: orm.ProcessNode) -> None:
    wait_for(process, poll=1.0)
    if not process.is_finished_ok:
        raise RefusedError(
            f"{process.process_label}<{process.pk}> failed with [{process.exit_status}]: {process.exit_message} See: "
            f"AIIDA_PATH={Path.cwd()} verdi process report {process.pk}"
        )


def _daemon_runs() -> bool:
    from aiida.engine.daemon.client import get_daemon_client

    return bool(get_daemon_client(PROFILE).is_daemon_running)


def _shots_commands(gun: orm.ProcessNode) -> list[str]:
    first = gun.outputs.shots[sorted(gun.outputs.shots)[0]]
    return [f"verdi data mlgun.shots show {first.pk}", "verdi data mlgun.model list"]

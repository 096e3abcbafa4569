"""``aiida-mlgun model``: models into the provenance graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from aiida import orm
from aiida.cmdline.params import arguments, options, types
from aiida.cmdline.utils import decorators, echo
from aiida.engine import submit
from aiida.plugins import CalculationFactory
from tabulate import tabulate

from ..assets import COMPACT_MODEL, shipped_models
from ..contract.errors import RefusedError
from ..contract.manifest import sha256_file
from ..data.model import ModelData
from .card import SHOW_FORMAT, shown
from .root import cli, refusals
from .scheduling import job_inputs
from .wait import wait_for


@cli.group("model")
def model() -> None:
    """MACE models."""


@model.command("import")
@click.argument("source")
@options.CODE(required=False, type=types.CodeParamType(), help="The mlgun code that converts a pickled model.")
@click.option("--trust", is_flag=True, help="I trust this pickled .model file: opening it runs what is in it.")
@click.option("--sha256", help="The sha256 the file must have (needed for a file or name on the compute machine).")
@click.option("--remote-path", is_flag=True, help="SOURCE is an absolute path on the code's computer.")
@click.option("--name", help="Name for people; the file's by default.")
@click.option("--licence", default="unknown", help="Licence of the model.")
@click.option("--level", default="unknown", help="Level of theory it was trained on.")
@decorators.with_dbenv()
@refusals
def import_(
    source: str,
    code: orm.AbstractCode | None,
    trust: bool,
    sha256: str | None,
    remote_path: bool,
    name: str | None,
    licence: str,
    level: str,
) -> None:
    """Import a model and print its PK.

    SOURCE is a shipped model's name, a folder with weights.safetensors and config.json, a pickled MACE .model file
    (with --trust and --code: it is opened on the code's computer, never here), or the name of an official MACE model
    that the code's computer has in its cache (with --sha256 and --code).
    """
    path = Path(source)
    if source in shipped_models():
        node = ModelData.from_folder(shipped_models()[source])
    elif path.is_dir():
        node = ModelData.from_folder(path, {"name": name} if name else None)
    else:
        card = {"name": name or path.stem, "licence": licence, "level": level}
        node = _convert(source, path, code, trust, sha256, remote_path, card)
    node.label = node.name
    node.store()
    echo.echo_success(f"ModelData<{node.pk}>: {node.name}, {' '.join(node.elements)}, r_max {node.r_max} Å")


def _convert(
    source: str,
    path: Path,
    code: orm.AbstractCode | None,
    trust: bool,
    sha256: str | None,
    remote_path: bool,
    card: dict[str, Any],
) -> ModelData:
    here = path.is_file() and not remote_path
    if not here and not remote_path and ("/" in source or path.suffix):
        raise RefusedError(f"{source}: there is no such file or folder. Shipped models: {', '.join(shipped_models())}.")
    if not here and not sha256:
        raise RefusedError(
            f"{source}: say which file is meant with --sha256; names of models have changed their files."
        )
    if here and not trust and not sha256:
        raise RefusedError(
            f"{path.name} is a pickle, and opening it runs what is in it. Its sha256 is {sha256_file(path)}. If you "
            "trust where it comes from, say so with --trust."
        )
    if code is None:
        raise RefusedError("a pickled model is opened on a compute machine: name its mlgun code with --code.")
    parameters = {"sha256": sha256 or sha256_file(path)}
    inputs = job_inputs(code, f"convert {card['name']}") | {"card": orm.Dict(card)}
    if here:
        inputs["file"] = orm.SinglefileData(path.resolve())
    else:
        parameters["path" if remote_path else "official"] = source
    job = submit(CalculationFactory("mlgun.convert"), parameters=orm.Dict(parameters), **inputs)
    wait_for(job)
    if not job.is_finished_ok:
        raise RefusedError(f"the conversion <{job.pk}> failed: {job.exit_message}")
    node: ModelData = job.outputs.model
    return node


@model.command("show")
@arguments.DATUM(type=types.DataParamType(sub_classes=("aiida.data:mlgun.model",)))
@SHOW_FORMAT
@decorators.with_dbenv()
def show(datum: ModelData, form: str) -> None:
    """Show what a model is and where it comes from."""
    echo.echo(shown(datum, form))


@model.command("list")
@decorators.with_dbenv()
def list_() -> None:
    """List the shipped models and those in the profile."""
    echo.echo("shipped: " + ", ".join(f"{n} (default)" if n == COMPACT_MODEL else n for n in shipped_models()))
    columns = ["id", "attributes.name", "attributes.elements", "attributes.r_max", "attributes.n_parameters"]
    columns += ["attributes.level", "attributes.trust"]
    rows = orm.QueryBuilder().append(ModelData, project=columns).order_by({ModelData: {"id": "asc"}}).all()
    heads = ("PK", "name", "elements", "r_max", "weights", "level", "trust")
    echo.echo(tabulate([[*r[:2], " ".join(r[2]), *r[3:]] for r in rows], headers=heads))

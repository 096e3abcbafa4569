"""``aiida-mlgun model export``: a model as one file for MACE or LAMMPS, written on a compute machine."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import click
from aiida import orm
from aiida.cmdline.params import arguments, options, types
from aiida.cmdline.utils import decorators, echo
from aiida.engine import submit
from aiida.plugins import CalculationFactory

from ..contract.errors import RefusedError
from ..contract.exporting import ENDINGS
from ..data.model import ModelData
from .model import model
from .root import refusals
from .scheduling import job_inputs
from .wait import wait_for

#: How the file is named in an input of the program, with the file's name and the elements to fill in.
_USE = {
    "mace": "MACECalculator(model_paths='{file}', device='cuda')",
    "lammps": "pair_style mace no_domain_decomposition\n  pair_coeff * * {file} {elements}",
    "lammps-mliap": "pair_style mliap unified {file} 0\n  pair_coeff * * {elements}",
}


@model.command("export")
@arguments.DATUM(type=types.DataParamType(sub_classes=("aiida.data:mlgun.model",)))
@click.option("--format", "form", type=click.Choice(tuple(ENDINGS)), default="mace", show_default=True)
@click.option("--head", help="Head to write, of a model with several.")
@click.option("--precision", type=click.Choice(("float64", "float32")), default="float64", show_default=True)
@options.CODE(required=True, type=types.CodeParamType(), help="The mlgun code: torch and MACE are there, not here.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write; MODEL.model, … by default.")
@decorators.with_dbenv()
@refusals
def export(
    datum: ModelData, form: str, head: str | None, precision: str, code: orm.AbstractCode, output: Path | None
) -> None:
    """Write the model DATUM as a file for MACE or LAMMPS.

    The file is a pickle or TorchScript, so opening it runs what is in it: pass the printed sha256 on with it.
    Weights and JSON, without any code in them: verdi data mlgun.model export.
    """
    if output is not None and output.exists():
        raise RefusedError(f"{output} exists already.")
    parameters = {"format": form, "precision": precision} | ({"head": head} if head else {})
    inputs = job_inputs(code, f"export {datum.name}") | {"model": datum}
    job = submit(CalculationFactory("mlgun.export"), parameters=orm.Dict(parameters), **inputs)
    wait_for(job)
    if not job.is_finished_ok:
        raise RefusedError(f"the export <{job.pk}> failed: {job.exit_message}")
    path = output or Path(job.outputs.file.filename)
    try:
        handle = path.open("xb")
    except FileExistsError as error:
        raise RefusedError(f"{path} exists already; the file is in <{job.outputs.file.pk}>.") from error
    content = job.outputs.file.get_content(mode="rb")
    with handle:
        handle.write(content)
    numbers = job.outputs.results["numbers"]
    echo.echo_success(f"{datum.name} written to {path} (sha256 {sha256(content).hexdigest()})")
    echo.echo(
        f"compared with what is stored: energies within {numbers['energy_difference']:.1e} eV, forces within "
        f"{numbers['forces_difference']:.1e} eV/Å"
    )
    echo.echo("  " + _USE[form].format(file=path.name, elements="…"))
    if form != "mace":
        echo.echo(f"  for … put the elements of your atom types, out of {' '.join(datum.elements)}")

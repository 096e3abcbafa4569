"""``aiida-mlgun doctor``: what stands between this profile and a job that runs, and what to do about it."""

from __future__ import annotations

import sys

import click
from aiida.cmdline.utils import decorators
from aiida.manage import get_manager

from .doctor_checks import Finding, of_codes, of_profile
from .root import cli

_MARKS = {"ok": click.style("ok   ", fg="green"), "note": click.style("note ", fg="yellow")}
_FAULT = click.style("FAULT", fg="red")


@cli.command("doctor")
@click.option("--offline", is_flag=True, help="Open no connection to the computers.")
@decorators.with_dbenv()
def doctor(offline: bool) -> None:
    """Check profile, broker, daemon, computers, codes, and the versions on both sides.

    Exit code 0: all well, or notes alone.  1: a fault; what to do stands below it.
    """
    faults = 0
    for finding in [*of_profile(get_manager()), *of_codes(connect=not offline)]:
        click.echo(_line(finding))
        faults += finding.state == "fault"
    if faults:
        click.echo(f"{faults} fault{'s' if faults > 1 else ''}")
        sys.exit(1)
    click.echo("no faults")


def _line(finding: Finding) -> str:
    line = f"{_MARKS.get(finding.state, _FAULT)} {finding.what}: {finding.detail}"
    return f"{line}\n      → {finding.cure}" if finding.cure else line

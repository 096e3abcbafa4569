"""What every entry point of the package must have."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from aiida.engine import Process, ProcessBuilder
from aiida.orm import Data
from aiida.parsers import Parser
from aiida.plugins import CalculationFactory, ParserFactory, WorkflowFactory
from aiida.plugins.entry_point import load_entry_point

from aiida_mlgun.calculations.base import VerbCalculation
from aiida_mlgun.contract.jobs import VERBS
from aiida_mlgun.contract.status import TABLE

POINTS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["entry-points"]
VERB_NAMES = [f"mlgun.{verb}" for verb in VERBS]
CALCULATIONS = [CalculationFactory(name) for name in VERB_NAMES]
CHAINS = [WorkflowFactory(name) for name in POINTS["aiida.workflows"]]
of_each_process = pytest.mark.parametrize("cls", CALCULATIONS + CHAINS, ids=lambda cls: cls.__name__)


def ports(namespace: Any, path: str = "") -> list[tuple[str, Any]]:
    found = []
    for name, port in namespace.items():
        found.append((f"{path}{name}", port))
        if hasattr(port, "items"):
            found += ports(port, f"{path}{name}.")
    return found


@pytest.mark.parametrize(("group", "name"), [(group, name) for group, names in POINTS.items() for name in names])
def test_every_entry_point_loads_what_it_names(group: str, name: str) -> None:
    module, _, attribute = POINTS[group][name].partition(":")
    loaded = load_entry_point(group, name)
    assert name.startswith("mlgun.")
    assert loaded.__module__ == module or group == "aiida.cmdline.data"
    if group == "aiida.data":
        assert issubclass(loaded, Data)
        assert loaded.class_node_type == f"data.{name}.{attribute}."
    elif group == "aiida.parsers":
        assert issubclass(loaded, Parser)
    elif group == "aiida.workflows" or name in VERB_NAMES:
        assert issubclass(loaded, Process)
    elif group == "aiida.cmdline.data":
        assert isinstance(loaded, click.Group)
        assert (loaded.name, set(loaded.commands)) == (name, {"list", "show", "export"})
    assert loaded.__doc__ or loaded.help


def test_verbs_calculations_and_parsers_go_together() -> None:
    assert set(POINTS["aiida.parsers"]) == set(VERB_NAMES) <= set(POINTS["aiida.calculations"])
    for (verb, job), calculation in zip(VERBS.items(), CALCULATIONS, strict=True):
        assert issubclass(calculation, VerbCalculation)
        assert calculation.JOB is job is VERBS[calculation.VERB]
        assert calculation.spec().inputs["metadata"]["options"]["parser_name"].default == f"mlgun.{verb}"
        assert ParserFactory(f"mlgun.{verb}").__name__.lower() == f"{verb}parser"


@of_each_process
def test_every_port_has_a_help_text(cls: Any) -> None:
    spec = cls.spec()
    own = [
        (path, port)
        for path, port in ports(spec.inputs) + ports(spec.outputs)
        if path.split(".")[0] not in ("metadata", "monitors", "remote_folder", "retrieved", "remote_stash")
    ]
    assert own
    silent = [path for path, port in own if not (port.help or "").strip()]
    assert silent == []


@of_each_process
def test_every_status_is_an_exit_code(cls: Any) -> None:
    codes = cls.exit_codes
    for row in TABLE:
        code = codes[row.label]
        assert (code.status, code.message) == (row.code, row.message)
        if cls in CALCULATIONS:
            assert code.invalidates_cache is row.transient


@of_each_process
def test_docstrings_and_builders(cls: Any) -> None:
    assert (cls.__doc__ or "").strip()
    assert isinstance(cls.get_builder(), ProcessBuilder)
    assert cls.get_description()["spec"]

"""``aiida-mlgun report`` of a curation: what is printed, what is written, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ProcessState
from click.testing import Result

from aiida_mlgun.cli.collect_curation import curation_of
from aiida_mlgun.data.frames import FramesData
from tests.nodes import acetylene, labelled
from tests.report.accounts import account, map_of

Run = Callable[..., Result]
Refusal = Callable[..., str]


def curate(report: dict[str, Any], label: str = "raw set", covered: bool = False) -> orm.WorkChainNode:
    """A finished curate workflow with this account."""
    raw = FramesData(labelled(acetylene(), n=1), {"files": []})
    raw.label = label
    process = orm.WorkChainNode()
    process.set_process_label("CurateWorkChain")
    process.set_process_state(ProcessState.FINISHED)
    process.base.links.add_incoming(raw.store(), LinkType.INPUT_WORK, "frames__a")
    process.store()
    outputs: dict[str, orm.Data] = {"report": orm.Dict(report)}
    if covered:
        facts, arrays = map_of()
        outputs |= {"coverage": orm.Dict(facts), "descriptors": orm.ArrayData(arrays)}
    for name, node in outputs.items():
        node.store().base.links.add_incoming(process, LinkType.RETURN, name)
    return process


@pytest.mark.usefixtures("aiida_profile_clean")
def test_a_curation_is_printed_and_written(run: Run, tmp_path: Path) -> None:
    process = curate(account(), covered=True)
    result = run("report", process.pk, "--output", tmp_path / "page")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("raw set: 704 raw frames (3 of them isolated atoms) → 500 train / 50 validation / 100")
    assert lines[1] == "- There are no test frames of molecule: their errors stay unknown."
    assert any(line.startswith("force too large") and "ceiling 50 eV/Å" in line for line in lines)
    assert any(line.split()[:3] == ["all", "701", "650"] for line in lines)
    assert (tmp_path / "page" / "figures" / "coverage.png").exists()
    assert "97 %</b>of the full set covered" in (tmp_path / "page" / "report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("aiida_profile_clean")
def test_an_account_of_another_kind_is_refused(refusal: Refusal, tmp_path: Path) -> None:
    process = curate(account() | {"strata": {"gun": 551}})
    words = refusal("report", process.pk, "--output", tmp_path / "page")
    assert "raw set.strata.gun: a mapping is needed, not int" in words
    assert not (tmp_path / "page").exists()


@pytest.mark.usefixtures("aiida_profile_clean")
def test_the_job_finds_the_coverage_of_its_workflow() -> None:
    workflow = curate(account(), label="", covered=True)
    job = orm.CalcJobNode()
    job.set_process_label("CurateCalculation")
    job.base.links.add_incoming(workflow, LinkType.CALL_CALC, "job")
    job.store()
    output = orm.Dict(account())
    output.base.links.add_incoming(job, LinkType.CREATE, "report")
    output.store()
    found = curation_of(job)
    assert found is not None and found.coverage is not None and found.name == "a.extxyz"
    named = curation_of(workflow)
    assert named is not None and named.name == f"<{workflow.inputs.frames['a'].pk}>"
    assert curation_of(orm.CalcJobNode().store()) is None
